"""What a study of many trials costs: opening, resuming, widening, reporting, and driving many workers.

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
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from heapq import heappop, heappush
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self

import numpy as np
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from dse.api import write_views
from dse.recipe.plan import Plan
from dse.record.epoch import EpochRow
from dse.record.objectives import measure
from dse.record.run import Outcome, Run, Training, finished
from dse.record.trial import Trial
from dse.runners.inline import Inline
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.explore import explore
from dse.study.load import load_study
from dse.study.quiet import quiet_optuna
from dse.study.runner import Ended, EpochEnded, Event, Job, Runner, Started
from dse.study.storage import make_database, opened
from dse.study.trainer import Trainer
from dse.study.trials import trial_attributes
from dse.study.watcher import Watcher

ENVIRONMENT = {"device": "none", "device_type": "cpu", "threads": 1, "data_fingerprint": "none"}


def space(
    epochs: int, trials: int, sampler: str, *, wider: bool = False, recipes: int = 2_000
) -> SearchSpace:
    """A space of 2,000 recipes, the most that are judged one by one, or of more."""
    rates = [round(0.0001 * (i + 1), 4) for i in range(recipes // 40)] + ([0.0123] if wider else [])
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


def drawn_trials(of: SearchSpace, count: int) -> Iterator[tuple[Trial, FixedTrial, Mapping[str, Any]]]:
    """Draw complete trials with what drew their recipes and with their places in the space; the baseline first."""
    points, now = list(of.points()), datetime.now()
    points = [of.baseline_assignment, *(points[i] for i in np.random.default_rng(0).permutation(len(points)))]
    for number in range(count):
        point, seed = points[number % len(points)], number // len(points)
        drawn = FixedTrial(point)
        recipe = of.draw(drawn)
        plan = of.plan(recipe)
        run = finished(Drawn().epochs(plan, seed))
        yield Trial(number, recipe, seed, run, measure(run, plan), now.isoformat(), "none"), drawn, point


def stored_trials(of: SearchSpace, count: int) -> Iterator[FrozenTrial]:
    """Draw complete trials as a study would have recorded them."""
    for trial, drawn, point in drawn_trials(of, count):
        started = datetime.fromisoformat(trial.started)
        values = [float(trial.measures[name] or 0) for name in of.objectives]
        yield FrozenTrial(
            number=trial.number, state=TrialState.COMPLETE, value=None, values=values, datetime_start=started,
            datetime_complete=started, params=drawn.params, distributions=drawn.distributions,
            user_attrs=trial_attributes(trial), system_attrs={"fixed_params": point}, intermediate_values={},
            trial_id=trial.number,
        )  # fmt: skip


class Simulated(Runner):
    """Workers whose clock is simulated: no event is waited for, so that the time that passes is the driver's."""

    ahead = 0

    def __init__(self, workers: int) -> None:
        self.trainer, self.workers = Drawn(), workers
        self._jobs: deque[Job] = deque()
        self._cancelled: set[int] = set()
        self.drawing_seconds = 0.0

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._jobs.append(job)

    def events(self) -> Iterator[Event]:
        """Give the events of all workers in the order of their clock."""
        clock, at_work = 0.0, list[tuple[float, int, Iterator[tuple[float, Event]], Event]]()
        while self._jobs or at_work:
            while self._jobs and len(at_work) < self.workers:
                job = self._jobs.popleft()
                begin = Started(job.number, "none", ())
                heappush(at_work, (clock, job.number, self._events_of(job, clock), begin))
            clock, number, later, event = heappop(at_work)
            yield event
            if not isinstance(event, Ended):
                heappush(at_work, (*self._next(number, clock, later),))

    def _next(
        self, number: int, clock: float, later: Iterator[tuple[float, Event]]
    ) -> tuple[float, int, Iterator[tuple[float, Event]], Event]:
        if number in self._cancelled:
            return clock, number, later, Ended(number, Run((), Outcome.STOPPED, "simulated", 0.1, "none"))
        at, event = next(later)
        return at, number, later, event

    def _events_of(self, job: Job, begin: float) -> Iterator[tuple[float, Event]]:
        now = time.perf_counter()
        run = finished(self.trainer.epochs(job.plan, job.seed))
        self.drawing_seconds += time.perf_counter() - now
        for row in run.curve:
            yield begin + row.train_seconds, EpochEnded(job.number, row)
        yield begin + run.train_seconds, Ended(job.number, run)

    def cancel(self, number: int, reason: str) -> None:
        """End a job after its last event."""
        self._cancelled.add(number)

    def close(self) -> None:
        """Forget what waits."""
        self._jobs.clear()


class Clocked(Watcher):
    """Notes when trials start and end, on the wall and in CPU time: what lies between is the driver's."""

    def __init__(self) -> None:
        self.ends: list[Instant] = []
        self.gaps: list[Instant] = []

    def trial_started(self, trial: Trial, plan: Plan) -> None:
        """Note the time since the last one ended."""
        self.gaps += [Instant.since(self.ends[-1])] if self.ends else []

    def trial_ended(self, *_: Any) -> None:
        """Note the time."""
        self.ends.append(Instant.now())


class Instant(NamedTuple):
    """Seconds on the wall, and of CPU time, which other programs on the machine delay less."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Self:
        """Read both clocks."""
        return cls(time.perf_counter(), time.process_time())

    @classmethod
    def since(cls, earlier: Instant) -> Self:
        """Give what has passed."""
        now = cls.now()
        return cls(now.wall - earlier.wall, now.cpu - earlier.cpu)


def resume(folder: Path, of: SearchSpace, **how: bool) -> dict[str, float]:
    """Open a study and run a few trials more."""
    begin, watcher = Instant.now(), Clocked()
    with opened(folder.parent, folder.name, of, ENVIRONMENT, **how) as study, quiet_optuna():
        explore(study, of, Inline(Drawn()), watcher)
    first = watcher.ends[0]
    return {
        "first_trial_after": first.wall - begin.wall,
        "first_trial_after_cpu": first.cpu - begin.cpu,
        "ask_and_tell_ms": 1000 * median(gap.wall for gap in watcher.gaps),
        "ask_and_tell_cpu_ms": 1000 * median(gap.cpu for gap in watcher.gaps),
    }


def drive(folder: Path, of: SearchSpace, workers: int) -> dict[str, float]:
    """Resume a study with many simulated workers."""
    watcher, runner = Clocked(), Simulated(workers)
    with opened(folder.parent, folder.name, of, ENVIRONMENT) as study, quiet_optuna():
        explore(study, of, runner, watcher)
    ends = watcher.ends
    seconds = ends[-1].wall - ends[0].wall - runner.drawing_seconds
    return {
        "trials": len(ends),
        "trials_a_second": (len(ends) - 1) / seconds,
        "ms_a_trial": 1000 * seconds / len(ends),
        "cpu_ms_a_trial": 1000 * (ends[-1].cpu - ends[0].cpu) / len(ends),
    }


def report(folder: Path) -> dict[str, float]:
    """Write all views, and weigh the page."""
    files = write_views(folder)
    return {"files": len(files), "page_mb": (folder / "report.html").stat().st_size / 1e6}


def command(*words: str) -> dict[str, float]:
    """Run a command of dse and weigh its output."""
    output = subprocess.run([sys.executable, "-m", "dse", *words], check=True, capture_output=True).stdout
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    return {"output_kb": len(output) / 1e3, "command_memory_gb": used}


TASKS: dict[str, Callable[[Path, int, int], dict[str, float]]] = {
    "load": lambda folder, trials, epochs: {"trials": len(load_study(folder).trials)},
    "report": lambda folder, trials, epochs: report(folder),
    "dse front": lambda folder, trials, epochs: command("front", str(folder)),
    "resume grid": lambda folder, trials, epochs: resume(folder, space(epochs, trials + 20, "grid")),
    "resume expected_gain": lambda folder, trials, epochs: resume(folder, space(epochs, trials + 40, "expected_gain")),
    "64 workers, grid": lambda folder, trials, epochs: drive(folder, space(epochs, trials + 240, "grid"), 64),
    "64 workers, expected_gain": lambda folder, trials, epochs: drive(
        folder, space(epochs, trials + 440, "expected_gain"), 64
    ),
    "widen": lambda folder, trials, epochs: resume(folder, space(epochs, trials + 460, "grid", wider=True), widen=True),
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
        times = {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time()}
        print(json.dumps(times | {"memory_gb": memory} | figures))
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
