"""A run: one training of a plan with one seed, and the curve that it leaves."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum

from dse.record.epoch import EpochRow


class Outcome(StrEnum):
    """Where a run stands.

    ``COMPLETE`` came to the end of its plan. ``STOPPED`` was ended early because no continuation could add to the
    front, where its epochs have their place. ``MISSED_TARGET`` trained to the end without reaching the target
    accuracy; ``DIVERGED`` lost its loss to infinity; ``FAILED`` raised an error; ``INTERRUPTED`` was cut off from
    outside and is trained again when the study is resumed.
    """

    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"
    MISSED_TARGET = "missed_target"
    DIVERGED = "diverged"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Run:
    """One training of a plan with one seed.

    Attributes:
        curve: One row for each epoch so far.
        outcome: Where it stands.
        reason: Why it is not complete; empty if it is.
        setup_seconds: Seconds before the first step: building, moving, warming up; not in train seconds. None if it
            did not come that far.
        engine: Name of what ran the steps.
        resumed_epochs: Epochs taken over from an attempt that was cut off; 0 if it began with the first.

    >>> run = Run(outcome=Outcome.DIVERGED, reason="the loss is not finite")
    >>> run.outcome.value, len(run.curve), run.train_seconds
    ('diverged', 0, 0.0)
    """

    curve: tuple[EpochRow, ...] = ()
    outcome: Outcome = Outcome.RUNNING
    reason: str = ""
    setup_seconds: float | None = None
    engine: str = ""
    resumed_epochs: int = 0

    @property
    def own_seconds(self) -> float:
        """Seconds in the training loop since it began or resumed, by the stopwatch: what was spent on it."""
        return self.measured_seconds - (
            self.curve[self.resumed_epochs - 1].measured_seconds if self.resumed_epochs else 0
        )

    @property
    def train_seconds(self) -> float:
        """Seconds in the training loop, by the study's clock."""
        return self.curve[-1].train_seconds if self.curve else 0.0

    @property
    def measured_seconds(self) -> float:
        """Seconds in the training loop, by the stopwatch."""
        return self.curve[-1].measured_seconds if self.curve else 0.0

    @property
    def calibrated_seconds(self) -> float | None:
        """What its steps take by themselves; None if that was not measured, or there is no epoch."""
        return self.curve[-1].calibrated_seconds if self.curve else None

    @property
    def energy_joules(self) -> float | None:
        """What the device took in the training loop; None where that was not measured, or there is no epoch."""
        return self.curve[-1].energy_joules if self.curve else None

    @property
    def eval_seconds(self) -> float:
        """Seconds spent on evaluation, which train seconds leave out."""
        return self.curve[-1].eval_seconds if self.curve else 0.0

    @property
    def best(self) -> EpochRow:
        """The earliest epoch of the highest accuracy."""
        return max(self.curve, key=lambda row: row.accuracy)


OnEpoch = Callable[[EpochRow], str | None]
"""Called with every row as its epoch ends; what it returns, unless None, is why the run ends there."""

Training = Generator[EpochRow, str | None, Run]
"""A training at work: yields every row as its epoch ends, is sent why it ends there or None, and returns its run."""


def finished(training: Training, on_epoch: OnEpoch | None = None) -> Run:
    """Train to the end.

    Args:
        training: What is trained.
        on_epoch: Called with every row; the training ends where it returns a reason.
    """
    enough: str | None = None
    while True:
        try:
            row = training.send(enough)
        except StopIteration as end:
            run: Run = end.value
            return run
        enough = None if on_epoch is None else on_epoch(row)
