"""Other images of the same kind: drawn once for all recipes, so that what they share cancels in a difference.

Dimensions: S seeds, P points of a recipe, I images, B draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dse.evidence.curve import Curve, Floats


@dataclass(frozen=True)
class ImageDraws:
    """Weights of the images, the same for all recipes: the Bayesian bootstrap.

    Each image has a weight from Exp(1) (Rubin 1981). Each recipe has two more of its own, from Gamma(1/2), for an
    image that all its runs get right and one that they get wrong: then an accuracy by itself has the posterior
    Beta(r + 1/2, w + 1/2) after r right and w wrong (Jeffreys' interval), which is not empty where all are right, and
    two recipes that agree on all images may still differ.

    A recipe whose images are not recorded has a draw of its own from that posterior (by the arcsine's normal
    approximation), independent of all others: differences are then less exact than they could be.

    Attributes:
        rng: The source of all randomness.
        total_B: Sum of the weights of all images.
        columns: Images that some run gets wrong; what the others weigh only their sum shows.
        weights_BI: The weights of these.
        images: How many images there are; None where no recipe has them recorded, or not all the same ones.
    """

    rng: np.random.Generator
    total_B: Floats
    columns: NDArray[np.int64] = field(repr=False)
    weights_BI: NDArray[np.float32] = field(repr=False)
    images: int | None

    @classmethod
    def of(cls, curves: Sequence[Curve], draws: int, rng: np.random.Generator) -> ImageDraws:
        """Draw weights for the images that these recipes were judged on."""
        recorded = [(curve.wrong, curve.images) for curve in curves if curve.wrong is not None]
        counts = {images for _, images in recorded}
        images = counts.pop() if len(counts) == 1 else None
        if images is None:
            nothing = np.zeros((draws, 0), dtype=np.float32)
            return cls(rng, np.zeros(draws), np.zeros(0, dtype=int), nothing, None)
        ever = np.bitwise_or.reduce([np.bitwise_or.reduce(wrong, axis=(0, 1)) for wrong, _ in recorded])
        columns = np.flatnonzero(np.unpackbits(ever, count=images))
        weights_BI = rng.standard_exponential((draws, len(columns)), dtype=np.float32)
        rest_B = rng.standard_gamma(images - len(columns), draws)
        return cls(rng, weights_BI.sum(axis=1, dtype=float) + rest_B, columns, weights_BI, images)

    @property
    def draws(self) -> int:
        """How many there are."""
        return len(self.total_B)

    def first(self, draws: int) -> ImageDraws:
        """Give the first of the draws."""
        return dataclasses.replace(self, total_B=self.total_B[:draws], weights_BI=self.weights_BI[:draws])

    def drawn(self, curve: Curve) -> Floats:
        """Draw a recipe's accuracies; shape (B, P)."""
        if curve.wrong is None or self.images is None:
            return self._alone(curve)
        wrong_PI = np.unpackbits(curve.wrong, axis=2, count=self.images).sum(axis=0, dtype=np.uint16)
        wrong_PI = wrong_PI.take(self.columns, axis=1).astype(np.float32)
        weighed_BP = self.weights_BI @ wrong_PI.T / curve.seeds_P
        right_B, wrong_B = self.rng.standard_gamma(0.5, (2, self.draws))
        drawn_BP: Floats = 1 - (weighed_BP + wrong_B[:, None]) / (self.total_B + right_B + wrong_B)[:, None]
        return drawn_BP

    def _alone(self, curve: Curve) -> Floats:
        accuracy_P, images = curve.accuracy_P, curve.images
        if images is None:
            return np.broadcast_to(accuracy_P, (self.draws, len(accuracy_P)))
        angle_P = np.arcsin(np.sqrt((accuracy_P * images + 3 / 8) / (images + 3 / 4)))
        normal_B = self.rng.standard_normal(self.draws)
        angle_BP = np.clip(angle_P + normal_B[:, None] / np.sqrt(4 * images + 2), 0, np.pi / 2)
        drawn_BP: Floats = np.sin(angle_BP) ** 2
        return drawn_BP
