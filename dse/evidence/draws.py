"""The joint bootstrap: other images, other seeds, another reading of the clock, for all recipes at once.

Dimensions: R recipes, P points of a recipe, K points of all of them, B draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dse.evidence.clock import ClockNoise
from dse.evidence.curve import Curve, Floats
from dse.evidence.images import ImageDraws
from dse.evidence.seeds import SeedNoise


@dataclass(frozen=True)
class Noise:
    """All that makes a study's figures uncertain.

    Attributes:
        seeds: How much another seed changes; None as if there were no end of them.
        assumed: Whether that is assumed, since no recipe has several.
        clock: How exactly seconds are known.
    """

    seeds: SeedNoise | None
    clock: ClockNoise
    assumed: bool = False

    @classmethod
    def fitted(cls, curves: Sequence[Curve], stated: Mapping[int, float] | None = None) -> Noise:
        """Learn from all recipes.

        Args:
            curves: Of every recipe.
            stated: Relative standard errors of the seconds of some, by their place, from a calibrated clock.
        """
        assumed = all(curve.seeds == 1 for curve in curves)
        return cls(SeedNoise.fitted(curves), ClockNoise.fitted(curves, stated or {}), assumed)

    def standard_errors(self, curve: Curve) -> Floats:
        """Give the standard errors of a recipe's accuracies, taken by themselves; shape (P,)."""
        accuracy_P = curve.accuracy_P
        variance_P = np.zeros(len(accuracy_P))
        if curve.images is not None:
            share_P = (accuracy_P * curve.images + 0.5) / (curve.images + 1)
            variance_P += share_P * (1 - share_P) / curve.images
        if self.seeds is not None:
            variance_P += self.seeds.of(curve) / curve.seeds_P
        errors_P: Floats = np.sqrt(variance_P)
        return errors_P


@dataclass(frozen=True)
class Drawn:
    """What recipes might have given.

    Attributes:
        accuracy_BK: Of all points side by side.
        seconds_BK: Of all points side by side.
        seeds_BP: The part of each accuracy that other seeds make, for each of them.
    """

    accuracy_BK: Floats = field(repr=False)
    seconds_BK: Floats = field(repr=False)
    seeds_BP: tuple[Floats, ...] = field(repr=False)

    @property
    def accuracy_BP(self) -> list[Floats]:
        """For each of them."""
        return self._apart(self.accuracy_BK)

    @property
    def seconds_BP(self) -> list[Floats]:
        """For each of them."""
        return self._apart(self.seconds_BK)

    def _apart(self, values_BK: Floats) -> list[Floats]:
        return np.split(values_BK, np.cumsum([each.shape[1] for each in self.seeds_BP])[:-1], axis=1)

    @property
    def settled_BK(self) -> Floats:
        """Accuracies if there were no end of seeds: what is left is what images make."""
        return self.accuracy_BK - np.concatenate(self.seeds_BP, axis=1)


def draw(curves: Mapping[int, Curve], noise: Noise, images: ImageDraws, rng: np.random.Generator) -> Drawn:
    """Draw what recipes might have given with other images, other seeds and another reading of the clock.

    The epochs whose weights are kept stay those that were kept: a maximum over noisy epochs, taken again in each draw,
    would be too good twice.

    Args:
        curves: The recipes, by their place.
        noise: How uncertain they are.
        images: The images, drawn once for all.
        rng: The source of all randomness.
    """
    draws, ends = images.draws, np.cumsum([len(curve.epoch_P) for curve in curves.values()])
    accuracy_BK, seconds_BK = np.empty((2, draws, ends[-1]))
    seeds = []
    nothing_B = np.ones(draws)
    of_seeds_B = nothing_B if noise.seeds is None else noise.seeds.factor.common.scales(draws, rng)
    of_clock_B = nothing_B if noise.clock.runs is None else noise.clock.runs.common.scales(draws, rng)
    for (place, curve), end in zip(curves.items(), ends, strict=True):
        here = slice(end - len(curve.epoch_P), end)
        accuracy_BP = images.drawn(curve)
        if curve.optimism_P is not None:
            accuracy_BP = accuracy_BP - curve.optimism_P
        seeds_BP = np.zeros(accuracy_BP.shape)
        if noise.seeds is not None:
            seeds_BP = noise.seeds.drawn(curve, of_seeds_B, rng)
        seeds.append(seeds_BP)
        accuracy_BK[:, here] = accuracy_BP + seeds_BP
        seconds_BK[:, here] = curve.seconds_P * noise.clock.drawn(place, curve, of_clock_B, rng)[:, None]
    return Drawn(accuracy_BK, seconds_BK, tuple(seeds))
