"""Trainers that workers can be sent: what they do follows from the recipe and the seed."""

from __future__ import annotations

import dataclasses
import os
import resource
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from dse.errors import DeviceLostError
from dse.recipe.plan import Plan
from dse.record.run import Outcome, Run, Training
from dse.study.trainer import Trainer
from dse.training.faults import explained_faults
from tests.fakes import epoch_row

# Seeds whose training misbehaves in its second epoch.
RAISES, NOT_FINITE, DIES, HANGS, DEVICE, GPU_FULL, HOST_FULL = 901, 902, 903, 904, 905, 906, 907


@dataclass
class Scripted(Trainer):
    """Seconds and accuracy follow from recipe and seed; some seeds misbehave.

    Attributes:
        folder: Where it notes what it began, if anywhere.
        seconds: What each epoch takes on the wall.
    """

    folder: Path | None = None
    seconds: float = 0.0

    title = "a script"

    def epochs(self, plan: Plan, seed: int) -> Training:
        if self.folder is not None:
            (self.folder / f"{plan.recipe.id}-{seed}-{time.monotonic_ns()}").write_text(str(os.getpid()))
        rows = []
        for epoch in plan.epochs:
            time.sleep(self.seconds)
            if epoch.epoch == 2:
                misbehave(seed)
            accuracy = 0.5 + int(plan.recipe.id[:4], 16) / 2**18 + 0.01 * epoch.epoch + 1e-4 * (seed % 900)
            row = epoch_row(epoch.epoch, epoch.epoch * (1 + 10 / epoch.batch_size), accuracy)
            spoilt = seed == NOT_FINITE and epoch.epoch == 2
            rows.append(dataclasses.replace(row, loss=float("nan")) if spoilt else row)
            if (enough := (yield rows[-1])) is not None:
                return Run(tuple(rows), Outcome.STOPPED, enough, 0.1, "script")
        return Run(tuple(rows), Outcome.COMPLETE, "", 0.1, "script")


def misbehave(seed: int) -> None:
    if seed == RAISES:
        raise RuntimeError("a fault of its own")
    if seed == DEVICE:
        raise DeviceLostError("cuda:0 is gone")
    if seed == DIES:
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == GPU_FULL:
        with explained_faults(torch.device("cpu"), 128):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    if seed == HOST_FULL:
        fill_memory()
    if seed == HANGS:
        time.sleep(3_600)


def fill_memory() -> None:
    """Ask the system for more memory than this process is allowed: for real, but in a small way."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, limits[1]))
    try:
        with explained_faults(torch.device("cpu"), 128):
            torch.ones(2**28)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


class Unborn(Scripted):
    """Cannot be unpickled, as where a worker has not what the driver has."""

    def __reduce__(self) -> tuple[object, ...]:
        return int, ("no number",)


class Parent(Scripted):
    """Begins a process of its own in each training, and hangs."""

    def epochs(self, plan: Plan, seed: int) -> Training:
        assert self.folder is not None
        child = subprocess.Popen(["sleep", "3600"])
        (self.folder / f"child-{seed}").write_text(str(child.pid))
        return (yield from super().epochs(plan, HANGS))
