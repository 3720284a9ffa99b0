"""Replicates: the runs of one recipe with different seeds, judged by their mean.

Dimensions: S runs (seeds), E epochs that all of them reached.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, starmap

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dse.recipe.recipe import Recipe
from dse.record.trial import CONFIRM, Trial

Floats = NDArray[np.float64]

# Means of the same counts differ by this much where they were added up in another order.
ROUNDING = 1e-9


def over_common_epochs(curves: Sequence[ArrayLike]) -> Floats:
    """Stack curves over the epochs that all of them reached; shape (S, E).

    Beyond the shortest one, a mean would be one over fewer seeds, and a lucky seed would stand for all.

    >>> over_common_epochs([[1.0, 2.0, 3.0], [1.5, 2.5]])
    array([[1. , 2. ],
           [1.5, 2.5]])
    """
    arrays = [np.asarray(curve, dtype=float) for curve in curves]
    shortest = min(map(len, arrays))
    return np.array([array[:shortest] for array in arrays])


@dataclass(frozen=True)
class Replicates:
    """What one training gives, stopped after each epoch: the mean over its seeds.

    Most often these are the runs of one recipe, and each judges every epoch. Where recipes begin one another
    (``dse.record.courses``), fewer may judge the later epochs. The best so far is then the mean up to there, until the
    best of their later epochs is above it, and what these take is added to the mean seconds up to there: by how much
    they were better or faster before, they do not stand for the others.

    Attributes:
        trials: The runs that count, one a seed, each with at least one epoch; in the order of their numbers.
        spans: Which epochs each of them judges: those after the first number, up to the second one. Empty where each
            judges all that all of them reached.
        parts: Where recipes begin one another, the runs of each by itself; empty for a single recipe.
    """

    trials: tuple[Trial, ...]
    spans: tuple[tuple[int, int], ...] = ()
    parts: tuple[Replicates, ...] = ()

    @cached_property
    def _spans(self) -> tuple[tuple[int, int], ...]:
        shortest = min(len(trial.run.curve) for trial in self.trials)
        return self.spans or ((0, shortest),) * len(self.trials)

    @cached_property
    def first(self) -> Trial:
        """The earliest of the trials that judge the last epoch, which names the recipe."""
        last = max(end for _, end in self._spans)
        return next(trial for trial, (_, end) in zip(self.trials, self._spans, strict=True) if end == last)

    @cached_property
    def recipes(self) -> dict[str, Recipe]:
        """The recipes whose epochs are judged here, by their ids."""
        recipes = (part.first.recipe for part in self.parts or (self,))
        return {recipe.id: recipe for recipe in recipes}

    @cached_property
    def judged_SE(self) -> NDArray[np.bool_]:
        """Which run judges which epoch."""
        epochs = np.arange(max(end for _, end in self._spans))
        starts_S, ends_S = np.array(self._spans).T[:, :, None]
        judged_SE: NDArray[np.bool_] = (starts_S <= epochs) & (epochs < ends_S)
        return judged_SE

    @cached_property
    def _legs(self) -> list[slice]:
        """Stretches of epochs that are judged by the same runs."""
        return list(starmap(slice, pairwise(sorted({0}.union(*self._spans)))))

    @property
    def judgements(self) -> list[tuple[int, slice]]:
        """The place of each run, with each stretch of epochs that it and the same others judge."""
        runs = range(len(self.trials))
        return [(run, leg) for run in runs for leg in self._legs if self.judged_SE[run, leg.start]]

    @property
    def seeds(self) -> int:
        """How many runs there are."""
        return len(self.trials)

    @cached_property
    def seeds_E(self) -> NDArray[np.int64]:
        """How many of them the accuracy after each epoch is a mean over."""
        seeds_E: NDArray[np.int64] = self.judged_SE.sum(axis=0)[self.kept_E]
        return seeds_E

    @cached_property
    def fresh_E(self) -> NDArray[np.bool_]:
        """Whether these runs judge what others chose."""
        chose_S = np.array([trial.purpose != CONFIRM for trial in self.trials])
        fresh_E: NDArray[np.bool_] = ~np.any(chose_S[:, None] & self.judged_SE, axis=0)
        return fresh_E[self.kept_E]

    @cached_property
    def seconds_SE(self) -> Floats:
        """Train seconds at the end of each epoch."""
        return self._added_up([[row.train_seconds for row in trial.run.curve] for trial in self.trials])

    @cached_property
    def accuracies_SE(self) -> Floats:
        """Accuracy after each epoch, which may be below the best so far."""
        return self._stacked([[row.accuracy for row in trial.run.curve] for trial in self.trials])

    @cached_property
    def best_SE(self) -> Floats:
        """Best accuracy so far: whoever stops here keeps the weights of the best epoch."""
        legs = [np.maximum.accumulate(self.accuracies_SE[:, leg], axis=1) for leg in self._legs]
        return np.concatenate(legs, axis=1)

    @cached_property
    def best_at_SE(self) -> NDArray[np.int64]:
        """The best epoch so far, counted from 0."""
        found = []
        for leg in self._legs:
            epochs = np.arange(leg.start, leg.stop)
            improved_SE = np.diff(self.best_SE[:, leg], axis=1, prepend=-np.inf) > 0
            found.append(np.maximum.accumulate(np.where(improved_SE, epochs, leg.start), axis=1))
        return np.concatenate(found, axis=1)

    @cached_property
    def test_SE(self) -> Floats:
        """Test accuracy at the best epoch so far."""
        test_SE = self._stacked([[row.test_accuracy for row in trial.run.curve] for trial in self.trials])
        return np.take_along_axis(test_SE, self.best_at_SE, axis=1)

    @cached_property
    def kept_E(self) -> NDArray[np.int64]:
        """The last epoch, counted from 0, that raised the mean of the best accuracy so far."""
        best_E = np.maximum.accumulate(self._mean(self.best_SE))
        risen_E = np.diff(best_E, prepend=-np.inf) > 0
        kept_E: NDArray[np.int64] = np.maximum.accumulate(np.where(risen_E, np.arange(len(best_E)), 0))
        return kept_E

    @cached_property
    def joules(self) -> Floats:
        """Mean energy up to the end of each epoch, NaN where some run's was not measured; shape (E,)."""
        return self._mean(
            self._added_up(
                [
                    [math.nan if row.energy_joules is None else row.energy_joules for row in trial.run.curve]
                    for trial in self.trials
                ]
            )
        )

    @cached_property
    def seconds(self) -> Floats:
        """Mean train seconds at the end of each epoch; shape (E,)."""
        return self._mean(self.seconds_SE)

    @cached_property
    def accuracies(self) -> Floats:
        """Mean of the best accuracy so far; shape (E,)."""
        return self._mean(self.best_SE)[self.kept_E]

    @cached_property
    def final_accuracies(self) -> Floats:
        """Mean of the accuracy after each epoch; shape (E,)."""
        return self._mean(self.accuracies_SE)

    @cached_property
    def test_accuracies(self) -> Floats:
        """Mean of the test accuracy at the best epoch so far; shape (E,)."""
        return self._mean(self.test_SE)[self.kept_E]

    def epoch_reaching(self, accuracy: float) -> int | None:
        """Give the first epoch, counted from 1, whose mean accuracy is no lower; None if there is none."""
        reached = np.flatnonzero(self.accuracies >= accuracy - ROUNDING)
        return int(reached[0]) + 1 if len(reached) else None

    def _mean(self, values_SE: Floats) -> Floats:
        mean_E: Floats = values_SE.mean(axis=0, where=self.judged_SE if self.spans else True)
        return mean_E

    def _stacked(self, curves: Sequence[Sequence[float]]) -> Floats:
        """Lay curves over each other, NaN where one judges nothing."""
        stacked_SE = np.full(self.judged_SE.shape, np.nan)
        for row, curve, (start, end) in zip(stacked_SE, curves, self._spans, strict=True):
            row[start:end] = curve[start:end]
        return stacked_SE

    def _added_up(self, curves: Sequence[Sequence[float]]) -> Floats:
        """Lay curves of sums over each other: what later epochs add is added to the mean before them."""
        stacked_SE = self._stacked(curves)
        for leg in self._legs[1:]:
            before = leg.start - 1
            judging = np.flatnonzero(self.judged_SE[:, leg.start]).tolist()
            so_far = stacked_SE[self.judged_SE[:, before], before].mean()
            stacked_SE[judging, leg] += so_far - np.mean([curves[run][before] for run in judging])
        return stacked_SE


def spread(values_SE: Floats) -> Floats:
    """Give the standard deviation over the seeds of each epoch, NaN for a single seed; shape (E,).

    >>> spread(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, np.nan]]))
    array([1.41421356, 0.        ,        nan])
    """
    several_E = np.isfinite(values_SE).sum(axis=0) > 1
    deviations_E = np.full(len(several_E), np.nan)
    if not several_E.any():
        return deviations_E
    several_SE = values_SE[:, several_E]
    # Equal values have a rounded mean: calibrated seconds would spread by 1e-15.
    equal_E = np.nanmax(several_SE, axis=0) == np.nanmin(several_SE, axis=0)
    deviations_E[several_E] = np.where(equal_E, 0.0, np.nanstd(several_SE, axis=0, ddof=1))
    return deviations_E
