"""Which choices make the front: for each value of each dimension its share of the front and the best it reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dse.record.replicates import ROUNDING
from dse.record.tables import StudyTables
from dse.report.dimensions import Dimension


@dataclass(frozen=True)
class ChoiceRow:
    """What recipes with one value of a dimension reach.

    Attributes:
        dimension: What is chosen, in words.
        value: What was chosen.
        recipes: How many recipes with a trained epoch have it.
        front_share: Share of the front's points that have it; None without a front.
        accuracy: The best that one of them reaches.
        seconds: Least train seconds in which one reaches the baseline's best accuracy; None if none does.
    """

    dimension: str
    value: str
    recipes: int
    front_share: float | None
    accuracy: float
    seconds: float | None


def choice_rows(tables: StudyTables, dimensions: Sequence[Dimension]) -> list[ChoiceRow]:
    """Lay out every value that some recipe with a trained epoch has, in the order of the dimensions."""
    points, baseline = tables.points, tables.answer.baseline
    best = points.groupby("recipe_id", sort=False)["accuracy"].max()
    level = float("inf") if baseline is None else baseline.accuracy - ROUNDING
    reached = points[points["accuracy"] >= level].groupby("recipe_id")["train_seconds"].min()
    front = tables.front["recipe_id"]
    found = []
    for dimension in dimensions:
        values = pd.Series(dimension.values)
        for value in dimension.order:
            having = values.index[values == value]
            accuracies = best[best.index.isin(having)]
            if accuracies.empty:
                continue
            least = reached[reached.index.isin(having)].min()
            share = float(front.isin(having).mean()) if len(front) else None
            found.append(
                ChoiceRow(
                    dimension.title,
                    value,
                    len(accuracies),
                    share,
                    float(accuracies.max()),
                    None if pd.isna(least) else float(least),
                )
            )
    return found
