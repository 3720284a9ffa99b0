"""Who watches a study grow, and what there is to see."""

from __future__ import annotations

from dataclasses import dataclass

from dse.recipe.plan import Plan
from dse.record.answer import Answer
from dse.record.epoch import EpochRow
from dse.record.trial import Trial


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a study stands between two trials.

    Attributes:
        trials: Trials so far, interrupted ones left out.
        spent_seconds: Train seconds of all trials so far, interrupted ones included.
        remaining_gain: Share by which the front's volume is expected to grow if every recipe that is left is trained
            too; None where the sampler does not judge recipes.
        answer: In how little time some recipe reaches the baseline's accuracy, as far as known.
    """

    trials: int
    spent_seconds: float
    remaining_gain: float | None
    answer: Answer | None = None


class Watcher:
    """Sees a study grow; every method does nothing until it is overridden."""

    def noted(self, what: str) -> None:
        """Called before the first trial with what is to be known: an engine chosen, workers that share a machine."""

    def trial_started(self, trial: Trial, plan: Plan) -> None:
        """Called when a trial begins."""

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        """Called with each row of a trial's curve; the trial has it already."""

    def trial_ended(self, trial: Trial, trials: list[Trial], standing: Standing) -> None:
        """Called with a trial that has ended, and with all trials so far."""

    def study_ended(self, reason: str) -> None:
        """Called with the reason why there is no further trial."""
