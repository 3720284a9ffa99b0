"""Timing in turns: blocks of steps of several kinds alternate, so that a machine whose speed drifts favours none."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dse.record.calibration import median_ratio

Timed = Callable[[int], float]
"""Takes so many steps and gives the seconds that they took."""

# A number of steps is known to fill its time once it takes this share of it.
_KNOWN = 0.25


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        block_seconds: How long a block is at least; each has whole steps.
        error: Enough once the standard error of the ratio is no larger, as a share of it.
        least_pairs: Pairs of blocks, at least.
        seconds: No further pair after so many seconds of steps, once there are three pairs.
        reference_seconds: For how long the reference alone is timed.
        patience: How many times as long all of it may take where other programs hold it up.
    """

    block_seconds: float = 0.005
    error: float = 0.01
    least_pairs: int = 11
    seconds: float = 3.0
    reference_seconds: float = 6.0
    patience: float = 8.0


EFFORT = Effort()
_FEWEST = 3


def steps_within(timed: Timed, seconds: float) -> int:
    """Find how many steps fill so many seconds, at least one; the first one warms up."""
    timed(1)
    steps = 1
    while (taken := timed(steps)) < _KNOWN * seconds:
        steps *= 2
    return max(1, round(steps * seconds / taken))


def duet(one: Timed, other: Timed, effort: Effort = EFFORT) -> list[tuple[float, float]]:
    """Time blocks of steps of two kinds beside each other, which of them comes first in turns.

    Blocks of both take about the same time, so that the same is likely to disturb them.

    Returns:
        The seconds of a step of each, pair by pair.
    """
    longest = max(effort.block_seconds, one(1), other(1))
    steps = steps_within(one, longest), steps_within(other, longest)
    pairs: list[tuple[float, float]] = []
    spent = _Spent(effort.seconds, effort.patience)
    while not _is_enough(pairs, spent, effort):
        if len(pairs) % 2 == 0:
            first, second = one(steps[0]), other(steps[1])
        else:
            second, first = other(steps[1]), one(steps[0])
        spent.add(first + second)
        pairs.append((first / steps[0], second / steps[1]))
    return pairs


def alone(timed: Timed, effort: Effort = EFFORT) -> list[float]:
    """Time blocks of steps of one kind; give the seconds of a step in each."""
    steps = steps_within(timed, effort.block_seconds)
    blocks: list[float] = []
    spent = _Spent(effort.reference_seconds, effort.patience)
    while len(blocks) < _FEWEST or not spent.all:
        taken = timed(steps)
        spent.add(taken)
        blocks.append(taken / steps)
    return blocks


class _Spent:
    """How much of an allowance of seconds is spent: of the steps' own, or of the clock on the wall."""

    def __init__(self, seconds: float, patience: float) -> None:
        self._left = seconds
        self._until = time.perf_counter() + patience * seconds

    def add(self, seconds: float) -> None:
        """Spend seconds."""
        self._left -= seconds

    @property
    def all(self) -> bool:
        """Whether nothing is left."""
        return self._left <= 0 or time.perf_counter() > self._until


def _is_enough(pairs: Sequence[tuple[float, float]], spent: _Spent, effort: Effort) -> bool:
    if len(pairs) < _FEWEST or (len(pairs) < effort.least_pairs and not spent.all):
        return False
    return spent.all or median_ratio(pairs)[1] <= effort.error
