"""A run as the search sees it: what is known before it starts, and how far it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dse.recipe.plan import Plan
from dse.record.epoch import EpochRow

Floats = NDArray[np.float64]

# An error of 0 has no logarithm; with fewer than 1,000 images to choose on, this is within the noise.
LEAST_ERROR = 1e-3


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan in a few numbers.

    Attributes:
        batch_sizes: Of every epoch.
        rate_shares: Share of the plan's summed learning rate that is behind a run after each epoch; the last is 1.
        total_steps: Optimizer steps.
        mean_rate: Mean learning rate over the steps.
        parameters: Trained weights; 0 in a study that does not weigh them.

    >>> from dse.data.datasets import find_dataset
    >>> from dse.recipe.plan import compile_plan
    >>> from dse.recipe.recipe import Recipe
    >>> plan = compile_plan(Recipe(epochs=2), find_dataset("mnist").shape, images=256)
    >>> PlanSummary.of(plan)
    PlanSummary(batch_sizes=(128, 128), rate_shares=(0.5, 1.0), total_steps=4, mean_rate=0.001, parameters=0)
    """

    batch_sizes: tuple[int, ...]
    rate_shares: tuple[float, ...]
    total_steps: int
    mean_rate: float
    parameters: int

    @classmethod
    def of(cls, plan: Plan, parameters: int | None = None) -> PlanSummary:
        """Keep what a search compares runs by: batch sizes, shares of the learning rates, steps, weights.

        Args:
            plan: What to summarise.
            parameters: Trained weights, in a study that weighs them.
        """
        starts = np.cumsum(plan.steps) - plan.steps
        sums = np.cumsum(np.add.reduceat(plan.rates, starts))
        return cls(
            batch_sizes=tuple(plan.batch_sizes.tolist()),
            rate_shares=tuple((sums / sums[-1]).tolist()),
            total_steps=plan.total_steps,
            mean_rate=float(sums[-1] / plan.total_steps),
            parameters=parameters or 0,
        )

    @property
    def epochs(self) -> int:
        """Epochs of the whole run."""
        return len(self.batch_sizes)


@dataclass(frozen=True)
class Progress:
    """A run as far as it is.

    Attributes:
        summary: Its plan, epochs to come included.
        seconds: Train seconds at the end of each epoch so far.
        accuracies: Accuracy after each epoch so far.
    """

    summary: PlanSummary
    seconds: tuple[float, ...]
    accuracies: tuple[float, ...]

    @classmethod
    def of(cls, summary: PlanSummary, curve: Sequence[EpochRow]) -> Progress:
        """Read from a run's curve how far it is."""
        return cls(
            summary,
            seconds=tuple(row.train_seconds for row in curve),
            accuracies=tuple(row.accuracy for row in curve),
        )

    @property
    def complete(self) -> bool:
        """Whether it is through its plan."""
        return len(self.seconds) == self.summary.epochs

    @cached_property
    def errors(self) -> Floats:
        """1 - the best accuracy so far, after each epoch."""
        best = np.maximum.accumulate(np.array(self.accuracies, dtype=float))
        errors: Floats = np.maximum(LEAST_ERROR, 1 - best)
        return errors

    @cached_property
    def epoch_seconds(self) -> dict[int, float]:
        """Mean train seconds of an epoch, for each batch size that was run."""
        took = defaultdict(list)
        for size, (before, after) in zip(
            self.summary.batch_sizes, pairwise((0.0, *self.seconds)), strict=False
        ):
            took[size].append(after - before)
        return {size: sum(each) / len(each) for size, each in took.items()}
