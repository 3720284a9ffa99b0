"""Print what asking costs: seconds of a replay of 1,000 made-up recipes by dse, and of its slowest question.

    python benchmarks/asking.py

Seconds of the processor, not of the clock, so that other work on the machine counts less.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from dse.replay.orders import Promising
from dse.replay.simulate import replay
from dse.replay.table import RecordedTable
from dse.search.history import History
from dse.search.progress import Outline, Progress
from dse.search.promise import Candidate
from dse.search.stopping import DominanceRule
from dse.space.load import find_space, load_space

EPOCHS = 10


def made_up_table(recipes: int) -> RecordedTable:
    """Make runs whose accuracies rise and whose epochs take one to two seconds, at random."""
    rng = np.random.default_rng(0)
    shares = tuple(np.linspace(1 / EPOCHS, 1, EPOCHS).tolist())
    candidates, runs = [], []
    for row in range(recipes):
        rate, steps = float(rng.uniform(1e-4, 1e-2)), int(rng.integers(100, 1000))
        outline = Outline((32,) * EPOCHS, shares, steps, rate, parameters=0)
        choices = {
            "policy": str(rng.integers(4)),
            "schedule": str(rng.integers(5)),
            "rate": rate,
            "recipe": row,
        }
        candidates.append(Candidate(choices, outline))
        seconds = tuple(np.cumsum(rng.uniform(1, 2, EPOCHS)).tolist())
        accuracies = tuple(np.sort(rng.uniform(0.5, 0.95, EPOCHS)).tolist())
        runs.append((tuple(Progress(outline, seconds[:n], accuracies[:n]) for n in range(1, EPOCHS + 1)),))
    space = load_space(find_space("quickstart"))
    return RecordedTable("made up", space, tuple(candidates), tuple(runs), baseline=0, left_out=0)


class Timed(Promising):
    """Keeps the seconds of its slowest question."""

    slowest = 0.0

    def next(self) -> int | None:
        """Give the most promising row."""
        before = time.process_time()
        row = super().next()
        self.slowest = max(self.slowest, time.process_time() - before)
        return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipes", type=int, default=1000)
    table = made_up_table(parser.parse_args().recipes)
    rng, history = np.random.default_rng(0), History()
    began = time.process_time()
    order = Timed(table, rng, history)
    found = replay(table, order, rng, table.seconds, history, DominanceRule(history))
    whole = time.process_time() - began
    print(
        f"{len(set(found.rows.tolist()))} trials of {len(found.rows) / len(table.runs):.1f} epochs: {whole:.2f} s"
    )
    print(f"slowest question: {order.slowest:.3f} s")
