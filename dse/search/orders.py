"""What comes next: the orders in which the recipes of a finite space are run, in studies and replays alike.

A recipe is a row of a list of candidates. Optuna's samplers are orders too, see ``dse.study.suggest``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from typing_extensions import override

from dse.search.progress import Progress
from dse.search.surrogate import Candidate, Surrogate
from dse.space.assignment import Scalar

CUTS = "cuts"  # whatever a recipe holds beside policy and batch schedule


class Order(Protocol):
    """Picks rows, one after the other."""

    def next(self) -> int | None:
        """Give the row to run next, or None where there is nothing left."""

    def ended(self, row: int, run: Progress) -> None:
        """Learn from a run that has ended, as far as it came."""


class Grid:
    """Every row once in each pass, in the order given; no row again before all were run: sampler ``grid``.

    Args:
        rows: All rows, in the order in which they are run.
        passes: How often each is run; a study's passes are its seeds.
    """

    def __init__(self, rows: Sequence[int], passes: int = 1) -> None:
        self._passes = [list(rows) for _ in range(passes)]
        self._begun: set[tuple[int, int]] = set()

    @property
    def at(self) -> int:
        """Which pass the next row belongs to, counted from 0."""
        return next((i for i in range(len(self._passes)) if self._free(i)), len(self._passes))

    @property
    def left(self) -> list[int]:
        """The rows that this pass has still to run."""
        return next((rows for rows in self._passes if rows), [])

    @property
    def free(self) -> list[int]:
        """The rows of the pass of the next row that are still to be run, and not at work."""
        return self._free(self.at) if self.at < len(self._passes) else []

    def _free(self, at: int) -> list[int]:
        return [row for row in self._passes[at] if (at, row) not in self._begun]

    def next(self) -> int | None:
        """Give the first row that is free; the same one until a run of it has begun or ended."""
        return self.free[0] if self.free else None

    def begun(self, row: int, at: int) -> None:
        """Learn that a row is at work, in a pass: it is not free until that ends."""
        self._begun.add((at, row))

    def given_up(self, row: int, at: int) -> None:
        """Learn that a row is at work no more."""
        self._begun.discard((at, row))

    def ended(self, row: int, run: Progress, at: int | None = None) -> None:
        """Learn that a row was run.

        Args:
            row: Which one.
            run: Its run.
            at: The pass that it belongs to; the present one if None, none of them if beyond the last.
        """
        at = self.at if at is None else at
        if 0 <= at < len(self._passes) and row in self._passes[at]:
            self._passes[at].remove(row)

    def remaining_gain(self) -> float | None:
        """Estimate nothing: no row is judged."""
        return None


class ExpectedGain(Grid):
    """Every row once in each pass, next the one of the largest expected gain: sampler ``expected_gain``.

    Args:
        rows: All rows; of equal ones the first comes first.
        surrogate: Judges them.
        passes: How often each is run.
    """

    def __init__(self, rows: Sequence[int], surrogate: Surrogate, passes: int = 1) -> None:
        super().__init__(rows, passes)
        self._surrogate = surrogate

    @override
    def next(self) -> int | None:
        """Give the row whose run is expected to add most to the front for each second."""
        with self._surrogate.expecting([row for _, row in sorted(self._begun)]):
            return self._surrogate.best(self.free) if self.free else None

    @override
    def ended(self, row: int, run: Progress, at: int | None = None) -> None:
        super().ended(row, run, at)
        if run.seconds:
            self._surrogate.record(row, run)

    @override
    def remaining_gain(self) -> float | None:
        """Expect by what share the front's volume grows if all rows that are left are run."""
        return self._surrogate.remaining_gain(self.left)


class Random:
    """Any row, drawn again each time: a row that comes again costs again."""

    def __init__(self, rows: int, rng: np.random.Generator) -> None:
        self._rows, self._rng = rows, rng

    def next(self) -> int | None:
        """Draw any row, each as likely as another."""
        return int(self._rng.integers(self._rows))

    def ended(self, row: int, run: Progress) -> None:
        """Do nothing: the draws are independent of the runs."""


class ThreeStep:
    """The paper's own flow: the best policy, with it the best batch schedule, with both the best of the rest.

    Each step starts from the baseline's other choices and keeps the row of the highest accuracy.

    Source: Marchisio et al. 2019, section 3.
    """

    def __init__(self, candidates: Sequence[Candidate], baseline: int, rng: np.random.Generator) -> None:
        self._candidates, self._rng = candidates, rng
        self._steps = ["learning_rate", "batch_size", CUTS]
        self._now = baseline
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
        """Keep the run's best accuracy, by which the step chooses."""
        self._accuracy[row] = max(run.accuracies)

    def _varied(self, block: str) -> list[int]:
        """List the rows that differ from the one kept in this block alone, itself included."""
        kept = self._outside(self._now, block)
        return [row for row in range(len(self._candidates)) if self._outside(row, block) == kept]

    def _outside(self, row: int, block: str) -> dict[str, Scalar]:
        choices = self._candidates[row].choices
        return {name: value for name, value in choices.items() if _block(name) != block}


def _block(name: str) -> str:
    head = name.partition(".")[0]
    return head if head in ("learning_rate", "batch_size") else CUTS


def baseline_first(baseline: int, rows: int, rng: np.random.Generator) -> list[int]:
    """Shuffle the rows, and put the baseline in front."""
    shuffled = rng.permutation(rows).tolist()
    return [baseline, *(row for row in shuffled if row != baseline)]
