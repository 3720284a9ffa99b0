"""Chaos: a study whose driver or workers are killed at random moments ends as if nobody had touched it.

    python -m tests.runners.chaos --rounds 50

Each round starts ``dse explore --workers 2`` on the digits if it is not at work, waits for a random time, and kills the
driver or one of its workers by SIGKILL. A study that ends before the rounds are over is followed by another one.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

import dse
from dse.record.run import Outcome
from dse.record.trial import Trial
from dse.study.database import open_database
from dse.study.trials import read_trials

SPACE: dict[str, Any] = {
    "name": "chaos",
    "recipe": {
        "model": {"name": "capsnet", "preset": "tiny"},
        "learning_rate": {"policy": "fixed", "base_rate": {"choices": [0.001, 0.003]}},
        "batch_size": {"schedule": "constant", "size": {"choices": [64, 128]}},
        "epochs": 6,
    },
    "baseline": {"learning_rate": {"base_rate": 0.001}, "batch_size": {"size": 128}},
    "data": {"images": 1000},
    # Seconds are never the same twice; operations and accuracies are.
    "objectives": ["train_flops", "accuracy"],
    "trials": 8,
    "seeds": 2,
    "sampler": "grid",
    "timing": "measured",
}
LONGEST_WAIT = 20.0  # seconds; a start with its imports takes about half of it
Epochs = dict[tuple[str, int, int], tuple[float, float]]


class Study:
    """A study at work in another process."""

    def __init__(self, space: Path, folder: Path, workers: int) -> None:
        self.folder = folder
        self._command = [
            sys.executable, "-m", "dse", "explore", str(space), "--name", folder.name, "--results",
            str(folder.parent), "--device", "cpu", "--threads", "1", "--workers", str(workers),
        ]  # fmt: skip
        self._driver: psutil.Popen | None = None

    @property
    def output(self) -> Path:
        """What it printed."""
        return self.folder.parent / f"{self.folder.name}.log"

    def start(self) -> None:
        """Begin or resume it, unless it is at work."""
        if self._driver is None or self._driver.poll() is not None:
            with self.output.open("a") as output:
                self._driver = psutil.Popen(self._command, stdout=output, stderr=output)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end; tell whether it came by itself."""
        assert self._driver is not None
        try:
            status = self._driver.wait(seconds)
        except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
            return False
        if status != 0:
            raise AssertionError(f"the study ended with status {status}:\n{self.output.read_text()[-3000:]}")
        return True

    def kill(self, choice: random.Random) -> str:
        """Kill the driver or a worker; say which."""
        assert self._driver is not None
        workers = [child for child in self._driver.children() if is_worker(child)]
        target = choice.choice([self._driver, *workers[:2]])
        target.kill()
        if target is self._driver:
            self._driver.wait()
            self._driver = None
            psutil.wait_procs(workers, timeout=10)
            assert not any(worker.is_running() for worker in workers), "a worker outlived its driver"
            return "driver"
        return "worker"


def is_worker(process: psutil.Process) -> bool:
    """Tell whether a process is one of ``dse.runners.processes``, and alive."""
    try:
        return any("spawn_main" in part for part in process.cmdline())
    except psutil.Error:
        return False


def trials_of(folder: Path) -> list[Trial]:
    """Read what is recorded."""
    return read_trials(open_database(folder)) if (folder / "study.db").exists() else []


def epochs_of(trials: list[Trial]) -> Epochs:
    """Give every epoch recorded of any attempt."""
    return {
        (trial.recipe.id, trial.seed, row.epoch): (row.loss, row.accuracy)
        for trial in trials
        for row in trial.run.curve
    }


def check_kept(trials: list[Trial], before: Epochs) -> Epochs:
    """Nothing recorded is gone or changed, and no attempt trained an epoch again that one before it had finished."""
    now = epochs_of(trials)
    assert {key: now.get(key) for key in before} == before, "a finished epoch is gone or changed"
    reached: dict[tuple[str, int], int] = {}
    for trial in trials:
        run = (trial.recipe.id, trial.seed)
        assert trial.run.resumed_epochs >= reached.get(run, 0), f"trial {trial.number} trained an epoch again"
        reached[run] = max(len(trial.run.curve), reached.get(run, 0))
    return now


def check_ended(folder: Path, undisturbed: Path) -> None:
    """The study's trials, curves and front are those of the undisturbed one."""
    trials, expected = trials_of(folder), trials_of(undisturbed)
    ended = Counter(
        (trial.recipe.id, trial.seed) for trial in trials if trial.state is not Outcome.INTERRUPTED
    )
    assert ended == Counter((trial.recipe.id, trial.seed) for trial in expected)
    failed = [
        (trial.number, trial.run.reason)
        for trial in trials
        if trial.state not in (Outcome.INTERRUPTED, Outcome.COMPLETE)
    ]
    assert not failed
    assert epochs_of(trials) == epochs_of(expected), "a curve differs from the undisturbed one"
    columns = ["recipe_id", "train_flops", "accuracy"]
    fronts = [dse.load_study(each).front[columns].reset_index(drop=True) for each in (folder, undisturbed)]
    pd.testing.assert_frame_equal(*fronts)
    assert not (folder / ".checkpoints").exists()


def chaos(
    folder: Path, rounds: int, seed: int = 0, *, longest_wait: float = LONGEST_WAIT, **changes: Any
) -> dict[str, int]:
    """Kill drivers and workers, and check after each kill and each end.

    Args:
        folder: Where the studies go.
        rounds: How many kills there are.
        seed: Decides when, and who.
        longest_wait: Seconds before a kill, at most.
        **changes: Keys of the space to replace.

    Returns:
        How often which was killed, and how many studies came to their end.

    Raises:
        AssertionError: Something was lost.
    """
    choice, space = random.Random(seed), folder / "chaos.yaml"
    space.write_text(json.dumps(SPACE | changes))
    undisturbed = Study(space, folder / "undisturbed", workers=1)
    undisturbed.start()
    undisturbed.wait()
    counts, known, study = Counter[str](), Epochs(), Study(space, folder / "s0", workers=2)
    while counts["driver"] + counts["worker"] < rounds:
        study.start()
        if study.wait(choice.uniform(0, longest_wait)):
            check_ended(study.folder, undisturbed.folder)
            counts["studies"] += 1
            known, study = {}, Study(space, folder / f"s{counts['studies']}", workers=2)
            continue
        counts[study.kill(choice)] += 1
        known = check_kept(trials_of(study.folder), known)
    study.start()
    study.wait()
    check_kept(trials_of(study.folder), known)
    check_ended(study.folder, undisturbed.folder)
    return dict(counts + Counter(studies=1))


def main() -> None:
    """Run the rounds that are asked for, and say what was killed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = chaos(Path(folder), options.rounds, options.seed)
    print(  # noqa: T201 (a program of its own)
        f"{counts.get('driver', 0)} drivers and {counts.get('worker', 0)} workers killed in {counts['studies']} "
        f"studies, {time.monotonic() - begin:.0f} s: every trial once, no finished epoch lost or trained again, "
        "curves and fronts as undisturbed."
    )


if __name__ == "__main__":
    main()
