"""Strategies side by side: many searches of one table by each, with other seeds and other luck every time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dse.errors import InputError
from dse.replay.orders import ORDERS, check_order, make_order
from dse.replay.score import SHARES, Score, score, share_at
from dse.replay.simulate import Replay, replay
from dse.replay.table import RecordedTable
from dse.search.history import History
from dse.search.progress import Floats
from dse.search.stopping import DominanceRule

INSTANTS = 100
REPEATS_AT_A_TIME = 10
QUANTILES = {"": 0.5, "_p05": 0.05, "_p95": 0.95}


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


@dataclass(frozen=True)
class Contest:
    """What came out.

    Attributes:
        study: Whose runs were replayed.
        budget_seconds: Train seconds that each search could spend.
        repeats: Searches by each strategy.
        recipes: Recipes that could be run.
        recipes_left_out: Others of the study, of which no run is complete.
        strategies: One row a strategy: ``name`` and, as median over the repeats, ``seconds_to_90``, ``_95`` and
            ``_99`` (train seconds to this percentage of the volume of the whole table, infinite where it is not
            reached), ``final_hypervolume_share``, ``seconds_spent`` and ``front_points_lost``; each also with ``_p05``
            and ``_p95``, the 5th and the 95th percentile.
        growth: ``name``, ``seconds`` and ``hypervolume_share``, likewise: the share after so many train seconds.
        searches: One row a search: ``name``, ``repeat`` and what ``strategies`` summarises.
    """

    study: str
    budget_seconds: float
    repeats: int
    recipes: int
    recipes_left_out: int
    strategies: pd.DataFrame
    growth: pd.DataFrame
    searches: pd.DataFrame


def usual_samplers(table: RecordedTable) -> tuple[str, ...]:
    """Name the samplers that are compared where none is named: Optuna's only where the table is whole."""
    own = ("dse", "expected_gain", "exhaustive", "random", "three-step")
    return (*own, "tpe", "nsga2", "optuna-default") if table.whole else own


def parse_strategies(samplers: Iterable[str], stoppings: Iterable[str]) -> list[Strategy]:
    """Combine samplers with ways of stopping; ``dse`` is ``expected_gain`` with ``dominated`` and nothing else.

    Raises:
        InputError: A name is unknown.

    >>> [strategy.name for strategy in parse_strategies(["dse", "tpe"], ["none", "dominated"])]
    ['dse', 'tpe', 'tpe+dominated']
    """
    found: list[Strategy] = []
    for sampler in samplers:
        if sampler == "dse":
            found.append(Strategy("dse", "expected_gain", stops=True))
            continue
        if sampler not in ORDERS:
            raise InputError(f"sampler {sampler!r} is unknown. Choose from dse, {', '.join(ORDERS)}.")
        for stopping in stoppings:
            if stopping not in ("none", "dominated"):
                raise InputError(f"stopping {stopping!r} is unknown. Choose from none, dominated.")
            stops = stopping == "dominated"
            found.append(Strategy(f"{sampler}+dominated" if stops else sampler, sampler, stops))
    return list(dict.fromkeys(found))


def hold_contest(
    table: RecordedTable,
    strategies: Sequence[Strategy],
    repeats: int,
    budgets: Sequence[float] = (),
    *,
    seed: int = 0,
    processes: int = 1,
    tell: Callable[[Strategy], None] = lambda strategy: None,
) -> Contest:
    """Search a table again and again by each strategy.

    Args:
        table: What is searched.
        strategies: By what.
        repeats: Searches by each. The same repeat has the same source of chance whatever the strategy.
        budgets: Train seconds at which shares are wanted; the largest is spent. None: what one run of every recipe
            takes.
        seed: Of all chance.
        processes: How many work at it; the result is the same.
        tell: Hears of each strategy whose searches are done.

    Raises:
        InputError: A budget is not above 0, or there is no repeat.
        StudyError: The table is not whole enough for a strategy.
    """
    if repeats < 1:
        raise InputError(f"repeats={repeats}: there must be at least 1.")
    wrong = [budget for budget in budgets if not budget > 0]
    if wrong:
        raise InputError(f"budget={wrong[0]:g} s: there must be some time to train in.")
    for strategy in strategies:
        check_order(strategy.order, table)
    budget = max(budgets, default=table.seconds)
    instants = np.unique([*np.geomspace(budget / INSTANTS, budget, INSTANTS), *budgets])
    searches, growth = [], []
    for strategy, results in _searched(table, strategies, repeats, budget, instants, seed, processes):
        searches.append(searches_frame(strategy.name, [result for result, _ in results]))
        shares = np.array([shares for _, shares in results])
        columns = {f"hypervolume_share{end}": _quantile(shares, q) for end, q in QUANTILES.items()}
        growth.append(pd.DataFrame({"name": strategy.name, "seconds": instants, **columns}))
        tell(strategy)
    every = pd.concat(searches, ignore_index=True)
    return Contest(
        study=table.name,
        budget_seconds=float(budget),
        repeats=repeats,
        recipes=len(table.candidates),
        recipes_left_out=table.left_out,
        strategies=summary(every),
        growth=pd.concat(growth, ignore_index=True),
        searches=every,
    )


def searches_frame(name: str, scores: Sequence[Score]) -> pd.DataFrame:
    """Lay the scores of a strategy's searches out, a row each."""
    rows = [
        {
            "name": name,
            "repeat": repeat,
            **{f"seconds_to_{round(100 * share)}": each.seconds_to[share] for share in SHARES},
            "final_hypervolume_share": each.final_share,
            "seconds_spent": each.seconds_spent,
            "front_points_lost": each.front_points_lost,
        }
        for repeat, each in enumerate(scores)
    ]
    return pd.DataFrame(rows)


def summary(searches: pd.DataFrame) -> pd.DataFrame:
    """Give medians, 5th and 95th percentiles of searches, a row a strategy, in the order of their first search."""
    rows = [
        {
            "name": name,
            **{
                f"{column}{end}": float(_quantile(rows[column].to_numpy(dtype=float), q))
                for column in rows.columns.drop(["name", "repeat"])
                for end, q in QUANTILES.items()
            },
        }
        for name, rows in searches.groupby("name", sort=False)
    ]
    return pd.DataFrame(rows)


def search(
    table: RecordedTable, strategy: Strategy, rng: np.random.Generator, budget_seconds: float
) -> Replay:
    """Search a table once."""
    history = History()
    rule = DominanceRule(history, table.space.confidence) if strategy.stops else None
    order = make_order(strategy.order, table, rng, history)
    return replay(table, order, rng, budget_seconds, history, rule)


def _searched(
    table: RecordedTable,
    strategies: Sequence[Strategy],
    repeats: int,
    budget: float,
    instants: Floats,
    seed: int,
    processes: int,
) -> Iterable[tuple[Strategy, list[tuple[Score, Floats]]]]:
    parts = [range(i, min(i + REPEATS_AT_A_TIME, repeats)) for i in range(0, repeats, REPEATS_AT_A_TIME)]
    if processes == 1:
        for strategy in strategies:
            found = [_search_part(table, strategy, part, budget, instants, seed) for part in parts]
            yield strategy, [result for part in found for result in part]
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        queued = [
            [pool.submit(_search_part, table, strategy, part, budget, instants, seed) for part in parts]
            for strategy in strategies
        ]
        try:
            for strategy, futures in zip(strategies, queued, strict=True):
                yield strategy, [result for future in futures for result in future.result()]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _search_part(
    table: RecordedTable, strategy: Strategy, part: range, budget: float, instants: Floats, seed: int
) -> list[tuple[Score, Floats]]:
    replays = [search(table, strategy, np.random.default_rng([seed, repeat]), budget) for repeat in part]
    return [(score(table, each), share_at(table, each, instants)) for each in replays]


def _quantile(values: Floats, q: float) -> Floats:
    """Give an order statistic: between a number and infinity there is no other."""
    return np.asarray(np.quantile(values, q, axis=0, method="inverted_cdf"))
