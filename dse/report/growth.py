"""How the front grew: the volume that it covers after each trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dse.record.replicates import CUT_OFF, over_common_epochs
from dse.record.tables import StudyTables
from dse.search.volume import objective_corner, objective_volume

Points = NDArray[np.float64]


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


def volume_growth(tables: StudyTables) -> Growth:
    """Measure the front of the first trials, of the first two, and so on, each judged by the means of its time.

    It falls where another seed of a recipe shows that the first was lucky.
    """
    names = _traded(tables)
    runs = _Runs(tables, names)
    trials = tables.trials.sort_values("trial")
    baseline = trials[trials["is_baseline"] & (trials["state"] == "complete")]
    if baseline.empty:
        return Growth(names, (), pd.DataFrame({"trial": [], "share": []}))
    reference = runs.points(baseline)[-1]
    points: dict[str, Points] = {}
    volumes: list[float] = []
    for number, (_, trial) in enumerate(trials.iterrows(), start=1):
        recipe_id = str(trial["recipe_id"])
        so_far = trials.iloc[:number]
        points[recipe_id] = runs.points(so_far[so_far["recipe_id"] == recipe_id])
        volumes.append(objective_volume(np.concatenate(list(points.values())), reference, names))
    last = volumes[-1] or 1.0
    rows = pd.DataFrame(
        {"trial": trials["trial"].astype(int), "share": [volume / last for volume in volumes]}
    )
    return Growth(names, tuple(objective_corner(reference, names)), rows.reset_index(drop=True))


def _traded(tables: StudyTables) -> tuple[str, ...]:
    if not tables.front_of_curves:
        return tables.objectives
    return ("train_seconds", "accuracy", *(("parameters",) if "parameters" in tables.objectives else ()))


class _Runs:
    """The points of a recipe whose trials are given: means over them."""

    def __init__(self, tables: StudyTables, names: Sequence[str]) -> None:
        self._names = list(names)
        self._curves: dict[int, Points] | None = None
        if tables.front_of_curves:
            columns = ["train_seconds", "best_accuracy"]
            self._curves = {
                int(str(number)): curve[columns].to_numpy(dtype=float)
                for number, curve in tables.curves.sort_values("epoch").groupby("trial")
            }

    def points(self, trials: pd.DataFrame) -> Points:
        """Give the points of trials of one recipe; shape (epochs or whole runs, objectives)."""
        if self._curves is None:
            complete = trials[trials["state"] == "complete"]
            whole = complete[self._names].dropna().to_numpy(dtype=float)
            return whole.mean(axis=0, keepdims=True) if len(whole) else whole
        trials = trials[trials["trial"].isin(self._curves)]
        ended = trials[~trials["state"].isin({str(state) for state in CUT_OFF})]
        counted = (ended if len(ended) else trials)["trial"]
        if counted.empty:
            return np.empty((0, len(self._names)))
        curves = [self._curves[number] for number in counted]
        means = [over_common_epochs([curve[:, k] for curve in curves]).mean(axis=0) for k in (0, 1)]
        if "parameters" in self._names:
            means.append(np.full(len(means[0]), float(trials["parameters"].iloc[0])))
        return np.stack(means, axis=1)
