"""A job at work: what every runner does with it, wherever that is."""

from __future__ import annotations

from collections.abc import Generator
from math import isfinite

from dse.errors import CheckpointError, DeviceError, DeviceLostError
from dse.record.epoch import EpochRow, check_curve
from dse.record.run import Outcome, Run
from dse.study.runner import Calibrated, Ended, EpochEnded, Event, Job, Started
from dse.study.trainer import Trainer
from dse.units import clipped

LONGEST_REASON = 2_000

Work = Generator[Event, str | None, None]
"""A job at work: yields its events, and is sent why it ends after an epoch, or None."""


class _NotFiniteError(Exception):
    """A training reported an epoch that holds what is no finite number."""


def work(trainer: Trainer, job: Job) -> Work:
    """Train a job, an epoch each time that the generator is resumed; whatever the training raises is its outcome."""
    try:
        kept = trainer.kept(job.plan, job.seed)
        enough = yield Started(job.number, trainer.title, kept)
        if enough is None and job.wanted is not None:
            measured = trainer.calibrate(job.wanted)
            if measured is not None:
                enough = yield Calibrated(job.number, measured)
        if enough is None:
            run = yield from _trained(trainer, job, kept)
        else:
            run = Run(kept, Outcome.STOPPED, enough)
    except (CheckpointError, DeviceError, DeviceLostError) as fault:
        yield faulty(job.number, fault)
    except _NotFiniteError as error:
        yield Ended(job.number, Run(outcome=Outcome.DIVERGED, reason=_clipped(str(error))))
    except Exception as error:
        reason = _clipped(f"{type(error).__name__}: {error}")
        yield Ended(job.number, Run(outcome=Outcome.FAILED, reason=reason))
    else:
        yield Ended(job.number, run)


def faulty(number: int, fault: CheckpointError | DeviceError | DeviceLostError) -> Ended:
    """Give how a job ends at a fault that leaves no other one to be trained either."""
    outcome = Outcome.INTERRUPTED if isinstance(fault, CheckpointError) else Outcome.FAILED
    return Ended(number, Run(outcome=outcome, reason=_clipped(str(fault))), fault)


def _trained(trainer: Trainer, job: Job, kept: tuple[EpochRow, ...]) -> Generator[Event, str | None, Run]:
    training, curve, enough = trainer.epochs(job.plan, job.seed), list(kept), None
    while True:
        try:
            row = training.send(enough)
        except StopIteration as end:
            run: Run = end.value
            return run
        _check_row(row, curve, job.plan.recipe.epochs)
        curve.append(row)
        enough = yield EpochEnded(job.number, row)


def _check_row(row: EpochRow, curve: list[EpochRow], epochs: int) -> None:
    """Refuse an epoch that no study can hold; it is the training's fault."""
    numbers = {name: value for name, value in row.as_dict().items() if isinstance(value, float)}
    if wrong := [f"{name}={value}" for name, value in numbers.items() if not isfinite(value)]:
        raise _NotFiniteError(f"epoch {row.epoch}: {', '.join(wrong)}")
    row.check()
    check_curve((*curve, row), epochs)


def _clipped(reason: str) -> str:
    return clipped(reason, LONGEST_REASON)
