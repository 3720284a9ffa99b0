"""A run: one training of a plan with one seed, and the curve that it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"
    STOPPED = "stopped"
    DIVERGED = "diverged"


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
        curve: One row an epoch.
        outcome: How it ended.
        reason: Why it ended so; empty if complete.
        setup_seconds: Seconds before the first step: building, moving, warming up; not in train seconds.
        engine: What ran the steps: ``fast``, ``fast_compiled`` or ``reference``.
    """

    curve: tuple[EpochRow, ...]
    outcome: Outcome
    reason: str
    setup_seconds: float
    engine: str

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
"""Hears of every row as it ends; what it returns, unless None, is why the run shall end there."""
