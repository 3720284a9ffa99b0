"""Strategies side by side: many searches of one table by each, with other seeds every time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dse.errors import InputError
from dse.replay.score import SHARES, Score, score, share_at
from dse.replay.simulate import Replay, replay
from dse.replay.strategies import Strategy, check_order, make_order
from dse.replay.table import RecordedTable
from dse.search.history import History
from dse.search.progress import Floats
from dse.search.stopping import DominanceRule

INSTANTS = 100
REPEATS_AT_A_TIME = 10
QUANTILES = {"": 0.5, "_p05": 0.05, "_p95": 0.95}


@dataclass(frozen=True, slots=True)
class Setting:
    """How strategies are compared.

    Attributes:
        repeats: Searches by each. The same repeat has the same source of randomness whatever the strategy.
        budgets: Train seconds at which shares are wanted; the largest is spent. None: what one run of every recipe
            takes.
        seed: Seed of all randomness.
        processes: How many work at it; the result is the same.

    Raises:
        InputError: A budget is not above 0, or there is no repeat.
    """

    repeats: int = 200
    budgets: Sequence[float] = ()
    seed: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InputError(f"repeats={self.repeats}: there must be at least 1.")
        wrong = [budget for budget in self.budgets if not budget > 0]
        if wrong:
            raise InputError(f"budget={wrong[0]:g} s: there must be some time to train in.")


@dataclass(frozen=True)
class Comparison:
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
        growth: ``name``, ``seconds`` and ``hypervolume_share``, likewise: the share after that many train seconds.
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


def compare_strategies(
    table: RecordedTable,
    strategies: Sequence[Strategy],
    setting: Setting = Setting(),
    on_strategy: Callable[[Strategy], None] = lambda strategy: None,
) -> Comparison:
    """Search a table again and again by each strategy.

    Args:
        table: What is searched.
        strategies: By what.
        setting: How often, and for how long.
        on_strategy: Called with each strategy whose searches are done.

    Raises:
        StudyError: The table is not whole enough for a strategy.
    """
    for strategy in strategies:
        check_order(strategy.order, table)
    budget = float(max(setting.budgets, default=table.seconds))
    instants = np.unique([*np.geomspace(budget / INSTANTS, budget, INSTANTS), *setting.budgets])
    task = _Task(table, budget, instants, setting.seed)
    searches, growth = [], []
    for strategy, results in _searched(task, strategies, setting):
        searches.append(searches_frame(strategy.name, [result for result, _ in results]))
        shares = np.array([shares for _, shares in results])
        columns = {f"hypervolume_share{end}": _quantile(shares, q) for end, q in QUANTILES.items()}
        growth.append(pd.DataFrame({"name": strategy.name, "seconds": instants, **columns}))
        on_strategy(strategy)
    every = pd.concat(searches, ignore_index=True)
    return Comparison(
        study=table.name,
        budget_seconds=budget,
        repeats=setting.repeats,
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
    """Search a table once by a strategy, until the budget is spent."""
    history = History()
    rule = DominanceRule(history, table.space.confidence) if strategy.stops else None
    order = make_order(strategy.order, table, rng, history)
    return replay(table, order, rng, budget_seconds, history, rule)


@dataclass(frozen=True)
class _Task:
    """What every search has in common."""

    table: RecordedTable
    budget: float
    instants: Floats
    seed: int

    def run(self, strategy: Strategy, part: range) -> list[tuple[Score, Floats]]:
        replays = [
            search(self.table, strategy, np.random.default_rng([self.seed, repeat]), self.budget)
            for repeat in part
        ]
        return [(score(self.table, each), share_at(self.table, each, self.instants)) for each in replays]


def _searched(
    task: _Task, strategies: Sequence[Strategy], setting: Setting
) -> Iterable[tuple[Strategy, list[tuple[Score, Floats]]]]:
    repeats = setting.repeats
    parts = [range(i, min(i + REPEATS_AT_A_TIME, repeats)) for i in range(0, repeats, REPEATS_AT_A_TIME)]
    if setting.processes == 1 or len(parts) * len(strategies) == 1:
        for strategy in strategies:
            yield strategy, [result for part in parts for result in task.run(strategy, part)]
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(setting.processes, mp_context=context) as pool:
        queued = [[pool.submit(task.run, strategy, part) for part in parts] for strategy in strategies]
        try:
            for strategy, futures in zip(strategies, queued, strict=True):
                yield strategy, [result for future in futures for result in future.result()]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _quantile(values: Floats, q: float) -> Floats:
    """Give an order statistic: between a number and infinity there is no other."""
    return np.asarray(np.quantile(values, q, axis=0, method="inverted_cdf"))
