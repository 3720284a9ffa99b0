"""How exactly seconds are known: by how much runs of one recipe differ, or what a calibrated clock says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dse.evidence.curve import Curve, Floats
from dse.evidence.pooling import Pooled


@dataclass(frozen=True)
class ClockNoise:
    """Relative errors of mean train seconds; one for the whole curve of a recipe.

    Attributes:
        runs: Prior of the variance of log seconds over the runs of a recipe; None where no recipe has several.
        stated: Relative standard errors that a calibrated clock states, by place of the recipe.
    """

    runs: Pooled | None
    stated: Mapping[int, float]

    @classmethod
    def fitted(cls, curves: Sequence[Curve], stated: Mapping[int, float]) -> ClockNoise:
        """Learn from the recipes with several runs."""
        several = [curve for curve in curves if curve.seeds > 1]
        if not several:
            return cls(None, stated)
        variances = np.array([curve.clock_variance for curve in several])
        return cls(Pooled.fitted(variances, np.array([curve.seeds - 1.0 for curve in several])), stated)

    def error(self, place: int, curve: Curve) -> float:
        """Give the relative standard error of a recipe's mean seconds."""
        if place in self.stated:
            return self.stated[place]
        known = self._known(curve)
        return 0.0 if known is None else float(np.sqrt(known.variance / curve.seeds_P.min()))

    def _known(self, curve: Curve) -> Pooled | None:
        if self.runs is None:
            return None
        return self.runs.posterior(curve.clock_variance if curve.seeds > 1 else 0.0, curve.seeds - 1)

    def drawn(self, place: int, curve: Curve, common_B: Floats, rng: np.random.Generator) -> Floats:
        """Draw factors of a recipe's mean seconds; shape (B,).

        Args:
            place: Of the recipe.
            curve: The recipe.
            common_B: By which factor all standard deviations may be wrong, as drawn for all recipes.
            rng: The source of all randomness.
        """
        known, draws = None if place in self.stated else self._known(curve), len(common_B)
        scales_B = np.ones(draws) if known is None else common_B
        if known is not None and not known.is_common:
            scales_B = known.scales(draws, rng)
        errors_B = self.error(place, curve) * scales_B * rng.standard_normal(draws)
        # With a single degree of freedom some draws are beyond all numbers; a hundred times as fast says the same.
        factors_B: Floats = np.exp(np.clip(errors_B, -4.6, 4.6))
        return factors_B
