"""A run: one training of a plan with one seed, and the curve that it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


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
class EpochRow:
    """One epoch of a curve.

    Attributes:
        epoch: Counted from 1.
        batch_size: Images a step.
        steps: Optimizer steps of this epoch.
        images_seen: Training images since the start, repeats counted.
        first_rate: Learning rate of the epoch's first step.
        last_rate: Learning rate of its last step.
        train_seconds: Seconds in the training loop since the start of the run.
        eval_seconds: Seconds spent on evaluation since the start of the run.
        loss: Mean training loss an image over this epoch, while the weights moved.
        margin_loss: Its margin part (for lenet5 the cross-entropy).
        reconstruction_loss: Its reconstruction part, unscaled: squared errors summed over the pixels (0 for
            lenet5).
        validation_accuracy: Share of the validation images that are right; None where none were set aside.
        test_accuracy: Share of the test images that are right.
    """

    epoch: int
    batch_size: int
    steps: int
    images_seen: int
    first_rate: float
    last_rate: float
    train_seconds: float
    eval_seconds: float
    loss: float
    margin_loss: float
    reconstruction_loss: float
    validation_accuracy: float | None
    test_accuracy: float

    @property
    def accuracy(self) -> float:
        """The accuracy that chooses: on the validation images or, where none were set aside, on the test images."""
        return self.test_accuracy if self.validation_accuracy is None else self.validation_accuracy


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
    """

    curve: tuple[EpochRow, ...] = ()
    outcome: Outcome = Outcome.RUNNING
    reason: str = ""
    setup_seconds: float | None = None
    engine: str = ""

    @property
    def train_seconds(self) -> float:
        """Seconds in the training loop."""
        return self.curve[-1].train_seconds if self.curve else 0.0

    @property
    def eval_seconds(self) -> float:
        """Seconds spent on evaluation."""
        return self.curve[-1].eval_seconds if self.curve else 0.0

    @property
    def best(self) -> EpochRow:
        """The earliest epoch of the highest accuracy."""
        return max(self.curve, key=lambda row: row.accuracy)


OnEpoch = Callable[[EpochRow], str | None]
"""Called with every row as its epoch ends; what it returns, unless None, is why the run shall end there."""
