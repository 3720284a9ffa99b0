"""How the front grew: the hypervolume after each trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dse.pareto import front_mask, hypervolume
from dse.record.objectives import directions
from dse.record.tables import StudyTables
from dse.report.wording import value_text
from dse.units import words

SMALLEST = 1e-9  # before the logarithm: a clock that did not tick
MARGIN = 0.1


@dataclass(frozen=True)
class Growth:
    """Hypervolume over trials, as a share of the box between the reference point and the best values.

    Attributes:
        reference: The reference point in the objectives' own units: the worst value among the front and the
            baseline, moved outwards by a tenth of their range. Frozen from the study as it is now.
        best: The best value of each objective.
        rows: One row a trial: ``trial`` and ``share``, which never falls.
    """

    reference: dict[str, float]
    best: dict[str, float]
    rows: pd.DataFrame


def hypervolume_growth(tables: StudyTables) -> Growth:
    """Measure the front after each trial; trials that are not complete add nothing.

    Objectives that are made small (time, parameters, operations) count in log10, accuracies as they are.
    """
    names = tables.objectives
    maximise = np.array(directions(names))
    complete = tables.trials[tables.trials["state"] == "complete"]
    if complete.empty:
        return Growth({}, {}, pd.DataFrame({"trial": pd.Series(dtype=int), "share": pd.Series(dtype=float)}))
    points = _scaled(complete[list(names)].to_numpy(dtype=float), maximise)
    edge = points[(complete["on_front"].astype(bool) | complete["is_baseline"].astype(bool)).to_numpy()]
    worst = np.where(maximise, edge.min(axis=0), edge.max(axis=0))
    best = np.where(maximise, points.max(axis=0), points.min(axis=0))
    width = np.where(best == worst, 1.0, np.abs(best - worst))
    # From here on 0 is the best value and 1 the worst, whichever way an objective is better.
    losses = np.where(maximise, best - points, points - best) / width
    shares = dict(zip(complete["trial"].astype(int), _shares(losses), strict=True))
    trials = tables.trials["trial"].astype(int).sort_values().reset_index(drop=True)
    share = trials.map(shares).ffill().fillna(0.0)
    corner = worst + np.where(maximise, -1, 1) * MARGIN * width
    return Growth(
        reference=_named(names, corner, maximise),
        best=_named(names, best, maximise),
        rows=pd.DataFrame({"trial": trials, "share": share.astype(float)}),
    )


def _scaled(values: NDArray[np.float64], maximise: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(maximise, values, np.log10(np.maximum(values, SMALLEST)))


def _named(
    names: tuple[str, ...], values: NDArray[np.float64], maximise: NDArray[np.bool_]
) -> dict[str, float]:
    natural = np.where(maximise, values, 10.0 ** np.where(maximise, 0.0, values))
    return {name: float(value) for name, value in zip(names, natural, strict=True)}


def _shares(losses: NDArray[np.float64]) -> list[float]:
    """Hypervolume of the first n rows for each n, as a share of the box with the corner 1 + MARGIN."""
    minimise = (False,) * losses.shape[1]
    reference = np.full(losses.shape[1], 1 + MARGIN)
    box = float(np.prod(reference))
    shares: list[float] = []
    front = losses[:0]
    for point in losses:
        # Only a point that no earlier one covers can add to the volume.
        if not (front <= point).all(axis=1).any():
            front = np.vstack([front, point])
            front = front[front_mask(front, minimise)]
            shares.append(hypervolume(front, reference, minimise) / box)
        else:
            shares.append(shares[-1])
    return shares


def reference_text(growth: Growth) -> str:
    """Say in a few words where the reference point lies."""
    return ", ".join(f"{words(name)} {value_text(name, value)}" for name, value in growth.reference.items())
