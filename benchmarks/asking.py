"""Print what asking costs: a replay of 1,000 made-up recipes by dse, and a study of as many that trains nothing.

    python benchmarks/asking.py

The replay is timed in seconds of the processor, so that other work on the machine counts less; the study in seconds
from the end of one trial to the start of the next, its SQLite file included. Takes about two minutes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from typing_extensions import override

from dse.recipe.plan import Plan
from dse.record.epoch import EpochRow
from dse.record.run import Outcome, Run, Training
from dse.record.trial import Trial
from dse.replay.simulate import replay
from dse.replay.table import RecordedTable
from dse.runners.inline import Inline
from dse.search.history import History
from dse.search.orders import ExpectedGain, baseline_first
from dse.search.progress import PlanSummary, Progress
from dse.search.stopping import DominanceRule
from dse.search.surrogate import Candidate, Surrogate
from dse.space.load import load_space, parse_space
from dse.study.explore import explore
from dse.study.storage import opened
from dse.study.trainer import Trainer
from dse.study.watcher import Standing, Watcher

EPOCHS = 10


def made_up_table(recipes: int) -> RecordedTable:
    """Make runs whose accuracies rise and whose epochs take one to two seconds, at random."""
    rng = np.random.default_rng(0)
    shares = tuple(np.linspace(1 / EPOCHS, 1, EPOCHS).tolist())
    candidates, runs = [], []
    for row in range(recipes):
        rate, steps = float(rng.uniform(1e-4, 1e-2)), int(rng.integers(100, 1000))
        summary = PlanSummary((32,) * EPOCHS, shares, steps, rate, parameters=0)
        choices = {
            "policy": str(rng.integers(4)),
            "schedule": str(rng.integers(5)),
            "rate": rate,
            "recipe": row,
        }
        candidates.append(Candidate(choices, summary))
        seconds = tuple(np.cumsum(rng.uniform(1, 2, EPOCHS)).tolist())
        accuracies = tuple(np.sort(rng.uniform(0.5, 0.95, EPOCHS)).tolist())
        runs.append((tuple(Progress(summary, seconds[:n], accuracies[:n]) for n in range(1, EPOCHS + 1)),))
    space = load_space("quickstart")
    return RecordedTable("made up", space, tuple(candidates), tuple(runs), baseline=0, left_out=0)


class Timed(ExpectedGain):
    """Keeps the seconds of its slowest question."""

    slowest = 0.0

    @override
    def next(self) -> int | None:
        before = time.process_time()
        row = super().next()
        self.slowest = max(self.slowest, time.process_time() - before)
        return row


class Gaps(Watcher):
    """Keeps the seconds between one trial's end and the next one's start."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._ended: float | None = None

    @override
    def trial_started(self, trial: Trial, plan: Plan) -> None:
        if self._ended is not None:
            self.seconds.append(time.perf_counter() - self._ended)

    @override
    def trial_ended(self, trial: Trial, trials: list[Trial], standing: Standing) -> None:
        self._ended = time.perf_counter()


class Pretending(Trainer):
    """Trains nothing: seconds and accuracy follow from the plan."""

    title = "none"

    def epochs(self, plan: Plan, seed: int) -> Training:
        """Make the curve up."""
        curve: list[EpochRow] = []
        for epoch in plan.epochs:
            seconds = epoch.epoch * (1 + 10 / epoch.batch_size)
            accuracy = 1 - 1 / (2 + epoch.epoch + 100 * float(plan.rates.mean()) ** 0.5)
            seen = epoch.epoch * plan.images
            numbers = (epoch.batch_size, epoch.steps, seen, epoch.first_rate, epoch.last_rate)
            curve.append(EpochRow(epoch.epoch, *numbers, seconds, 0.0, 1.0, 1.0, 1.0, accuracy, accuracy))
            if (reason := (yield curve[-1])) is not None:
                return Run(tuple(curve), Outcome.STOPPED, reason, 0.0, "pretended")
        return Run(tuple(curve), Outcome.COMPLETE, "", 0.0, "pretended")


def study_gaps(recipes: int) -> list[float]:
    """Explore this many recipes; give the seconds between trials."""
    content = load_space("quickstart").dump()
    rates = [round(0.0005 * (i + 1), 6) for i in range(recipes)]
    content["recipe"] = {
        "model": {"name": "capsnet", "preset": "tiny"},
        "epochs": EPOCHS,
        "learning_rate": {"policy": "fixed", "base_rate": {"choices": rates}},
        "batch_size": {"schedule": "constant", "size": 128},
    }
    content["baseline"] = {"learning_rate": {"policy": "fixed", "base_rate": rates[1]}}
    content |= {
        "objectives": ["train_seconds", "accuracy"],
        "stopping": "dominated",
        "trials": recipes,
        "sampler": "expected_gain",
    }
    space, gaps = parse_space(content, "made up"), Gaps()
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), "made-up", space, {}) as study:
        explore(study, space, Inline(Pretending()), gaps)
    return gaps.seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipes", type=int, default=1000)
    recipes = parser.parse_args().recipes
    table = made_up_table(recipes)
    rng, history = np.random.default_rng(0), History()
    began = time.process_time()
    rows = baseline_first(table.baseline, recipes, rng)
    order = Timed(rows, Surrogate(table.candidates, history))
    found = replay(table, order, rng, table.seconds, history, DominanceRule(history, table.space.confidence))
    whole = time.process_time() - began
    print(
        f"{len(set(found.rows.tolist()))} trials of {len(found.rows) / len(table.runs):.1f} epochs: {whole:.2f} s"
    )
    print(f"slowest question: {order.slowest:.3f} s")
    last = study_gaps(recipes)[-30:]
    print(
        f"study of {recipes}, between its last 30 trials: median {np.median(last):.3f} s, most {max(last):.3f} s"
    )
