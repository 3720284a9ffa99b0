"""Print what several workers bring, and what the driver costs.

Trials an hour of two workers over one, with one thread each: interleaved studies of the tiny CapsNet on the built-in
digits, from the start of the first trial to the end of the last one. And the driver's share of a study whose trials
take ten seconds each and compute nothing.

    python benchmarks/workers.py --repeats 5
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from typing_extensions import override

import dse
from dse.bench.bench import describe
from dse.bench.contest import ratio
from dse.recipe.plan import Plan
from dse.record.epoch import EpochRow
from dse.record.run import Outcome, Run, Training
from dse.record.trial import Trial
from dse.runners.inline import Inline
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.explore import explore
from dse.study.storage import opened
from dse.study.trainer import Trainer
from dse.study.watcher import Standing, Watcher

EPOCHS, SECONDS = 20, 0.5


class Clocked(Watcher):
    """Keeps when the first trial began and the last one ended."""

    def __init__(self) -> None:
        self.began: float | None = None
        self.ended = 0.0

    @override
    def trial_started(self, trial: Trial, plan: Plan) -> None:
        self.began = time.perf_counter() if self.began is None else self.began

    @override
    def trial_ended(self, trial: Trial, trials: list[Trial], standing: Standing) -> None:
        self.ended = time.perf_counter()

    @property
    def seconds(self) -> float:
        """From the first trial's start to the last one's end."""
        return self.ended - (self.began or 0.0)


class Sleeping(Trainer):
    """Trains nothing, and takes its time."""

    title = "none"

    @override
    def epochs(self, plan: Plan, seed: int) -> Training:
        rows = []
        for epoch in plan.epochs:
            time.sleep(SECONDS)
            seen, end = epoch.epoch * plan.images, epoch.epoch * SECONDS
            numbers = (epoch.batch_size, epoch.steps, seen, epoch.first_rate, epoch.last_rate)
            rows.append(EpochRow(epoch.epoch, *numbers, end, 0.0, 1.0, 1.0, 1.0, 0.9, 0.9))
            yield rows[-1]
        return Run(tuple(rows), Outcome.COMPLETE, "", 0.0, "none")


def space(trials: int, epochs: int, stopping: str = "none") -> SearchSpace:
    """Recipes that take about the same time."""
    content: dict[str, Any] = {
        "name": "workers",
        "recipe": {
            "model": {"name": "capsnet", "preset": "tiny"},
            "learning_rate": {
                "policy": "fixed",
                "base_rate": {"choices": [round(0.0001 * (i + 1), 4) for i in range(trials)]},
            },
            "batch_size": {"schedule": "constant", "size": 128},
            "epochs": epochs,
        },
        "baseline": {"learning_rate": {"base_rate": 0.0001}},
        "trials": trials,
        "stopping": stopping,
    }
    return parse_space(content, "made up")


def study_seconds(workers: int, trials: int) -> float:
    """Explore with so many workers."""
    watcher = Clocked()
    with tempfile.TemporaryDirectory() as folder:
        machine = dse.Machine(device="cpu", threads=1)
        dse.explore(
            space(trials, 4), folder=Path(folder) / "s", machine=machine, watcher=watcher, workers=workers
        )
    return watcher.seconds


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="pairs of studies; 0 for the driver alone")
    parser.add_argument("--trials", type=int, default=12)
    options = parser.parse_args()
    print(describe(torch.device("cpu")))
    pairs = [[study_seconds(workers, options.trials) for workers in (1, 2)] for _ in range(options.repeats)]
    if pairs:
        print(f"trials an hour of 2 workers over 1: {ratio(*map(list, zip(*pairs, strict=True)))}")
    watcher, of = Clocked(), space(6, EPOCHS, "dominated")
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), "s", of, {}) as study:
        begin = time.process_time()
        explore(study, of, Inline(Sleeping()), watcher)
        computed = time.process_time() - begin
    asleep = 6 * EPOCHS * SECONDS
    waited = watcher.seconds - asleep
    print(
        f"driver's share of trials of {EPOCHS * SECONDS:g} s: {100 * waited / watcher.seconds:.2f} %, "
        f"{100 * computed / watcher.seconds:.2f} % of it computing"
    )


if __name__ == "__main__":
    main()
