"""Who trains a study's plans, and who watches it grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dse.recipe.plan import Plan
from dse.record.run import EpochRow, OnEpoch, Run
from dse.record.trial import Trial

Train = Callable[[Plan, int, OnEpoch], Run]
"""Trains a plan with a seed, telling each epoch as it ends."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a study stands between two trials.

    Attributes:
        trials: Trials so far, interrupted ones left out.
        spent_seconds: Train seconds of all trials so far, interrupted ones included.
        remaining_gain: Share by which the anytime front's volume is expected to grow if every recipe that is left is
            trained too; None where the sampler does not judge recipes.
    """

    trials: int
    spent_seconds: float
    remaining_gain: float | None


class Watcher(Protocol):
    """Whoever wants to see the study grow."""

    def engine_chosen(self, reason: str) -> None:
        """Called with what the engine ``auto`` is, and why, before the first trial."""

    def trial_started(self, trial: Trial, plan: Plan) -> None:
        """Hear that a trial begins."""

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        """Hear of one more row of its curve."""

    def trial_ended(self, trial: Trial, trials: list[Trial], standing: Standing) -> None:
        """Hear how it ended, and of all trials so far."""

    def study_ended(self, reason: str) -> None:
        """Hear why there is no further trial."""
