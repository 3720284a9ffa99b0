"""Reference step, fast step, the authors' code and the limit, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from dse.bench.contest import Spread, ratio, summarise, take_turns
from dse.bench.entries import Job, engine_entry, limit_entry, peer_entry
from dse.bench.limit import limit_seconds, step_cost
from dse.bench.peer import import_peer
from dse.bench.worker import Worker, contestants_of
from dse.errors import DseError
from dse.networks.precision import check_precision
from dse.training.device import device_title

CONTESTANTS = ("reference", "fast", "peer", "peer_without_loader", "limit")
RATIOS = {
    "fast_over_reference": ("fast", "reference"),
    "fast_over_peer": ("fast", "peer"),
    "fast_over_peer_without_loader": ("fast", "peer_without_loader"),
    "fast_over_limit": ("fast", "limit"),
    "reference_over_peer": ("reference", "peer"),
}


@dataclass(frozen=True, slots=True)
class BenchRow:
    """How fast training was at one batch size.

    Attributes:
        job: What was trained.
        repeats: Turns of each contestant.
        throughputs: Training images/s of each contestant that ran.
        ratios: Those of ``RATIOS`` whose sides both ran, divided repeat by repeat.
        engines: By contestant the engine's own name, the seconds of its set-up and, on a GPU, its peak memory; of
            ``peer`` the memory alone.
        failures: By contestant why it was not measured, of those that failed.
    """

    job: Job
    repeats: int
    throughputs: dict[str, Spread]
    ratios: dict[str, Spread]
    engines: dict[str, dict[str, Any]]
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def measured(self) -> dict[str, Spread]:
        """All that was measured, by name: throughputs and ratios."""
        return self.throughputs | self.ratios

    def as_dict(self) -> dict[str, Any]:
        """Give medians by name, None for those that did not run, with the spreads apart."""
        found = self.measured
        return {
            "batch_size": self.job.batch_size,
            "preset": self.job.preset,
            "sharing": self.job.sharing,
            "precision": self.job.precision,
            **{name: found[name].median if name in found else None for name in (*CONTESTANTS, *RATIOS)},
            "spread": {name: [spread.low, spread.high] for name, spread in found.items()},
            "repeats": self.repeats,
            "engine": self.engines,
            "failures": self.failures,
        }


def bench(
    jobs: Sequence[Job],
    seconds: float,
    repeats: int,
    peer: Path | None = None,
    on_row: Callable[[BenchRow], None] | None = None,
) -> list[BenchRow]:
    """Measure training, on random images that lie on the device.

    Where a contestant fails, only its own figures are missing, and its row says why.

    Args:
        jobs: One row each, in this order.
        seconds: Length of each contestant's turn.
        repeats: Turns of each.
        peer: Checkout of the authors' code; not measured if None.
        on_row: Called with each row as soon as it is measured.

    Raises:
        InputError: The peer's folder is no checkout of its code.
        DeviceError: The device would compute in another precision.
    """
    if peer is not None:
        import_peer(peer)  # so that a wrong folder is reported at once
    rows = []
    for job in jobs:
        check_precision([job.precision], job.device)
        rows.append(_row(job, seconds, repeats, peer))
        if on_row is not None:
            on_row(rows[-1])
    return rows


def describe(device: torch.device) -> dict[str, Any]:
    """Name the device and the versions of all that is measured."""
    packages = ("capsnet-dse", "torch", "torchvision", "numpy")
    return {"device": device_title(device), "versions": {name: version(name) for name in packages}}


def _row(job: Job, seconds: float, repeats: int, peer: Path | None) -> BenchRow:
    builders = {
        "reference": partial(engine_entry, job, "reference"),
        "fast": partial(engine_entry, job, "fast"),
        **({} if peer is None else {"peer": partial(peer_entry, job, peer)}),
        "limit": partial(limit_entry, job),
    }
    failures: dict[str, str] = {}

    def failed(name: str, error: DseError) -> None:
        # A GPU's limit is worked out from two runs that no row names.
        failures[name if name in CONTESTANTS else "limit"] = str(error)

    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(build, job.batch_size)) for name, build in builders.items()
        }
        turns = take_turns(contestants_of(workers, failed), seconds, repeats, failed)
    cost = step_cost(job.size, job.batch_size, job.precision)
    for turn in turns if "limit" not in failures else []:
        turn["limit"] = limit_seconds(cost, turn)
    throughputs = {
        name: [job.batch_size / turn[name] for turn in turns] for name in CONTESTANTS if name in turns[0]
    }
    return BenchRow(
        job,
        repeats,
        {name: summarise(values) for name, values in throughputs.items()},
        {
            name: ratio(throughputs[over], throughputs[under])
            for name, (over, under) in RATIOS.items()
            if over in throughputs and under in throughputs
        },
        {name: worker.details for name, worker in workers.items() if name != "limit" and worker.details},
        failures,
    )
