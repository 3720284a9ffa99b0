"""What a study needs of whoever has its runs trained, here or elsewhere: jobs go in, events come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from dse.errors import DseError
from dse.recipe.plan import Plan
from dse.record.calibration import Measured, Wanted
from dse.record.epoch import EpochRow
from dse.record.run import Run
from dse.study.trainer import Trainer


@dataclass(frozen=True, slots=True)
class Job:
    """A run that is to be trained.

    Attributes:
        number: Of its trial.
        plan: What to train.
        seed: Decides weights, order and shifts.
        wanted: Steps to be timed before it is trained; None if all are known.
    """

    number: int
    plan: Plan
    seed: int
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A job's training begins, or resumes.

    Attributes:
        number: Of the job.
        device: What trains it, for the record.
        kept: Rows of the epochs that an attempt before it has trained.
        shielded: Whether the driver outlives whoever trains it.
    """

    number: int
    device: str
    kept: tuple[EpochRow, ...]
    shielded: bool = False


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The steps were timed that a job was to have timed before its training.

    Attributes:
        number: Of the job.
        measured: What they take.
    """

    number: int
    measured: Measured


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """A job's epoch has ended, and what its run needs to resume there is kept.

    Attributes:
        number: Of the job.
        row: The epoch.
    """

    number: int
    row: EpochRow


@dataclass(frozen=True, slots=True)
class Ended:
    """A job's training has ended, for whatever reason of its own.

    Attributes:
        number: Of the job.
        run: How it ended.
        fault: Why no further job could be trained either: device or checkpoints failed.
    """

    number: int
    run: Run
    fault: DseError | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Whoever trained a job is gone, and with it the epoch that was under way.

    Attributes:
        number: Of the job.
        reason: What is known of it.
    """

    number: int
    reason: str


Event = Started | Calibrated | EpochEnded | Ended | Lost
"""What a runner reports of a job: ``Started`` first, ``Ended`` or ``Lost`` last."""


class Runner(Protocol):
    """Has jobs trained; ``dse.runners`` has them.

    Attributes:
        trainer: Whose plans the jobs are: it sizes them, and forgets what it keeps of a run that has ended.
        workers: How many jobs it trains at once.
        ahead: How many more it takes, so that no worker waits for the next one.
    """

    trainer: Trainer
    workers: int
    ahead: int

    def submit(self, job: Job) -> None:
        """Take a job; those that wait are begun in the order in which they came."""

    def events(self) -> Iterator[Event]:
        """Give what happens to the jobs, one event after the other, until there is no job left.

        The next epoch of a job begins when the event after its last one is asked for.
        """

    def cancel(self, number: int, reason: str) -> None:
        """End a job, with a reason, as stopped where it is: after the epoch last reported, or the one under way."""

    def close(self) -> None:
        """Give up whatever is under way, and free all that was taken."""
