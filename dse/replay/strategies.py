"""Strategies: what picks the recipes of a replay, and whether dominated runs are stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from dse.errors import InputError, StudyError
from dse.replay.table import RecordedTable
from dse.search.history import History
from dse.search.orders import ExpectedGain, Grid, Order, Random, ThreeStep, baseline_first
from dse.search.surrogate import Surrogate
from dse.space.samplers import RENAMED_SAMPLERS, STOPPINGS
from dse.study.suggest import SUGGESTING, Suggested

MakeOrder = Callable[[RecordedTable, np.random.Generator, History], Order]


def _shuffled(table: RecordedTable, rng: np.random.Generator) -> list[int]:
    return baseline_first(table.baseline, len(table.candidates), rng)


def _grid(table: RecordedTable, rng: np.random.Generator, history: History) -> Order:
    return Grid(_shuffled(table, rng))


def _expected_gain(table: RecordedTable, rng: np.random.Generator, history: History) -> Order:
    return ExpectedGain(_shuffled(table, rng), Surrogate(table.candidates, history))


def _random(table: RecordedTable, rng: np.random.Generator, history: History) -> Order:
    return Random(len(table.candidates), rng)


def _three_step(table: RecordedTable, rng: np.random.Generator, history: History) -> Order:
    return ThreeStep(table.candidates, table.baseline, rng)


def _suggested(name: str) -> MakeOrder:
    def make(table: RecordedTable, rng: np.random.Generator, history: History) -> Order:
        return Suggested(table.space, table.candidates, name, int(rng.integers(2**31)))

    return make


ORDERS: dict[str, MakeOrder] = {
    "expected_gain": _expected_gain,
    "grid": _grid,
    "random": _random,
    "three-step": _three_step,
    **{name: _suggested(name) for name in SUGGESTING},
}
RENAMED_ORDERS = {**RENAMED_SAMPLERS, "exhaustive": "grid"}
"""Names of version 0.1, still read."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to spend a budget.

    Attributes:
        name: As in tables.
        order: What comes next, one of ``ORDERS``.
        stops: Whether dominated runs are stopped.
    """

    name: str
    order: str
    stops: bool


def usual_samplers(table: RecordedTable) -> tuple[str, ...]:
    """Name the samplers that are compared where none is named: Optuna's only where the table is whole."""
    own = ("dse", "expected_gain", "grid", "random", "three-step")
    return (*own, "tpe", "nsga2", "optuna-default") if table.whole else own


def parse_strategies(samplers: Iterable[str], stoppings: Iterable[str]) -> list[Strategy]:
    """Combine samplers with ways of stopping; ``dse`` is ``expected_gain`` with ``dominated`` and nothing else.

    Raises:
        InputError: A name is unknown.

    >>> [strategy.name for strategy in parse_strategies(["dse", "tpe"], ["none", "dominated"])]
    ['dse', 'tpe', 'tpe+dominated']
    """
    found: list[Strategy] = []
    for given in samplers:
        sampler = RENAMED_ORDERS.get(given, given)
        if sampler == "dse":
            found.append(Strategy("dse", "expected_gain", stops=True))
            continue
        if sampler not in ORDERS:
            raise InputError(f"sampler {sampler!r} is unknown. Choose from dse, {', '.join(ORDERS)}.")
        for stopping in stoppings:
            if stopping not in STOPPINGS:
                raise InputError(f"stopping {stopping!r} is unknown. Choose from {', '.join(STOPPINGS)}.")
            stops = stopping == "dominated"
            found.append(Strategy(f"{sampler}+dominated" if stops else sampler, sampler, stops))
    return list(dict.fromkeys(found))


def check_order(name: str, table: RecordedTable) -> None:
    """Refuse an order that may ask for recipes which the table lacks.

    Raises:
        StudyError: It does.
    """
    if name in SUGGESTING and not table.whole:
        raise StudyError(
            f"{table.name} has complete runs of {len(table.candidates)} of {table.space.size:,.0f} recipes, and "
            f"{name} may suggest any. Replay a study of every recipe, or leave {name} out of --samplers."
        )


def make_order(name: str, table: RecordedTable, rng: np.random.Generator, history: History) -> Order:
    """Make the order of that name.

    Args:
        name: One of ``ORDERS``.
        table: What is searched.
        rng: The source of all randomness.
        history: What the search has seen, kept by whoever runs it.

    Raises:
        StudyError: The table is not whole enough for it.
    """
    check_order(name, table)
    return ORDERS[name](table, rng, history)
