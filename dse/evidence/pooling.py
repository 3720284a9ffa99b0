"""Variances of few values each, made steadier by what all of them show together: empirical Bayes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# What is thought of the prior's degrees of freedom before anything is seen: about 20, between 3 and 150.
USUAL_DEGREES, SPREAD_OF_DEGREES = 20.0, 1.0
DEGREES = np.geomspace(1, 1_000, 25)
SCALES = np.geomspace(0.05, 20, 61)


@dataclass(frozen=True)
class Pooled:
    """The prior of a variance: a scaled inverse chi-square.

    A variance s2 with d degrees of freedom becomes (d0 s02 + d s2) / (d0 + d) with d0 + d degrees, but not more than
    all variances have together. Source: Smyth 2004 (Linear models and empirical Bayes methods for assessing
    differential expression), section 4; the bound is that of its package limma, ``eBayes``.

    Attributes:
        variance: The prior's s02.
        degrees: Its d0.
        seen: Degrees of freedom of all variances together: nothing is known better than that.
    """

    variance: float
    degrees: float
    seen: float = math.inf

    @classmethod
    def fitted(cls, variances: Floats, degrees: Floats) -> Pooled:
        """Fit the prior to variances, of which each is s02 times an F with (d, d0) degrees of freedom.

        On a grid the most probable d0, and for that the mean s02 (of its logarithm). d0 has a prior of its own, since
        a few variances say little about it.

        Args:
            variances: At least one that is above 0; zeros count as hardly more than that.
            degrees: Their degrees of freedom.
        """
        mean = float(np.average(variances, weights=degrees))
        if mean <= 0:
            return cls(0.0, USUAL_DEGREES, float(degrees.sum()))
        x = np.maximum(variances / mean, 1e-4)[:, None, None]
        d, d0, s02 = degrees[:, None, None], DEGREES[:, None], SCALES
        ratio = d * x / (d0 * s02)
        likelihood = (
            _log_gamma((d + d0) / 2)
            - _log_gamma(d0 / 2)
            + d / 2 * np.log(d / (d0 * s02))
            + d / 2 * np.log(x)
            - (d + d0) / 2 * np.log1p(ratio)
        ).sum(axis=0)
        prior = -((np.log(DEGREES / USUAL_DEGREES) / SPREAD_OF_DEGREES) ** 2) / 2
        likelihood = np.exp(likelihood + prior[:, None] - (likelihood + prior[:, None]).max())
        best = int(np.argmax(likelihood.sum(axis=1)))
        scale = float(np.exp(np.average(np.log(SCALES), weights=likelihood[best])))
        return cls(mean * scale, float(DEGREES[best]), float(degrees.sum()))

    def scales(self, draws: int, rng: np.random.Generator) -> Floats:
        """Draw by what a standard deviation may be wrong, as a factor: Student's t is a normal value times it."""
        if math.isinf(self.degrees):
            return np.ones(draws)
        scales_B: Floats = np.sqrt(self.degrees / rng.chisquare(self.degrees, draws))
        return scales_B

    @property
    def common(self) -> Pooled:
        """What is known of all variances together: if that is little, all of them are wrong by the same factor."""
        return Pooled(self.variance, self.seen, self.seen)

    @property
    def is_common(self) -> bool:
        """Whether a variance is known no better than all of them together."""
        return self.degrees >= self.seen

    def posterior(self, variance: float, degrees: float) -> Pooled:
        """Give what is known of a variance that was seen with some degrees of freedom; 0 if it was not."""
        total = self.degrees + degrees
        mean = (self.degrees * self.variance + degrees * variance) / total
        return Pooled(mean, min(total, self.seen), self.seen)


_log_gamma = np.vectorize(math.lgamma, otypes=[float])
