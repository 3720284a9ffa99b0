"""What a study of many trials costs: opening, resuming, widening, reporting.

    python benchmarks/scale.py --trials 10000 --epochs 30 --folder /tmp/scale

Makes a study of as many trials without training any, then measures each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from dse.api import write_views
from dse.recipe.plan import Plan
from dse.record.objectives import measure
from dse.record.run import EpochRow, Outcome, Run, Training, finished
from dse.record.trial import Trial
from dse.runners.inline import Inline
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.explore import explore
from dse.study.load import load_study
from dse.study.quiet import quiet_optuna
from dse.study.storage import make_database, opened
from dse.study.trainer import Trainer
from dse.study.trials import trial_attributes
from dse.study.watcher import Watcher

ENVIRONMENT = {"device": "none", "device_type": "cpu", "threads": 1, "data_fingerprint": "none"}


def space(epochs: int, trials: int, sampler: str, *, wider: bool = False) -> SearchSpace:
    """A space of 2,000 recipes, the most that are judged one by one."""
    rates = [round(0.0001 * (i + 1), 4) for i in range(50)] + ([0.0123] if wider else [])
    sizes = [8 * (i + 1) for i in range(20)]
    return parse_space(
        {
            "name": "s",
            "data": {"name": "digits"},
            "objectives": ["train_seconds", "accuracy"],
            "recipe": {
                "model": {"name": "capsnet", "preset": "tiny"},
                "learning_rate": [
                    {"policy": policy, "base_rate": {"choices": rates}} for policy in ("fixed", "one_cycle")
                ],
                "batch_size": {"schedule": "constant", "size": {"choices": sizes}},
                "epochs": epochs,
            },
            "baseline": {
                "learning_rate": {"policy": "fixed", "base_rate": 0.001},
                "batch_size": {"size": 128},
            },
            "trials": trials,
            "seeds": 1000,
            "sampler": sampler,
        },
        "scale",
    )


class Drawn(Trainer):
    """Trains nothing: curves out of a generator."""

    title = "none"

    def epochs(self, plan: Plan, seed: int) -> Training:
        """Report an epoch after the other."""
        random = np.random.default_rng([seed, int(plan.recipe.id, 16)])
        rate, size = plan.recipe.learning_rate.base_rate, plan.epochs[0].batch_size
        best = 0.97 - 0.2 * abs(np.log10(rate / 0.002)) - 0.0003 * size
        rows = []
        for epoch in plan.epochs:
            accuracy = float(
                np.clip(best - 0.6 * np.exp(-0.3 * epoch.epoch) + random.normal(0, 0.01), 0.1, 1)
            )
            row = EpochRow(
                epoch=epoch.epoch, batch_size=size, steps=epoch.steps, images_seen=epoch.epoch * plan.images,
                first_rate=epoch.first_rate, last_rate=epoch.last_rate,
                train_seconds=epoch.epoch * (1 + 20 / size), eval_seconds=0.1 * epoch.epoch,
                loss=1 - accuracy, margin_loss=1 - accuracy, reconstruction_loss=20.0,
                validation_accuracy=accuracy, test_accuracy=accuracy,
            )  # fmt: skip
            rows.append(row)
            yield row
        return Run(tuple(rows), Outcome.COMPLETE, "", 0.1, "none")


def stored_trials(of: SearchSpace, count: int) -> Iterator[FrozenTrial]:
    """Draw complete trials as a study would have recorded them; the baseline first."""
    points, now = list(of.points()), datetime.now()
    points = [of.baseline_assignment, *(points[i] for i in np.random.default_rng(0).permutation(len(points)))]
    for number in range(count):
        point, seed = points[number % len(points)], number // len(points)
        drawn = FixedTrial(point)
        recipe = of.draw(drawn)
        plan = of.plan(recipe)
        run = finished(Drawn().epochs(plan, seed))
        trial = Trial(number, recipe, seed, run, measure(run, plan), now.isoformat(), "none")
        values = [float(trial.measures[name] or 0) for name in of.objectives]
        yield FrozenTrial(
            number=number, state=TrialState.COMPLETE, value=None, values=values, datetime_start=now,
            datetime_complete=now, params=drawn.params, distributions=drawn.distributions,
            user_attrs=trial_attributes(trial), system_attrs={"fixed_params": point}, intermediate_values={},
            trial_id=number,
        )  # fmt: skip


class Clocked(Watcher):
    """Notes when trials start and end: what lies between an end and the next start is the driver's."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.gaps: list[float] = []

    def trial_started(self, trial: Trial, plan: Plan) -> None:
        """Note the time since the last one ended."""
        self.gaps += [time.perf_counter() - self.ends[-1]] if self.ends else []

    def trial_ended(self, *_: Any) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def resume(folder: Path, of: SearchSpace, **how: bool) -> dict[str, float]:
    """Open a study and run a few trials more."""
    begin, watcher = time.perf_counter(), Clocked()
    with opened(folder.parent, folder.name, of, ENVIRONMENT, **how) as study, quiet_optuna():
        explore(study, of, Inline(Drawn()), watcher)
    first = watcher.ends[0] - begin if watcher.ends else time.perf_counter() - begin
    return {"first_trial_after": first, "ask_and_tell_ms": 1000 * median(watcher.gaps or [0.0])}


TASKS: dict[str, Callable[[Path, int, int], dict[str, float]]] = {
    "load": lambda folder, trials, epochs: {"trials": len(load_study(folder).trials)},
    "report": lambda folder, trials, epochs: {"files": len(write_views(folder))},
    "resume grid": lambda folder, trials, epochs: resume(folder, space(epochs, trials + 20, "grid")),
    "resume expected_gain": lambda folder, trials, epochs: resume(folder, space(epochs, trials + 40, "expected_gain")),
    "widen": lambda folder, trials, epochs: resume(folder, space(epochs, trials + 40, "grid", wider=True), widen=True),
}  # fmt: skip


def main() -> None:
    """Make the study, then run this file again for each task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--task", choices=TASKS)
    options = parser.parse_args()
    folder = options.folder / "s"
    if options.task:
        begin = time.perf_counter()
        figures = TASKS[options.task](folder, options.trials, options.epochs)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps({"seconds": time.perf_counter() - begin, "memory_gb": memory} | figures))
        return
    of = space(options.epochs, options.trials, "grid")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "study.db").exists():
        with quiet_optuna():
            make_database(folder, of, ENVIRONMENT, list(stored_trials(of, options.trials)))
    print(
        f"{options.trials} trials of {options.epochs} epochs: {(folder / 'study.db').stat().st_size / 1e6:.0f} MB"
    )
    for task in TASKS:
        command = [sys.executable, __file__, "--folder", str(options.folder), "--task", task]
        command += ["--trials", str(options.trials), "--epochs", str(options.epochs)]
        print(
            task,
            subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(),
            flush=True,
        )


if __name__ == "__main__":
    main()
