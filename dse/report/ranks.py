"""Ranks of recipes: how many fronts must be taken away until one of their points is on the front."""

from __future__ import annotations

import pandas as pd

from dse.pareto import rank
from dse.record.front import traded
from dse.record.objectives import directions
from dse.record.tables import StudyTables
from dse.report.recipes import recipe_rows


def recipe_ranks(tables: StudyTables) -> pd.Series[int]:
    """Rank recipes by the best of their points, in what the front trades: 1 for a recipe with a point on the front.

    Recipes without a point are left out: those without a trained epoch or, where a point is a whole run, without one
    that measured every objective.

    Returns:
        By the recipe's id.
    """
    names = list(traded(tables.objectives))
    points = tables.points
    if not tables.front_of_curves:
        rows = recipe_rows(tables)
        points = rows[rows["complete"] > 0].dropna(subset=names)
    ranks = rank(points[names].to_numpy(dtype=float), directions(names))
    found: pd.Series[int] = pd.Series(ranks, index=points["recipe_id"]).groupby(level=0, sort=False).min()
    return found
