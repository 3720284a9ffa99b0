"""How the front grew: the volume that it covers after each trial."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dse.pareto import front_after, front_mask
from dse.record.counted import CUT_OFF
from dse.record.front import traded
from dse.record.objectives import directions
from dse.record.replicates import over_common_epochs
from dse.record.run import Outcome
from dse.record.tables import StudyTables
from dse.search.volume import objective_corner, objective_volume

Points = NDArray[np.float64]

# Trials at a time, of which few recipes change.
TOGETHER = 200
FEW_TRIALS = 10


@dataclass(frozen=True)
class Growth:
    """The volume of the front after each trial, as a share of its volume now.

    Attributes:
        names: What the front trades.
        corner: The values of these that volumes are measured from.
        rows: One row a trial: ``trial`` and ``share``; empty without a complete run of the baseline.
    """

    names: tuple[str, ...]
    corner: tuple[float, ...]
    rows: pd.DataFrame

    @property
    def has_few(self) -> bool:
        """Whether the trials are so few that a figure marks each."""
        return len(self.rows) <= FEW_TRIALS


def volume_growth(tables: StudyTables) -> Growth:
    """Measure the front of the first trials, of the first two, and so on, each judged by the means of its time.

    It falls where another seed of a recipe shows that the first was lucky.
    """
    names = traded(tables.objectives)
    maximise = directions(names)
    known = _points_of_trials(tables, names)
    trials = tables.trials.sort_values("trial")
    columns = (trials[name] for name in ("trial", "recipe_id", "state", "is_baseline"))
    runs: dict[str, list[_Run]] = {}
    baseline: list[_Run] = []
    means: dict[str, Points] = {}
    front = np.empty((0, len(names)))
    fronts: list[Points] = []
    for some in _in_parts(zip(*columns, strict=True)):
        # Where the front loses points it is looked for among all: of recipes that do not change now, once.
        changing = {recipe_id for _, recipe_id, _, _ in some}
        others = np.concatenate([front[:0], *(means[each] for each in means if each not in changing)])
        others = others[front_mask(others, maximise)]
        for number, recipe_id, state, is_baseline in some:
            if number in known:
                run = _Run(known[number], state in CUT_OFF)
                runs.setdefault(recipe_id, []).append(run)
                before, means[recipe_id] = means.get(recipe_id), _mean(runs[recipe_id])
                everything = chain([others], (means[each] for each in changing if each in means))
                front = front_after(front, before, means[recipe_id], everything, maximise)
                if is_baseline and state == Outcome.COMPLETE:
                    baseline.append(run)
            fronts.append(front)
    if not baseline:
        return Growth(names, (), pd.DataFrame({"trial": [], "share": []}))
    reference = _mean(baseline)[-1]
    volumes = [0.0]
    for earlier, now in pairwise([np.empty((0, len(names))), *fronts]):
        same = np.array_equal(earlier, now)
        volumes.append(volumes[-1] if same else objective_volume(now, reference, names))
    last = volumes[-1] or 1.0
    rows = pd.DataFrame(
        {"trial": trials["trial"].astype(int), "share": [volume / last for volume in volumes[1:]]}
    )
    return Growth(names, tuple(objective_corner(reference, names)), rows.reset_index(drop=True))


def _in_parts(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    iterator = iter(rows)
    while part := list(islice(iterator, TOGETHER)):
        yield part


def spent_seconds(tables: StudyTables) -> list[float]:
    """Add up the train seconds that had been spent after each trial, by the stopwatch."""
    spent = tables.curves.groupby("trial")["measured_seconds"].max()
    return spent.reindex(sorted(tables.trials["trial"]), fill_value=0.0).cumsum().tolist()


class _Run(NamedTuple):
    points: Points
    cut_off: bool


def _points_of_trials(tables: StudyTables, names: Sequence[str]) -> dict[int, Points]:
    """Give the points of each trial that has some; shape (epochs, or one whole run, objectives)."""
    if not tables.front_of_curves:
        whole = tables.trials[tables.trials["state"] == "complete"].dropna(subset=list(names))
        values = whole[list(names)].to_numpy(dtype=float)
        return {int(number): point[None] for number, point in zip(whole["trial"], values, strict=True)}
    rows = tables.curves.sort_values("epoch").reset_index(drop=True)
    if "parameters" in names:
        rows = rows.merge(tables.trials[["trial", "parameters"]], on="trial")
    values = rows[["best_accuracy" if name == "accuracy" else name for name in names]].to_numpy(dtype=float)
    return {int(str(number)): values[places] for number, places in rows.groupby("trial").indices.items()}


def _mean(runs: Sequence[_Run]) -> Points:
    """Give the points of a recipe: means over its runs, those that ended if any did."""
    counted = [run.points for run in runs if not run.cut_off] or [run.points for run in runs]
    mean: Points = over_common_epochs(counted).mean(axis=0)
    return mean
