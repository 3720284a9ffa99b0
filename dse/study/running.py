"""A trial at work: as far as it came, and how it ends."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import optuna

from dse.recipe.plan import Plan
from dse.record.epoch import EpochRow
from dse.record.objectives import measure
from dse.record.run import Outcome, Run
from dse.record.trial import Trial
from dse.search.progress import PlanSummary, Progress
from dse.space.search_space import SearchSpace
from dse.study.runner import Started
from dse.units import clipped

LONGEST_REASON = 2_000


@dataclass(slots=True)
class Running:
    """A trial that a runner has.

    Attributes:
        asked: Optuna's side of it.
        plan: What is trained.
        summary: Of the plan, as the search sees it.
        trial: As far as it came.
        begun: Whether its training has begun.
        cut_off: Why the study ended it before its time; empty if it did not.
    """

    asked: optuna.Trial
    plan: Plan
    summary: PlanSummary
    trial: Trial
    begun: bool = False
    cut_off: str = ""

    @property
    def progress(self) -> Progress:
        """How far it is, as the search sees it."""
        return Progress.of(self.summary, self.trial.run.curve)

    def begin(self, event: Started) -> None:
        """Take over what an attempt before it has trained."""
        run = Run(event.kept, resumed_epochs=len(event.kept))
        self.trial = dataclasses.replace(self.trial, run=run, device=event.device)
        self.begun = True

    def add(self, row: EpochRow) -> None:
        """Add an epoch."""
        run = dataclasses.replace(self.trial.run, curve=(*self.trial.run.curve, row))
        self.trial = dataclasses.replace(self.trial, run=run)

    def end(self, run: Run, space: SearchSpace) -> Trial:
        """Give the trial as it ended, by itself or as it was asked to; its curve is what was reported."""
        known = self.trial.run
        run = dataclasses.replace(run, curve=known.curve, resumed_epochs=known.resumed_epochs)
        if self.cut_off:
            run = dataclasses.replace(run, outcome=Outcome.INTERRUPTED, reason=self.cut_off)
        if run.outcome is Outcome.COMPLETE and len(run.curve) < self.trial.recipe.epochs:
            reason = f"the training ended after {len(run.curve)} of {self.trial.recipe.epochs} epochs"
            run = dataclasses.replace(run, outcome=Outcome.FAILED, reason=reason)
        if (
            run.outcome in (Outcome.FAILED, Outcome.INTERRUPTED, Outcome.DIVERGED)
            and run.setup_seconds is None
        ):
            return dataclasses.replace(self.trial, run=run)  # it did not come so far as to measure anything
        measures = measure(run, self.plan, space.target)
        if run.outcome is Outcome.COMPLETE and any(measures[name] is None for name in space.objectives):
            reason = f"target={space.target} not reached: the best accuracy was {measures['accuracy']:.4f}"
            run = dataclasses.replace(run, outcome=Outcome.MISSED_TARGET, reason=reason)
        return dataclasses.replace(self.trial, run=run, measures=measures)

    def give_up(self, reason: str) -> Trial:
        """Give the trial as interrupted where it is."""
        run = dataclasses.replace(
            self.trial.run, outcome=Outcome.INTERRUPTED, reason=clipped(reason, LONGEST_REASON)
        )
        return dataclasses.replace(self.trial, run=run)
