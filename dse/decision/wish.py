"""What is asked of a point: limits, and the knee."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dse.errors import InputError
from dse.units import value_text


@dataclass(frozen=True, slots=True)
class Wish:
    """What a point must keep to, and whether the knee is asked for.

    Of the points that keep to all limits the fastest is picked where an accuracy is asked for, and the most accurate
    where none is; or the knee.

    Attributes:
        max_seconds: Train seconds, at most.
        min_accuracy: Share of images that are right, at least.
        max_parameters: Trained weights, at most.
        as_good_as_baseline: Whether the accuracy is at least the baseline's best.
        knee: Whether the knee of the front is picked: beyond it accuracy gets dear.

    >>> str(Wish(min_accuracy=0.975, max_parameters=300_000))
    'fastest with at least 97.50 % and at most 300,000 parameters'
    >>> str(Wish(max_seconds=60, knee=True))
    'knee with at most 60.0 s'
    """

    max_seconds: float | None = None
    min_accuracy: float | None = None
    max_parameters: int | None = None
    as_good_as_baseline: bool = False
    knee: bool = False

    def check(self) -> None:
        """Refuse what no point can be asked for.

        Raises:
            InputError: Nothing is asked for, or a limit is out of its own limits.
        """
        if self == Wish():
            raise InputError(
                "nothing is asked of the point. Give max_seconds, min_accuracy, max_parameters, as_good_as_baseline or "
                "knee."
            )
        for name in ("max_seconds", "max_parameters"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name}={value}, but it is a number above 0.")
        if self.min_accuracy is not None and not 0 <= self.min_accuracy <= 1:
            raise InputError(
                f"min_accuracy={self.min_accuracy}, but it is a share between 0 and 1. Write 97.5 % as 0.975."
            )

    @property
    def limits(self) -> str:
        """All limits, for readers; empty if there is none."""
        limits = [
            "" if self.max_seconds is None else f"at most {value_text(self.max_seconds, 's')}",
            "" if self.min_accuracy is None else f"at least {value_text(self.min_accuracy, 'share')}",
            "" if self.max_parameters is None else f"at most {self.max_parameters:,} parameters",
            "the baseline's best accuracy" if self.as_good_as_baseline else "",
        ]
        return " and ".join(filter(None, limits))

    def __str__(self) -> str:
        goal = "knee" if self.knee else "fastest" if self.asks_for_accuracy else "most accurate"
        return f"{goal} with {self.limits}" if self.limits else goal

    @property
    def asks_for_accuracy(self) -> bool:
        """Whether accuracy has a lower limit, so that time is what is left to choose by."""
        return self.min_accuracy is not None or self.as_good_as_baseline
