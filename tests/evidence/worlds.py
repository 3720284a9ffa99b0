"""Made-up worlds whose truth is known: recipes, seeds and images, and studies drawn from them.

An image is right if a recipe's skill and noise exceed its difficulty; part of the noise is the image's own, part
belongs to the recipe, part to the seed and part to the epoch, as in real runs, whose errors overlap without being the
same. So the share of all images that a run gets right is known exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dse.evidence.curve import Curve, Floats
from dse.evidence.optimism import optimism

RECIPE, SEED, EPOCH = 0.5, 0.7, 0.3  # noise of an image beside its difficulty, which has 1
WHOLE = math.sqrt(1 + RECIPE**2 + SEED**2 + EPOCH**2)
_normal_share = np.vectorize(lambda x: (1 + math.erf(x / math.sqrt(2))) / 2)


def kept_epochs(accuracy_SE: Floats) -> np.ndarray:
    """The best epoch so far, counted from 0."""
    best_SE = np.maximum.accumulate(accuracy_SE, axis=1)
    improved_SE = np.diff(best_SE, axis=1, prepend=-np.inf) > 0
    return np.maximum.accumulate(np.where(improved_SE, np.arange(accuracy_SE.shape[1]), 0), axis=1)


@dataclass(frozen=True)
class World:
    """Recipes (R) with curves over E epochs.

    Attributes:
        skill_RE: What a run of each recipe reaches after each epoch, but for its seed.
        step_R: Seconds an epoch.
        images: How many images judge.
        seed_sd: How much seeds differ in skill.
        epoch_sd: How much epochs of a run do.
        clock_sd: Relative deviation of a run's seconds.
    """

    skill_RE: Floats
    step_R: Floats
    images: int = 400
    seed_sd: float = 0.1
    epoch_sd: float = 0.05
    clock_sd: float = 0.03

    @classmethod
    def random(cls, rng: np.random.Generator, recipes: int = 6, epochs: int = 5, **noise: float) -> World:
        top_R1, rate_R1 = rng.normal(2.4, 0.2, (recipes, 1)), rng.uniform(0.2, 1.2, (recipes, 1))
        skill_RE = top_R1 - 2.5 * np.exp(-rate_R1 * np.arange(1, epochs + 1))
        return cls(skill_RE, rng.uniform(1, 3, recipes), **noise)  # type: ignore[arg-type]

    @property
    def seconds_RE(self) -> Floats:
        return self.step_R[:, None] * np.arange(1, self.skill_RE.shape[1] + 1)

    def runs(self, rng: np.random.Generator, r: int, seeds: int, hard_I: Floats) -> tuple[Floats, np.ndarray]:
        """Skills of some runs after each epoch, and which images they get wrong."""
        epochs, images = self.skill_RE.shape[1], len(hard_I)
        skill_SE = self.skill_RE[r] + rng.normal(0, self.seed_sd, (seeds, 1))
        skill_SE = skill_SE + rng.normal(0, self.epoch_sd, (seeds, epochs))
        noise_SEI = EPOCH * rng.standard_normal((seeds, epochs, images), dtype=np.float32)
        noise_SEI += SEED * rng.standard_normal((seeds, 1, images), dtype=np.float32)
        noise_SEI += RECIPE * rng.standard_normal(images, dtype=np.float32) + hard_I
        return skill_SE, skill_SE[:, :, None] + noise_SEI < 0

    def truth(self, rng: np.random.Generator, runs: int = 2_000, at_once: int = 20) -> Floats:
        """Mean accuracy, on all images there are, of the weights that a run keeps; shape (R, E)."""
        accuracy_RE = np.zeros(self.skill_RE.shape)
        for r in range(len(accuracy_RE)):
            for _ in range(runs // at_once):
                hard_I = rng.standard_normal(self.images, dtype=np.float32)
                skill_SE, wrong_SEI = self.runs(rng, r, at_once, hard_I)
                kept_SE = kept_epochs(1 - wrong_SEI.mean(axis=2))
                accuracy_RE[r] += _normal_share(np.take_along_axis(skill_SE, kept_SE, axis=1) / WHOLE).sum(
                    axis=0
                )
        return accuracy_RE / runs

    def study(self, rng: np.random.Generator, seeds_R: list[int], *, recorded: bool = True) -> list[Curve]:
        """Train every recipe with so many seeds, and judge all runs on the same images."""
        hard_I = rng.standard_normal(self.images, dtype=np.float32)
        return [self._curve(rng, r, seeds, hard_I, recorded=recorded) for r, seeds in enumerate(seeds_R)]

    def _curve(
        self, rng: np.random.Generator, r: int, seeds: int, hard_I: Floats, *, recorded: bool
    ) -> Curve:
        _, wrong_SEI = self.runs(rng, r, seeds, hard_I)
        accuracy_SE = 1 - wrong_SEI.mean(axis=2)
        kept_SE = kept_epochs(accuracy_SE)
        best_SE = np.take_along_axis(accuracy_SE, kept_SE, axis=1)
        rising = np.flatnonzero(np.diff(best_SE.mean(axis=0), prepend=-1) > 1e-9)
        seconds_SE = self.seconds_RE[r] * np.exp(rng.normal(0, self.clock_sd, (seeds, 1)))
        curve = Curve(rising + 1, seconds_SE[:, rising], best_SE[:, rising], images=self.images)
        if not recorded:
            return curve
        wrong_SPI = np.take_along_axis(wrong_SEI, kept_SE[:, rising, None], axis=1)
        flattery_SE = np.array([optimism(wrong_EI, rng) for wrong_EI in wrong_SEI])
        return Curve(
            curve.epoch_P,
            curve.seconds_SP,
            curve.accuracy_SP,
            wrong=np.packbits(wrong_SPI, axis=2),
            images=self.images,
            optimism_P=flattery_SE[:, rising].mean(axis=0),
        )
