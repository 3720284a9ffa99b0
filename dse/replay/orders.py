"""What comes next in a replay: every order that a table can be searched in, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from dse.errors import StudyError
from dse.replay.table import RecordedTable
from dse.search.history import History
from dse.search.progress import Progress
from dse.search.surrogate import Promise
from dse.space.assignment import Scalar
from dse.study.suggest import OPTUNA_SAMPLERS, Suggester

ORDERS = ("expected_gain", "exhaustive", "random", "three-step", *OPTUNA_SAMPLERS)
CUTS = "cuts"  # whatever a recipe holds beside policy and batch schedule


class Order(Protocol):
    """Picks rows of a table, one after the other."""

    def next(self) -> int | None:
        """Give the row to run next, or None where there is nothing left."""

    def ended(self, row: int, run: Progress) -> None:
        """Hear of a run that has ended, as far as it came."""


class Exhaustive:
    """The baseline, then every other row once, in a shuffled order: sampler ``grid``."""

    def __init__(self, table: RecordedTable, rng: np.random.Generator) -> None:
        self._left = baseline_first(table, rng)

    def next(self) -> int | None:
        """Give the next row of the order."""
        return self._left.pop(0) if self._left else None

    def ended(self, row: int, run: Progress) -> None:
        """Learn nothing."""


class Random:
    """Any row, drawn anew each time: a row that comes again costs again."""

    def __init__(self, table: RecordedTable, rng: np.random.Generator) -> None:
        self._rows, self._rng = len(table.candidates), rng

    def next(self) -> int | None:
        """Draw a row."""
        return int(self._rng.integers(self._rows))

    def ended(self, row: int, run: Progress) -> None:
        """Learn nothing."""


class Promising:
    """The baseline, then the row that promises most, every row once: sampler ``expected_gain``."""

    def __init__(self, table: RecordedTable, rng: np.random.Generator, history: History) -> None:
        self._promise = Promise(table.candidates, history)
        self._left = baseline_first(table, rng)

    def next(self) -> int | None:
        """Give the most promising row."""
        if not self._left:
            return None
        row = self._promise.best(self._left)
        self._left.remove(row)
        return row

    def ended(self, row: int, run: Progress) -> None:
        """Learn from the run."""
        self._promise.record(row, run)


class Suggested:
    """What one of Optuna's samplers suggests; a row that comes again costs again.

    It is told train seconds and best accuracy, and parameters where they are weighed. The table must be whole.
    """

    def __init__(self, table: RecordedTable, rng: np.random.Generator, sampler: str) -> None:
        self._weighed = table.reference.parameters > 0
        maximise = (False, True, False)[: 3 if self._weighed else 2]
        self._suggester = Suggester(table.space, sampler, int(rng.integers(2**31)), maximise)
        self._rows = {_key(candidate.choices): row for row, candidate in enumerate(table.candidates)}

    def next(self) -> int | None:
        """Give the row that is suggested."""
        return self._rows[_key(self._suggester.ask())]

    def ended(self, row: int, run: Progress) -> None:
        """Tell the sampler."""
        values = (run.seconds[-1], max(run.accuracies), float(run.outline.parameters))
        self._suggester.tell(values[: 3 if self._weighed else 2] if run.complete else None)


def _key(choices: Mapping[str, Scalar]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(value)) for name, value in choices.items()))


class ThreeStep:
    """The paper's own flow: the best policy, with it the best batch schedule, with both the best of the rest.

    Each step starts from the baseline's other choices and keeps the row of the highest accuracy.

    Source: Marchisio et al. 2019, section 3.
    """

    def __init__(self, table: RecordedTable, rng: np.random.Generator) -> None:
        self._table, self._rng = table, rng
        self._steps = ["learning_rate", "batch_size", CUTS]
        self._now = table.baseline
        self._variants: list[int] = []
        self._accuracy: dict[int, float] = {}
        self._left: list[int] = []

    def next(self) -> int | None:
        """Give the next row of this step, or the first of the next one."""
        while not self._left and self._steps:
            if self._accuracy:
                self._now = max(self._variants, key=lambda row: self._accuracy.get(row, -1.0))
            self._variants = self._varied(self._steps.pop(0))
            shuffled = self._rng.permutation(self._variants).tolist()
            self._left = [row for row in shuffled if row not in self._accuracy]
        return self._left.pop() if self._left else None

    def ended(self, row: int, run: Progress) -> None:
        """Note its accuracy."""
        self._accuracy[row] = max(run.accuracies)

    def _varied(self, block: str) -> list[int]:
        """List the rows that differ from the one kept in this block alone, itself included."""
        kept = self._outside(self._now, block)
        return [row for row in range(len(self._table.candidates)) if self._outside(row, block) == kept]

    def _outside(self, row: int, block: str) -> dict[str, Scalar]:
        choices = self._table.candidates[row].choices
        return {name: value for name, value in choices.items() if _block(name) != block}


def _block(name: str) -> str:
    head = name.partition(".")[0]
    return head if head in ("learning_rate", "batch_size") else CUTS


def baseline_first(table: RecordedTable, rng: np.random.Generator) -> list[int]:
    """Shuffle the rows, and put the baseline in front."""
    shuffled = rng.permutation(len(table.candidates)).tolist()
    return [table.baseline, *(row for row in shuffled if row != table.baseline)]


def check_order(name: str, table: RecordedTable) -> None:
    """Refuse an order that may ask for recipes which the table lacks.

    Raises:
        StudyError: It does.
    """
    if name in OPTUNA_SAMPLERS and not table.whole:
        raise StudyError(
            f"{table.name} has complete runs of {len(table.candidates)} of {table.space.size:,.0f} recipes, and "
            f"{name} may suggest any. Replay a study of every recipe, or leave {name} out of --samplers."
        )


def make_order(name: str, table: RecordedTable, rng: np.random.Generator, history: History) -> Order:
    """Make the order of that name.

    Args:
        name: One of ``ORDERS``.
        table: What is searched.
        rng: Decides all that is left to chance.
        history: What the search has seen, kept by whoever runs it.

    Raises:
        StudyError: The table is not whole enough for it.
    """
    check_order(name, table)
    if name in OPTUNA_SAMPLERS:
        return Suggested(table, rng, name)
    if name == "expected_gain":
        return Promising(table, rng, history)
    orders: dict[str, Callable[[RecordedTable, np.random.Generator], Order]] = {
        "exhaustive": Exhaustive,
        "random": Random,
        "three-step": ThreeStep,
    }
    return orders[name](table, rng)
