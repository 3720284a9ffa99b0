"""A search of a recorded table, with a simulated clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.replay.table import RecordedTable
from dse.search.history import History
from dse.search.orders import Order
from dse.search.progress import Floats
from dse.search.stopping import DominanceRule


@dataclass(frozen=True, slots=True)
class Replay:
    """The epochs that a search ran, in their order.

    Attributes:
        rows: Row of the table of each epoch.
        epochs: Which epoch of its run it was, counted from 1.
        clock: Train seconds spent when it ended.
    """

    rows: NDArray[np.int64]
    epochs: NDArray[np.int64]
    clock: Floats


def replay(
    table: RecordedTable,
    order: Order,
    rng: np.random.Generator,
    budget_seconds: float,
    history: History,
    rule: DominanceRule | None = None,
) -> Replay:
    """Search a table until the order is through or the budget is spent.

    The first run of a row has a seed drawn at random among those recorded, the next one another, and so on.

    Args:
        table: What may be run.
        order: What is run next.
        rng: Draws the seeds.
        budget_seconds: Train seconds; the epoch that would exceed them is not run.
        history: Learns every epoch; an empty one.
        rule: Stops runs; None lets all run to their end. The baseline is never stopped.
    """
    seeds = [rng.permutation(len(runs)).tolist() for runs in table.runs]
    events: list[tuple[int, int, float]] = []
    clock = 0.0
    while (row := order.next()) is not None:
        seeds[row].append(seed := seeds[row].pop(0))
        for progress in table.runs[row][seed]:
            if clock + progress.seconds[-1] > budget_seconds:
                return _laid_out(events)
            events.append((row, len(progress.seconds), clock + progress.seconds[-1]))
            history.record_epoch(progress, row)
            if rule is not None and row != table.baseline and rule.verdict(progress) is not None:
                break
        history.record_end(progress, row)
        if row == table.baseline:
            history.refer_to(progress)
        clock += progress.seconds[-1]
        order.ended(row, progress)
    return _laid_out(events)


def _laid_out(events: list[tuple[int, int, float]]) -> Replay:
    rows, epochs, clock = zip(*events, strict=True) if events else ((), (), ())
    return Replay(np.array(rows, dtype=int), np.array(epochs, dtype=int), np.array(clock, dtype=float))
