"""The data behind the figures: points, front and curves of recipes. Frames in, frames out; nothing is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dse.pareto import front_mask
from dse.record.clock import clock_of
from dse.record.front import front_columns
from dse.record.objectives import accuracy_objective, directions, time_objective
from dse.record.replicates import spread
from dse.record.tables import StudyTables
from dse.record.timing import Timing
from dse.report.recipes import recipe_rows
from dse.report.span import Place, Span, front_span, shown_span

CURVE_COLUMNS = [
    *("trial", "recipe_id", "epoch", "batch_size", "train_seconds", "accuracy", "accuracy_sd"),
    *("on_front", "is_baseline"),
]
FEW_CURVES = 3


@dataclass(frozen=True)
class FrontData:
    """Recipes in the plane of two objectives.

    Attributes:
        x: Objective of the horizontal axis: time, if the front trades it.
        y: Objective of the vertical axis: accuracy, if the front trades it.
        of_curves: Whether a point is a recipe stopped after an epoch; else it is a whole run.
        points: The front's points, and one point of each recipe that has none there: its best epoch, or its whole
            run. Columns: those of ``dse.record.front.front_columns``, the kind of batch schedule, ``x`` and ``y``
            with their deviations ``x_sd`` and ``y_sd``, ``on_front`` and ``is_baseline``.
        line: The points of the front that no other beats in these two, by rising x: x and y.
        baseline_curve: Best accuracy so far of the baseline, by train seconds: x and y; empty without a baseline
            and where a point is a whole run.
        baseline: Where the baseline first reaches its best, or its whole run; None if it has no complete run.
        answer: Where the fastest recipe reaches the baseline's best; None if none does, or a point is a whole run.
        span: Stretch of the vertical axis that is shown at first.
        clock: What seconds are measured by.
        band: Between which accuracies the front lies from x on, until the next x; empty where it is not judged.
    """

    x: str
    y: str
    of_curves: bool
    points: pd.DataFrame
    line: pd.DataFrame
    baseline_curve: pd.DataFrame
    baseline: Place | None
    answer: Place | None
    span: Span
    clock: Timing = Timing.MEASURED
    band: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["x", "low", "high"]))


def front_axes(objectives: Sequence[str]) -> tuple[str, str]:
    """Choose the two objectives that a front of whole runs is drawn in.

    >>> front_axes(("accuracy", "parameters", "seconds_to_target"))
    ('seconds_to_target', 'accuracy')
    >>> front_axes(("accuracy", "parameters"))
    ('parameters', 'accuracy')
    """
    y = accuracy_objective(objectives)
    x = time_objective(objectives) or next((name for name in objectives if name != y), "train_seconds")
    return x, y or next((name for name in objectives if name != x), "accuracy")


def front_data(tables: StudyTables) -> FrontData:
    """Lay the front and the other recipes out in the plane of time and accuracy."""
    of_curves = tables.front_of_curves
    x, y = ("train_seconds", "accuracy") if of_curves else front_axes(tables.objectives)
    points = _placed(_marked(tables, _stops(tables) if of_curves else _whole_runs(tables)), x, y)
    curve = _baseline_curve(tables) if of_curves else points.loc[points["is_baseline"], ["x", "y"]]
    best = curve[curve["y"] >= curve["y"].max() - 1e-12]
    baseline = Place(float(best["x"].iloc[0]), float(best["y"].iloc[0])) if len(best) else None
    fastest = tables.answer.fastest
    return FrontData(
        x=x,
        y=y,
        of_curves=of_curves,
        points=points,
        line=staircase(points[points["on_front"]], (x, y)),
        baseline_curve=curve if of_curves else curve[:0],
        baseline=baseline,
        answer=Place(fastest.seconds, fastest.accuracy) if fastest and of_curves else None,
        span=_span(points, baseline),
        clock=clock_of(tables.environment),
        band=front_band(tables) if of_curves else pd.DataFrame(columns=["x", "low", "high"]),
    )


def _span(points: pd.DataFrame, baseline: Place | None) -> Span:
    """Of few recipes all of their front is shown, of more what competes with the baseline."""
    bests = _best_of_each(points)["y"]
    return shown_span(points["y"], points["y"]) if len(bests) <= FEW_CURVES else front_span(bests, baseline)


def front_band(tables: StudyTables) -> pd.DataFrame:
    """Give the limits of the front's points, by rising train seconds; since a front never falls, nor do they."""
    points = tables.front.dropna(subset=["accuracy_low"]).sort_values("train_seconds", kind="stable")
    return pd.DataFrame(
        {
            "x": points["train_seconds"].astype(float),
            "low": points["accuracy_low"].astype(float).cummax(),
            "high": points["accuracy_high"].astype(float)[::-1].cummin()[::-1],
        }
    ).reset_index(drop=True)


def _stops(tables: StudyTables) -> pd.DataFrame:
    """The front's points, and the best epoch of each recipe that has none there."""
    best = _best_of_each(tables.points.assign(y=tables.points["accuracy"]))
    others = best[~best["recipe_id"].isin(tables.front["recipe_id"])]
    return pd.concat([part for part in (tables.front, others) if len(part)] or [tables.front])


def _best_of_each(points: pd.DataFrame) -> pd.DataFrame:
    """Choose the first of each recipe's points that has its highest y."""
    if points.empty:
        return points
    return points.loc[points.groupby("recipe_id", sort=False)["y"].idxmax()]


def _whole_runs(tables: StudyTables) -> pd.DataFrame:
    rows = recipe_rows(tables)
    rows = rows[rows["complete"] > 0]
    compared = tables.front[["recipe_id", "time_saved_percent", "accuracy_gain"]]
    return rows.assign(seeds=rows["complete"]).merge(compared, on="recipe_id", how="left")


def _marked(tables: StudyTables, points: pd.DataFrame) -> pd.DataFrame:
    """Mark the points of the front and those of the baseline."""
    names = points["recipe_id"].map(tables.judged_as)
    return points.assign(
        on_front=names.isin(tables.front["recipe_id"]),
        is_baseline=names.isin(tables.baseline_points["recipe_id"]),
    )


def _placed(points: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    missing = pd.Series(np.nan, index=points.index)
    columns = [*front_columns(), "batch_size.schedule", "x", "y", "x_sd", "y_sd", "on_front", "is_baseline"]
    placed = points.assign(
        x=points[x].astype(float),
        y=points[y].astype(float),
        x_sd=points.get(f"{x}_sd", missing).astype(float),
        y_sd=points.get(f"{y}_sd", missing).astype(float),
    )
    return placed.reindex(columns=columns).dropna(subset=["x", "y"]).reset_index(drop=True)


def _baseline_curve(tables: StudyTables) -> pd.DataFrame:
    rows = tables.baseline_points if tables.baseline is not None else tables.points[:0]
    return pd.DataFrame({"x": rows["train_seconds"].astype(float), "y": rows["accuracy"].astype(float)})


def staircase(points: pd.DataFrame, axes: tuple[str, str]) -> pd.DataFrame:
    """Give the x and y that no other point beats in these two objectives, by rising x; equal ones once."""
    mask = front_mask(points[["x", "y"]].to_numpy(dtype=float), directions(axes))
    return (
        points.loc[mask, ["x", "y"]].drop_duplicates().sort_values("x", kind="stable").reset_index(drop=True)
    )


def shown_x(data: FrontData) -> pd.Series:
    """Collect what the horizontal axis must show: x of every point and of the baseline's curve, where y is shown."""
    parts = (rows.loc[rows["y"] >= data.span.low, "x"] for rows in (data.points, data.baseline_curve))
    shown: pd.Series = pd.concat(list(parts))
    return shown


@dataclass(frozen=True)
class CurveData:
    """Accuracy against train seconds, epoch by epoch: of each recipe the mean over its seeds.

    Attributes:
        rows: One row a recipe and epoch: ``CURVE_COLUMNS``; ``accuracy_sd`` is missing for a single seed.
        span: Stretch of the accuracy axis that is shown at first.
        clock: What seconds are measured by.
    """

    rows: pd.DataFrame
    span: Span
    clock: Timing = Timing.MEASURED


def curve_data(tables: StudyTables) -> CurveData:
    """Join each recipe's curve with what its line looks like."""
    if tables.points.empty:
        return CurveData(pd.DataFrame(columns=CURVE_COLUMNS), Span(0.0, 1.0, 0))
    rows = _marked(tables, tables.points).assign(
        accuracy=tables.points["final_accuracy"].astype(float),
        train_seconds=tables.points["train_seconds"].astype(float),
        # In the order of the points, that of the recipes.
        accuracy_sd=np.concatenate([spread(runs.accuracies_SE) for runs in tables.recipes.values()]),
    )
    rows = rows.merge(tables.curves[["trial", "epoch", "batch_size"]], on=["trial", "epoch"], how="left")
    rows = rows.loc[rows["train_seconds"] > 0, CURVE_COLUMNS].reset_index(drop=True)
    best = rows.groupby("trial")["accuracy"].max()
    clock = clock_of(tables.environment)
    if len(best) <= FEW_CURVES:
        return CurveData(rows, shown_span(rows["accuracy"], rows["accuracy"]), clock)
    span = front_span(best, front_data(tables).baseline)
    return CurveData(rows, Span(span.low, span.high, int((rows["accuracy"] < span.low).sum())), clock)


def pale_opacity(rows: pd.DataFrame) -> float:
    """Choose how pale the curves off the front are: the paler the more there are, so that none hides the front."""
    return min(0.35, max(0.08, 14 / max(rows["trial"].nunique(), 1)))


@dataclass(frozen=True)
class BestData:
    """Best accuracy and the epoch that has it, of each recipe the mean over its runs.

    Attributes:
        points: One row a recipe: ``recipe_id``, ``x`` (the epoch), ``y`` with their deviations ``x_sd`` and ``y_sd``,
            ``on_front`` and ``is_baseline``, among others.
        baseline: The baseline's; None if it trained no epoch.
        span: Stretch of the accuracy axis that is shown at first.
    """

    points: pd.DataFrame
    baseline: Place | None
    span: Span


def best_data(tables: StudyTables) -> BestData:
    """Give the best epoch of each recipe with a complete run: one that was stopped might have had a later one."""
    rows = recipe_rows(tables)
    points = _placed(_marked(tables, rows[rows["complete"] > 0]), "best_epoch", "accuracy")
    ours = points[points["is_baseline"]]
    baseline = Place(float(ours["x"].iloc[0]), float(ours["y"].iloc[0])) if len(ours) else None
    return BestData(points, baseline, front_span(points["y"], baseline))
