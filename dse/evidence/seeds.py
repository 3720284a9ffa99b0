"""How much another seed changes: pooled over all recipes, since most have one seed or two.

Dimensions: R recipes, S seeds, P points of a recipe, B draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dse.evidence.curve import Curve, Floats
from dse.evidence.pooling import Pooled

# Curves that are as far from perfect share a variance: errors within a factor of about e to this power count fully.
BANDWIDTH = 0.4
# Without replicates: the standard deviation over seeds as a share of the error rate, as in results/mnist-table and
# results/mnist-dimensions (0.06 to 0.1; in results/digits-table 0.2), hardly surer than that.
ASSUMED, ASSUMED_DEGREES, ASSUMED_CORRELATION = 0.1, 4.0, 0.8
GRID = np.linspace(np.log(1e-6), 0.0, 120)


@dataclass(frozen=True)
class SeedNoise:
    """The variance of accuracies over seeds.

    A recipe's variance is ``level`` (what recipes with as many errors have) times a factor of its own. The error of a
    mean over S seeds of P points along the curve is a path whose neighbours correlate, with Student's t tails since
    the variance itself is an estimate.

    Attributes:
        level: Logarithm of the variance as a share of the squared error rate, at the log error rates of ``GRID``.
        factor: Prior of the recipes' own factors.
        correlation: Of a run's deviations at neighbouring epochs.
        on_images: Share of the binomial variance a (1 - a) of one image that seeds do not share: what a drawing of
            images adds for each run, and what the variance over seeds holds already.
    """

    level: Floats
    factor: Pooled
    correlation: float
    on_images: float

    @classmethod
    def fitted(cls, curves: Sequence[Curve]) -> SeedNoise:
        """Learn from all recipes with several seeds; where there is none, what recorded tables have is assumed."""
        several = [curve for curve in curves if curve.seeds > 1]
        if not several:
            level = np.full(len(GRID), 2 * np.log(ASSUMED))
            return cls(level, Pooled(1.0, ASSUMED_DEGREES, ASSUMED_DEGREES), ASSUMED_CORRELATION, 0.0)
        errors = np.concatenate([curve.log_error_P for curve in several])
        shares = np.concatenate([curve.variance_P for curve in several]) / np.exp(2 * errors)
        degrees = np.concatenate([curve.seeds_P - 1.0 for curve in several])
        errors, shares, degrees = (each[degrees > 0] for each in (errors, shares, degrees))
        nearness = np.exp(-(((GRID[:, None] - errors) / BANDWIDTH) ** 2) / 2) + 1e-9
        weights = nearness * degrees
        level = np.log(np.maximum(weights @ shares / weights.sum(axis=1), 1e-12))
        ratios = np.array([_ratio(curve, level) for curve in several])
        factor = Pooled.fitted(ratios, np.array([curve.seeds - 1.0 for curve in several]))
        return cls(level, factor, _neighbours(several), _on_images(several))

    def of(self, curve: Curve) -> Floats:
        """Give the variance of one run of a recipe at its points; shape (P,)."""
        variance_P: Floats = self._factor(curve).variance * _expected(curve, self.level)
        return variance_P

    def _factor(self, curve: Curve) -> Pooled:
        seen = _ratio(curve, self.level) if curve.seeds > 1 else 0.0
        return self.factor.posterior(seen, curve.seeds - 1)

    def drawn(self, curve: Curve, common_B: Floats, rng: np.random.Generator) -> Floats:
        """Draw errors of a recipe's mean accuracies, what a drawing of its images adds left out; shape (B, P).

        Args:
            curve: The recipe.
            common_B: By which factor all standard deviations may be wrong, as drawn for all recipes.
            rng: The source of all randomness.
        """
        factor, draws = self._factor(curve), len(common_B)
        variance_P = factor.variance * _expected(curve, self.level)
        if curve.wrong is not None and curve.images is not None:
            accuracy_P = curve.accuracy_P
            variance_P = np.maximum(
                variance_P - self.on_images * accuracy_P * (1 - accuracy_P) / curve.images, 0
            )
        path_BP = rng.standard_normal((draws, len(variance_P)))
        kept = self.correlation ** np.diff(curve.epoch_P)
        path_BP[:, 1:] *= np.sqrt(1 - kept**2)
        for p, share in enumerate(kept):
            path_BP[:, p + 1] += share * path_BP[:, p]
        scales_B = common_B if factor.is_common else factor.scales(draws, rng)
        drawn_BP: Floats = path_BP * scales_B[:, None] * np.sqrt(variance_P / curve.seeds_P)
        return drawn_BP


def _expected(curve: Curve, level: Floats) -> Floats:
    expected_P: Floats = np.exp(np.interp(curve.log_error_P, GRID, level) + 2 * curve.log_error_P)
    return expected_P


def _ratio(curve: Curve, level: Floats) -> float:
    """Compare a recipe's variance with what is usual for its error rates, the mean over its points."""
    return float(np.nanmean(curve.variance_P / _expected(curve, level)))


def _neighbours(several: Sequence[Curve]) -> float:
    """Correlate what runs deviate at neighbouring epochs."""
    pairs = []
    for curve in several:
        deviations_SP, judged_SP = curve.accuracy_SP - curve.accuracy_P, curve.judged_SP
        sd_P = deviations_SP.std(axis=0, where=judged_SP)
        use = (np.diff(curve.epoch_P) == 1) & (sd_P[1:] > 0) & (sd_P[:-1] > 0)
        use &= (judged_SP[:, 1:] == judged_SP[:, :-1]).all(axis=0)
        normal_SP = deviations_SP / np.where(sd_P > 0, sd_P, 1)
        products_SP = normal_SP[:, 1:] * normal_SP[:, :-1]
        pairs.append(products_SP[:, use].mean(axis=0, where=judged_SP[:, 1:][:, use]))
    found = np.concatenate(pairs)
    return float(np.clip(found.mean(), 0, 0.99)) if len(found) else 0.9


def _on_images(several: Sequence[Curve]) -> float:
    """Compare how runs of a recipe differ image by image with how a coin of their accuracy would."""
    between, binomial = 0.0, 0.0
    for curve in several:
        if curve.wrong is not None and curve.images is not None:
            point = curve.last_of_most
            counts_I = np.unpackbits(curve.wrong[:, point], axis=1, count=curve.images).sum(
                axis=0, dtype=np.int64
            )
            seeds = curve.seeds
            between += float((counts_I * (seeds - counts_I)).mean()) / (seeds * (seeds - 1))
            accuracy = float(curve.accuracy_P[point])
            binomial += accuracy * (1 - accuracy)
    return min(between / binomial, 1.0) if binomial > 0 else 0.0
