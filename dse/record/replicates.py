"""Replicates: the runs of one recipe with different seeds, judged by their mean.

Dimensions: S runs (seeds), E epochs that all of them reached.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dse.record.run import Outcome
from dse.record.trial import CONFIRM, Trial

Floats = NDArray[np.float64]

# Means of the same counts differ by this much where they were added up in another order.
ROUNDING = 1e-9
# Not ended by themselves: what a run of this recipe gives is not known from them.
CUT_OFF = frozenset({Outcome.RUNNING, Outcome.INTERRUPTED, Outcome.FAILED})


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
    """What one recipe gives, stopped after each epoch: the mean over its seeds.

    Attributes:
        trials: The runs that count, one a seed, each with at least one epoch; in the order of their numbers.
    """

    trials: tuple[Trial, ...]

    @property
    def first(self) -> Trial:
        """The earliest of the trials, which names the recipe."""
        return self.trials[0]

    @property
    def fresh(self) -> bool:
        """Whether these runs judge what others chose."""
        return all(trial.purpose == CONFIRM for trial in self.trials)

    @property
    def seeds(self) -> int:
        """How many runs there are."""
        return len(self.trials)

    @cached_property
    def seconds_SE(self) -> Floats:
        """Train seconds at the end of each epoch."""
        return over_common_epochs([[row.train_seconds for row in trial.run.curve] for trial in self.trials])

    @cached_property
    def accuracies_SE(self) -> Floats:
        """Accuracy after each epoch, which may be below the best so far."""
        return over_common_epochs([[row.accuracy for row in trial.run.curve] for trial in self.trials])

    @cached_property
    def best_SE(self) -> Floats:
        """Best accuracy so far: whoever stops here keeps the weights of the best epoch."""
        return np.maximum.accumulate(self.accuracies_SE, axis=1)

    @cached_property
    def best_at_SE(self) -> NDArray[np.int64]:
        """The best epoch so far, counted from 0."""
        improved_SE = np.diff(self.best_SE, axis=1, prepend=-np.inf) > 0
        at_SE: NDArray[np.int64] = np.where(improved_SE, np.arange(improved_SE.shape[1]), 0)
        return np.maximum.accumulate(at_SE, axis=1)

    @cached_property
    def test_SE(self) -> Floats:
        """Test accuracy at the best epoch so far."""
        test_SE = over_common_epochs(
            [[row.test_accuracy for row in trial.run.curve] for trial in self.trials]
        )
        return np.take_along_axis(test_SE, self.best_at_SE, axis=1)

    @cached_property
    def joules(self) -> Floats:
        """Mean energy up to the end of each epoch, NaN where some run's was not measured; shape (E,)."""
        joules_SE = over_common_epochs(
            [
                [math.nan if row.energy_joules is None else row.energy_joules for row in trial.run.curve]
                for trial in self.trials
            ]
        )
        mean_E: Floats = joules_SE.mean(axis=0)
        return mean_E

    @cached_property
    def seconds(self) -> Floats:
        """Mean train seconds at the end of each epoch; shape (E,)."""
        mean_E: Floats = self.seconds_SE.mean(axis=0)
        return mean_E

    @cached_property
    def accuracies(self) -> Floats:
        """Mean of the best accuracy so far; shape (E,)."""
        mean_E: Floats = self.best_SE.mean(axis=0)
        return mean_E

    def epoch_reaching(self, accuracy: float) -> int | None:
        """Give the first epoch, counted from 1, whose mean accuracy is no lower; None if there is none."""
        reached = np.flatnonzero(self.accuracies >= accuracy - ROUNDING)
        return int(reached[0]) + 1 if len(reached) else None


def spread(values_SE: Floats) -> Floats:
    """Give the standard deviation over the seeds of each epoch, NaN for a single seed; shape (E,).

    >>> spread(np.array([[1.0, 2.0], [3.0, 2.0]]))
    array([1.41421356, 0.        ])
    """
    seeds, epochs = values_SE.shape
    if seeds == 1:
        return np.full(epochs, np.nan)
    # Equal values have a rounded mean: calibrated seconds would spread by 1e-15.
    deviations: Floats = np.where(np.ptp(values_SE, axis=0) > 0, values_SE.std(axis=0, ddof=1), 0.0)
    return deviations


def by_recipe(trials: Iterable[Trial]) -> dict[str, Replicates]:
    """Put trials with a curve together by their recipe's id, in the order of the recipes' first trials.

    A run that was cut off (running, interrupted, failed) counts only where its recipe has no other, and of several
    runs with one seed the longest does. Where runs confirm a recipe, they alone count: those that chose it are too
    good by what made them be chosen.
    """
    grouped: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.run.curve:
            grouped.setdefault(trial.recipe.id, []).append(trial)
    return {recipe_id: Replicates(_counted(runs)) for recipe_id, runs in grouped.items()}


def _counted(runs: Sequence[Trial]) -> tuple[Trial, ...]:
    ended = [trial for trial in runs if trial.state not in CUT_OFF]
    fresh = [trial for trial in ended if trial.purpose == CONFIRM]
    by_seed: dict[int, Trial] = {}
    for trial in fresh or ended or runs:
        held = by_seed.get(trial.seed)
        if held is None or len(trial.run.curve) > len(held.run.curve):
            by_seed[trial.seed] = trial
    return tuple(sorted(by_seed.values(), key=lambda trial: trial.number))
