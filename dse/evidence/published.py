"""What the paper published.

Marchisio et al. 2019, FasTrCaps: tables of MNIST (means of 5 runs) and FashionMNIST (one run each).
"""

from __future__ import annotations

from dataclasses import dataclass

# Printed among the parameters, although they are not trained: 1,152 capsules by 10 classes.
COUPLING_COEFFICIENTS = 11_520
EPOCHS = 30


@dataclass(frozen=True, slots=True)
class Published:
    """A row of the paper's results.

    Attributes:
        accuracy: Best test accuracy.
        best_epoch: The epoch that has it.
        epoch_seconds: Of the authors' GPU; means something as a ratio to another row's alone.
        parameters: As printed, coupling coefficients included; None if they are not.
    """

    accuracy: float
    best_epoch: int
    epoch_seconds: float
    parameters: int | None = None

    @property
    def seconds_to_best(self) -> float:
        """Seconds of the best epoch, as the paper reckons them."""
        return self.best_epoch * self.epoch_seconds

    def beside(self, baseline: Published) -> tuple[float, float]:
        """Give the seconds to the best as a share of the baseline's, and the accuracy gained over it.

        >>> rows = PUBLISHED["mnist"]
        >>> [round(value, 4) for value in rows["warm_ada_batch"].beside(rows["baseline"])]
        [0.2759, 0.0009]
        """
        return self.seconds_to_best / baseline.seconds_to_best, self.accuracy - baseline.accuracy


_FULL, _SHARED = 8_227_248, 6_719_920
PUBLISHED: dict[str, dict[str, Published]] = {
    "mnist": {
        "baseline": Published(0.99366, 29, 300, _FULL),
        "exponential_decay": Published(0.99404, 12, 300, _FULL),
        "one_cycle": Published(0.99384, 24, 300, _FULL),
        "warm_restarts": Published(0.9944, 11, 300, _FULL),
        "adabatch": Published(0.9941, 8, 754, _FULL),
        "warm_ada_batch": Published(0.99454, 3, 800, _FULL),
        "weight_sharing": Published(0.991, 27, 300, _SHARED),
        "warm_ada_batch_weight_sharing": Published(0.9938, 18, 400, _SHARED),
    },
    "fashion_mnist": {
        "baseline": Published(0.9099, 17, 290),
        "exponential_decay": Published(0.9165, 29, 280),
        "one_cycle": Published(0.9173, 27, 300),
        "warm_restarts": Published(0.9135, 17, 290),
        "adabatch": Published(0.9127, 27, 350),
        "warm_ada_batch": Published(0.9147, 27, 310),
        "weight_sharing": Published(0.9047, 17, 300),
        "warm_ada_batch_weight_sharing": Published(0.9061, 20, 310),
    },
}
"""By name of the data set and of the row, as in ``dse.recipe.paper.ROWS``."""
