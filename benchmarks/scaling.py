"""Where a study stops scaling: recorded curves run again by simulated workers with one driver.

    python benchmarks/scaling.py results/mnist-table

Discrete events. Each worker trains a run's epochs in their recorded seconds, and after each waits for the driver,
which serves one event at a time (``--epoch-ms`` and ``--trial-ms``, as measured by benchmarks/scale.py). A worker fails
at a rate, loses the epoch under way, is back after a while and resumes there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import cycle
from pathlib import Path

import numpy as np

from dse.study.load import load_study


@dataclass(frozen=True, slots=True)
class Setting:
    """What is simulated.

    Attributes:
        workers: How many train at once.
        trials: Trials of the study.
        epoch_seconds: Of the driver, to record an epoch and answer.
        trial_seconds: Of the driver, to record the end of a trial and give the next one.
        failures_an_hour: Of each worker, while it trains.
        restart_seconds: Until a worker that failed trains again.
    """

    workers: int
    trials: int
    epoch_seconds: float = 0.0
    trial_seconds: float = 0.0
    failures_an_hour: float = 0.0
    restart_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Simulated:
    """How a simulated study went.

    Attributes:
        seconds: From its start to its last trial's end.
        driver_share: Share of them in which the driver was at work.
        lost_share: Share of all training that was lost with a worker.
    """

    seconds: float
    driver_share: float
    lost_share: float


def simulate(runs: Sequence[Sequence[float]], setting: Setting, seed: int = 0) -> Simulated:
    """Simulate a study.

    Args:
        runs: Seconds of each epoch of each recorded run; they come again when they are through.
        setting: What is simulated.
        seed: Of the failures.
    """
    rng, pending = np.random.default_rng(seed), cycle(runs)
    mean_seconds = 3600 / setting.failures_an_hour if setting.failures_an_hour else np.inf
    begun = driver_free = driver_busy = trained = lost = end = 0.0
    events: list[
        tuple[float, int, list[float]]
    ] = []  # when a worker is ready, and the epochs it has still to train

    def train(at: float, worker: int, left: list[float]) -> None:
        """Let a worker train its next epoch, again after each failure."""
        nonlocal trained, lost
        while np.isfinite(mean_seconds) and (fails_after := rng.exponential(mean_seconds)) < left[0]:
            at += fails_after + setting.restart_seconds
            trained, lost = trained + fails_after, lost + fails_after
        trained += left[0]
        heappush(events, (at + left[0], worker, left[1:]))

    for worker in range(min(setting.workers, setting.trials)):
        heappush(events, (0.0, worker, []))
    while events:
        ready, worker, left = heappop(events)
        fresh = not left
        cost = setting.trial_seconds if fresh else setting.epoch_seconds
        served = max(ready, driver_free) + cost
        driver_free, driver_busy, end = served, driver_busy + cost, max(end, served)
        if fresh and begun < setting.trials:
            begun += 1
            left = list(next(pending))
        if left:
            train(served, worker, left)
    return Simulated(end, driver_busy / end, lost / trained)


def recorded_runs(folder: Path) -> list[list[float]]:
    """Give the seconds of each epoch of each complete trial of a study."""
    tables = load_study(folder)
    complete = tables.trials.loc[tables.trials["state"] == "complete", "trial"]
    curves = tables.curves[tables.curves["trial"].isin(complete)]
    return [np.diff(clock, prepend=0.0).tolist() for _, clock in curves.groupby("trial")["train_seconds"]]


def main() -> None:
    """Print a table of throughput and driver load."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--epoch-ms", type=float, default=6.0)
    parser.add_argument("--trial-ms", type=float, default=50.0)
    parser.add_argument("--failures-a-day", type=float, default=1.0, help="of each worker")
    options = parser.parse_args()
    runs = recorded_runs(options.study)
    alone = float(np.mean([sum(run) for run in runs]))
    print(
        f"{len(runs)} runs of {alone:.1f} s and {np.mean([len(run) for run in runs]):.1f} epochs in the mean"
    )
    print("| workers | trials/h | of linear | driver at work | training lost |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for workers in (2**power for power in range(13)):
        setting = Setting(
            workers, max(200, min(options.trials, 40 * workers)), options.epoch_ms / 1000, options.trial_ms / 1000,
            options.failures_a_day / 24,
        )  # fmt: skip
        result = simulate(runs, setting)
        rate = 3600 * setting.trials / result.seconds
        print(
            f"| {workers:,} | {rate:,.0f} | {rate * alone / 3600 / workers:.0%} | {result.driver_share:.0%} "
            f"| {result.lost_share:.2%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
