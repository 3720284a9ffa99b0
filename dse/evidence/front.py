"""How sure it is that a point is on the front.

Dimensions: R recipes, P points of a recipe, K points of all of them, B draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dse.evidence.curve import Curve, Floats
from dse.evidence.draws import Drawn, Noise, draw
from dse.evidence.images import ImageDraws

# Draws after which a point that never came near the front is no longer followed.
FIRST_DRAWS = 100
# A point is left out if another one beats it though both were wrong by this many standard errors.
FAR = 3.0
# Of so many recipes with a point that may be on the front, those are followed that lack the least, in standard errors.
MOST_RECIPES = 1_000
# Draws are sorted some at a time, as many as stay in a processor's cache.
POINTS_TOGETHER = 50_000


class Verdict(StrEnum):
    """What can be said of a point, with the confidence that was asked for."""

    ON_FRONT = "on the front"
    DOMINATED = "dominated"
    TIED = "tied"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked of a verdict.

    Attributes:
        confidence: Between 0.5 and 1.
        margin: Accuracy that a point may lack to the front and still be tied with it.
        draws: How many to draw.
        seed: Of their randomness.
    """

    confidence: float = 0.95
    margin: float = 0.0
    draws: int = 1_000
    seed: int = 0

    def verdict(self, on_front: float, within: float) -> Verdict:
        """Say what can be said of a point.

        Args:
            on_front: Probability that no point dominates it.
            within: Probability that none does by more than the margin.
        """
        if on_front >= self.confidence:
            return Verdict.ON_FRONT
        if within >= self.confidence:
            return Verdict.TIED
        return Verdict.DOMINATED if within <= 1 - self.confidence else Verdict.UNDECIDED

    def interval(self, drawn_BK: Floats) -> tuple[Floats, Floats]:
        """Give the limits between which the middle of the draws lies, each of shape (K,)."""
        tail = (1 - self.confidence) / 2
        low_K, high_K = np.quantile(drawn_BK, (tail, 1 - tail), axis=0)
        return low_K, high_K


@dataclass(frozen=True)
class Places:
    """Points of several curves, side by side.

    Attributes:
        recipe_K: Place of the recipe of each.
        point_K: Place of the point on its curve.
    """

    recipe_K: NDArray[np.int64]
    point_K: NDArray[np.int64]

    @classmethod
    def every(cls, curves: Sequence[Curve]) -> Places:
        """Give all points of all curves."""
        sizes = [len(curve.epoch_P) for curve in curves]
        points = [np.arange(size) for size in sizes]
        return cls(np.repeat(np.arange(len(curves)), sizes), np.concatenate([np.zeros(0, int), *points]))

    def where(self, mask_K: NDArray[np.bool_]) -> Places:
        """Give those of the points that are marked."""
        return Places(self.recipe_K[mask_K], self.point_K[mask_K])

    def curves(self, curves: Sequence[Curve]) -> dict[int, Curve]:
        """Cut the curves down to these points, by the place of their recipe."""
        recipes, firsts = np.unique(self.recipe_K, return_index=True)
        parts = np.split(self.point_K, firsts[1:])
        return {
            r: curves[r] if len(part) == len(curves[r].epoch_P) else curves[r].at(part)
            for r, part in zip(recipes.tolist(), parts, strict=True)
            if len(part)
        }


@dataclass(frozen=True)
class FrontEvidence:
    """The points that may be on the front, and how sure that is.

    Attributes:
        places: Which points they are, in the order of their recipes.
        on_front_K: Probability that no point dominates it.
        within_K: Probability that no point dominates it by more than the margin.
        accuracy_2K: Limits of its accuracy.
        seconds_2K: Limits of its train seconds.
    """

    places: Places
    on_front_K: Floats
    within_K: Floats
    accuracy_2K: tuple[Floats, Floats]
    seconds_2K: tuple[Floats, Floats]


@dataclass(frozen=True)
class Followed:
    """The points that may be on the front, as they were drawn.

    Attributes:
        places: Which points they are, in the order of their recipes.
        drawn: Their recipes, cut down to them.
        parameters_K: Parameters of each.
        on_front_K: Whether each is on the front of what was measured.
        lacks_BK: What each lacks to the front; 0 on it.
    """

    places: Places
    drawn: Drawn
    parameters_K: Floats
    on_front_K: NDArray[np.bool_]
    lacks_BK: Floats

    @classmethod
    def of(cls, curves: Sequence[Curve], noise: Noise, limits: Limits) -> Followed:
        """Draw every point as long as it may matter.

        It does not if another one beats it by far, nor if it never came within the margin of the front in the first
        draws, unless it is on the front of what was measured.

        Args:
            curves: Of every recipe.
            noise: How uncertain they are.
            limits: What is asked.
        """
        rng = np.random.default_rng(limits.seed)
        places = Places.every(curves)
        places = places.where(_near_K(places.curves(curves), noise))
        images = ImageDraws.of(list(places.curves(curves).values()), limits.draws, rng)
        first = min(FIRST_DRAWS, limits.draws)
        found = cls._drawn(curves, places, noise, images.first(first), rng)
        if first == limits.draws:
            return found
        places = places.where((found.lacks_BK <= limits.margin).any(axis=0) | found.on_front_K)
        return cls._drawn(curves, places, noise, images, rng)

    @classmethod
    def _drawn(
        cls,
        curves: Sequence[Curve],
        places: Places,
        noise: Noise,
        images: ImageDraws,
        rng: np.random.Generator,
    ) -> Followed:
        followed = places.curves(curves)
        drawn = draw(followed, noise, images, rng)
        accuracy_K, seconds_K, parameters_K = (
            np.concatenate(values)
            for values in zip(
                *(
                    (c.accuracy_P, c.seconds_P, np.full(len(c.epoch_P), c.parameters))
                    for c in followed.values()
                ),
                strict=True,
            )
        )
        on_front_K = shortfalls(accuracy_K[None], seconds_K[None], parameters_K)[0] <= 0
        lacks_BK = shortfalls(drawn.accuracy_BK, drawn.seconds_BK, parameters_K)
        return cls(places, drawn, parameters_K, on_front_K, lacks_BK)


def judge_front(curves: Sequence[Curve], noise: Noise, limits: Limits) -> FrontEvidence:
    """Say of every point that may be on the front how sure that is.

    The front is that of train seconds and accuracy, and of parameters where the curves know them.

    Args:
        curves: Of every recipe.
        noise: How uncertain they are.
        limits: What is asked.
    """
    found = Followed.of(curves, noise, limits)
    return FrontEvidence(
        found.places,
        (found.lacks_BK <= 0).mean(axis=0),
        (found.lacks_BK <= limits.margin).mean(axis=0),
        limits.interval(found.drawn.accuracy_BK),
        limits.interval(found.drawn.seconds_BK),
    )


def may_matter(curves: Sequence[Curve], noise: Noise) -> NDArray[np.int64]:
    """Give the places of the recipes with a point that no other one beats by far."""
    places = Places.every(curves)
    return np.unique(places.where(_near_K(places.curves(curves), noise)).recipe_K)


def shortfalls(accuracy_BK: Floats, seconds_BK: Floats, parameters_K: Floats) -> Floats:
    """Give what points lack in accuracy to the best that takes no more seconds and no more parameters; shape (B, K).

    It is 0 for the points of the front.

    >>> shortfalls(np.array([[0.8, 0.7, 0.9]]), np.array([[1.0, 2.0, 3.0]]), np.zeros(3)).round(3).tolist()
    [[0.0, 0.1, 0.0]]
    """
    lacks_BK = np.empty(accuracy_BK.shape)
    together = max(1, POINTS_TOGETHER // max(1, len(parameters_K)))
    for start in range(0, len(lacks_BK), together):
        some = slice(start, start + together)
        lacks_BK[some] = _shortfalls(accuracy_BK[some], seconds_BK[some], parameters_K)
    return lacks_BK


def _shortfalls(accuracy_BK: Floats, seconds_BK: Floats, parameters_K: Floats) -> Floats:
    # Sorted by one key, a dozen times as fast as by two: of points that end together each sees all that they reached.
    order_BK = np.argsort(seconds_BK, axis=1)
    accuracy_BK = np.take_along_axis(accuracy_BK, order_BK, axis=1)
    last_BK = _last_together(np.take_along_axis(seconds_BK, order_BK, axis=1))
    sorted_BK = parameters_K[order_BK]
    best_BK = np.empty(accuracy_BK.shape)
    for level in np.unique(parameters_K):
        reached_BK = np.maximum.accumulate(np.where(sorted_BK <= level, accuracy_BK, -np.inf), axis=1)
        reached_BK = np.take_along_axis(reached_BK, last_BK, axis=1)
        best_BK = np.where(sorted_BK == level, reached_BK, best_BK)
    lacks_BK = np.empty_like(accuracy_BK)
    np.put_along_axis(lacks_BK, order_BK, best_BK - accuracy_BK, axis=1)
    return lacks_BK


def _last_together(sorted_BK: Floats) -> NDArray[np.int64]:
    """Give the place of the last of those that are equal to each; shape (B, K)."""
    size = sorted_BK.shape[1]
    ends_BK = np.ones(sorted_BK.shape, dtype=bool)
    ends_BK[:, :-1] = sorted_BK[:, 1:] > sorted_BK[:, :-1]
    places_BK = np.where(ends_BK, np.arange(size), size)
    last_BK: NDArray[np.int64] = np.minimum.accumulate(places_BK[:, ::-1], axis=1)[:, ::-1]
    return last_BK


def _near_K(curves: Mapping[int, Curve], noise: Noise) -> NDArray[np.bool_]:
    """Mark the points that no other beats by far; of many recipes only those of the nearest ones."""
    errors = [FAR * noise.standard_errors(curve) for curve in curves.values()]
    low_K, high_K = (
        np.concatenate(
            [curve.accuracy_P + sign * e for curve, e in zip(curves.values(), errors, strict=True)]
        )
        for sign in (-1, 1)
    )
    clock_errors = [FAR * noise.clock.error(r, curve) for r, curve in curves.items()]
    soonest_K, latest_K = (
        np.concatenate(
            [c.seconds_P * np.exp(sign * e) for c, e in zip(curves.values(), clock_errors, strict=True)]
        )
        for sign in (-1, 1)
    )
    parameters_K = np.concatenate([np.full(len(c.epoch_P), c.parameters) for c in curves.values()])
    near_K = np.ones(len(low_K), dtype=bool)
    for level in np.unique(parameters_K):
        rivals = np.flatnonzero(parameters_K <= level)
        rivals = rivals[np.argsort(latest_K[rivals], kind="stable")]
        sure = np.maximum.accumulate(low_K[rivals])
        before_K = np.searchsorted(latest_K[rivals], soonest_K, side="left")
        beaten_K = (before_K > 0) & (sure[before_K - 1] > high_K)
        near_K &= ~(beaten_K & (parameters_K == level))
    recipe_K = np.repeat(np.arange(len(curves)), [len(curve.epoch_P) for curve in curves.values()])
    if len(np.unique(recipe_K[near_K])) <= MOST_RECIPES:
        return near_K
    middle_K, seconds_K = (low_K + high_K) / 2, np.concatenate([c.seconds_P for c in curves.values()])
    lacks_K = shortfalls(middle_K[None], seconds_K[None], parameters_K)[0] / np.maximum(high_K - low_K, 1e-12)
    nearest_R = np.full(len(curves), np.inf)
    np.minimum.at(nearest_R, recipe_K[near_K], lacks_K[near_K])
    kept_R = np.argsort(nearest_R, kind="stable")[:MOST_RECIPES]
    return near_K & np.isin(recipe_K, kept_R)
