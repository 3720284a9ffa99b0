"""Contestants take turns, so that a machine whose speed drifts favours none of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dse.errors import DseError

# Calibration is done once a turn takes this share of the seconds wanted: then its length is known well enough.
_CALIBRATED = 0.25


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something whose steps are timed.

    Attributes:
        name: Its key in every result.
        timed: Runs a number of steps and gives the seconds that they took.
    """

    name: str
    timed: Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Spread:
    """What repeats of one measurement gave."""

    median: float
    low: float
    high: float


def summarise(values: Sequence[float]) -> Spread:
    """Give median, minimum and maximum.

    >>> summarise([3.0, 1.0, 2.0, 9.0])
    Spread(median=2.5, low=1.0, high=9.0)
    """
    return Spread(statistics.median(values), min(values), max(values))


def ratio(over: Sequence[float], under: Sequence[float]) -> Spread:
    """Divide repeat by repeat, then summarise: a drift that both sides share cancels.

    >>> ratio([2.0, 4.0, 9.0], [1.0, 2.0, 3.0])
    Spread(median=2.0, low=2.0, high=3.0)
    """
    return summarise([a / b for a, b in zip(over, under, strict=True)])


def take_turns(
    contestants: Sequence[Contestant],
    seconds: float,
    repeats: int,
    on_failure: Callable[[str, DseError], None],
) -> list[dict[str, float]]:
    """Time every contestant once in each repeat, in turns: a, b, c, a, b, c and so on.

    One that fails is left out of all turns, and the others continue.

    Args:
        contestants: In the order of their turns.
        seconds: How long a turn is to take; at least one step is run.
        repeats: Turns of each.
        on_failure: Called with the name of one that fails, and why.

    Returns:
        For each repeat the seconds per step of each contestant that did not fail, by name.
    """
    steps: dict[str, int] = {}
    turns: list[dict[str, float]] = [{} for _ in range(repeats)]
    for contestant in contestants:
        try:
            steps[contestant.name] = _steps_within(contestant, seconds)
        except DseError as error:
            on_failure(contestant.name, error)
    for turn in turns:
        for contestant in contestants:
            name = contestant.name
            if name not in steps:
                continue
            try:
                turn[name] = contestant.timed(steps[name]) / steps[name]
            except DseError as error:
                on_failure(name, error)
                del steps[name]
    return [{name: turn[name] for name in steps} for turn in turns]


def _steps_within(contestant: Contestant, seconds: float) -> int:
    """Find how many steps a turn takes, after one step that warms up."""
    contestant.timed(1)
    steps = 1
    while (taken := contestant.timed(steps)) < _CALIBRATED * seconds:
        steps *= 2
    return max(1, round(steps * seconds / taken))
