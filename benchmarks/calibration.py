"""Run the same study twice beside a stranger's load, and print by how much its seconds differ, by either clock.

Each study calibrates afresh. The stranger multiplies matrices and copies them, in bursts of 0.2 to 2 s with pauses of
0.1 to 1.5 s, others beside each study. Nine recipes of the tiny CapsNet on the built-in digits, on a processor.

    python benchmarks/calibration.py --threads 1 --strangers 2
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

import dse
from dse.bench.bench import describe
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.training.device import find_device, use_threads

_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Twice:
    """What two studies say of one recipe.

    Attributes:
        label: The recipe.
        calibrated: Its train seconds by the steps, in each study.
        measured: By the stopwatch.
    """

    label: str
    calibrated: tuple[float, float]
    measured: tuple[float, float]


def difference(pair: tuple[float, float]) -> float:
    """Give by how much the larger of two exceeds the smaller, as a share.

    >>> round(difference((2.0, 1.9)), 3)
    0.053
    """
    return max(pair) / min(pair) - 1


def space_of(epochs: int) -> SearchSpace:
    """Give the nine recipes: three batch sizes, three ways to update the weights or to share them."""
    content = {
        "name": "twice",
        "data": {"name": "digits"},
        "recipe": {
            "model": {"name": "capsnet", "preset": "tiny"},
            "learning_rate": {"policy": "fixed", "base_rate": 0.001},
            "batch_size": {"schedule": "constant", "size": {"choices": [16, 32, 128]}},
            "epochs": epochs,
            "one_of": {
                "plain": {"optimizer": {"name": "adam"}, "weight_sharing": {"class_capsules": "none"}},
                "shared": {"optimizer": {"name": "adam"}, "weight_sharing": {"class_capsules": "per_type"}},
                "muon": {"optimizer": {"name": "muon"}, "weight_sharing": {"class_capsules": "none"}},
            },
        },
        "baseline": {
            "batch_size": {"size": 128},
            "optimizer": {"name": "adam"},
            "weight_sharing": {"class_capsules": "none"},
        },
        "sampler": "grid",
        "trials": 9,
    }
    return parse_space(content, "the benchmark")


def work_as_a_stranger(seed: int) -> None:
    """Multiply and copy matrices in bursts, until it is ended."""
    picks, numbers = random.Random(seed), np.random.default_rng(seed).random((1500, 1500))
    while True:
        until = time.monotonic() + picks.uniform(0.2, 2)
        while time.monotonic() < until:
            numbers @ numbers
            numbers.copy()
        time.sleep(picks.uniform(0.1, 1.5))


@contextmanager
def strangers(seeds: list[int]) -> Iterator[None]:
    """Have strangers work, one for each seed."""
    with patch.dict(os.environ, {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}):
        working = [_SPAWN.Process(target=work_as_a_stranger, args=(seed,), daemon=True) for seed in seeds]
        for process in working:
            process.start()
    try:
        yield
    finally:
        for process in working:
            process.kill()
            process.join()


def studied(space: SearchSpace, machine: dse.Machine, folder: Path) -> dse.StudyTables:
    """Explore the space with a cache of its own."""
    with patch.dict(os.environ, {"XDG_CACHE_HOME": str((folder / "cache").resolve())}):
        return dse.explore(space, folder=folder / "study", machine=machine)


def twice(space: SearchSpace, machine: dse.Machine, load: int, folder: Path) -> list[Twice]:
    """Explore the space twice, each time beside other strangers."""
    studies = []
    for number in range(2):
        with strangers([100 * number + each for each in range(load)]):
            studies.append(studied(space, machine, folder / str(number)).trials.set_index("label"))
    one, other = studies
    return [
        Twice(
            label,
            (one.loc[label, "calibrated_seconds"], other.loc[label, "calibrated_seconds"]),
            (one.loc[label, "measured_seconds"], other.loc[label, "measured_seconds"]),
        )
        for label in one.index
    ]


def main(threads: int | None, load: int, epochs: int) -> None:
    """Print a Markdown table of both clocks."""
    use_threads(threads)
    print(describe(find_device("cpu")))
    with tempfile.TemporaryDirectory() as folder:
        found = twice(space_of(epochs), dse.Machine(device="cpu", threads=threads), load, Path(folder))
    print(f"\nLoad of the machine at the end: {os.getloadavg()[0]:.1f}; strangers of ours: {load}.\n")
    print("| recipe | calibrated (s) | differ by | measured (s) | differ by |\n|---|---|---|---|---|")
    for each in found:
        clocks = [
            f"{pair[0]:.2f}, {pair[1]:.2f} | {100 * difference(pair):.1f} %"
            for pair in (each.calibrated, each.measured)
        ]
        print(f"| {each.label} | {' | '.join(clocks)} |")
    medians = [
        f"{100 * statistics.median(difference(getattr(each, clock)) for each in found):.1f} %"
        for clock in ("calibrated", "measured")
    ]
    print(f"| median | | {medians[0]} | | {medians[1]} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, help="threads of the processor; torch's own if left out")
    parser.add_argument("--strangers", type=int, default=2, help="other processes at work: %(default)s")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of each run: %(default)s")
    chosen = parser.parse_args()
    main(chosen.threads, chosen.strangers, chosen.epochs)
