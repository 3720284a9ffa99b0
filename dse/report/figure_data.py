"""The data behind the figures: points, fronts, curves and failures. Frames in, frames out; nothing is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dse.pareto import front_mask
from dse.record.objectives import OBJECTIVES, directions
from dse.record.tables import StudyTables, accuracy_objective, time_objective

POINT_COLUMNS = [
    *("trial", "recipe_id", "label", "policy", "schedule", "sharing", "seed"),
    *("x", "y", *OBJECTIVES, "test_accuracy", "time_ratio", "accuracy_gain", "on_front", "is_baseline"),
]
FEW_CURVES = 3


@dataclass(frozen=True)
class Baseline:
    """What the others are compared with.

    Attributes:
        trials: Numbers of its complete trials, one a seed.
        x: Mean of their values on the horizontal axis.
        y: Mean of their values on the vertical axis.
    """

    trials: tuple[int, ...]
    x: float
    y: float


@dataclass(frozen=True)
class Span:
    """The stretch of an axis that is shown at first.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        hidden: How many values lie outside.
    """

    low: float
    high: float
    hidden: int


@dataclass(frozen=True)
class FrontData:
    """Complete trials in the plane of two objectives.

    Attributes:
        x: Objective of the horizontal axis: time, if the study has such an objective.
        y: Objective of the vertical axis: accuracy, if the study has such an objective.
        points: One row a complete trial, with the columns ``POINT_COLUMNS``.
        trial_front: The trials that no other beats in these two, by rising x.
        anytime_front: The epochs that no other beats in these two, by rising x; empty if the
            figure is not of time and accuracy.
        baseline: Where the baseline lies, if one of its trials is complete.
        span: Stretch of the vertical axis that is shown at first.
    """

    x: str
    y: str
    points: pd.DataFrame
    trial_front: pd.DataFrame
    anytime_front: pd.DataFrame
    baseline: Baseline | None
    span: Span


def front_axes(objectives: Sequence[str]) -> tuple[str, str]:
    """Choose the two objectives that the front is drawn in.

    >>> front_axes(("accuracy", "parameters", "train_seconds"))
    ('train_seconds', 'accuracy')
    >>> front_axes(("accuracy", "parameters"))
    ('parameters', 'accuracy')
    """
    y = accuracy_objective(objectives)
    x = time_objective(objectives) or next((name for name in objectives if name != y), "train_seconds")
    return x, y or next((name for name in objectives if name != x), "accuracy")


def complete_trials(tables: StudyTables) -> pd.DataFrame:
    """Give the trials that ended as they should."""
    return tables.trials[tables.trials["state"] == "complete"]


def front_data(tables: StudyTables) -> FrontData:
    """Lay the complete trials and both fronts out in the plane of time and accuracy."""
    x, y = front_axes(tables.objectives)
    complete = complete_trials(tables)
    points = _points(complete, x, y)
    anytime = tables.front if tables.front_of_curves else tables.front[:0]
    # A published study may carry more columns than its front.csv: both fronts are drawn from what is there.
    anytime = anytime.assign(x=anytime[x].astype(float), y=anytime[y].astype(float)).dropna(subset=["x", "y"])
    columns = ["trial", "epoch", "label", "policy", "x", "y", "test_accuracy"]
    baseline = points[points["is_baseline"]]
    return FrontData(
        x=x,
        y=y,
        points=points,
        trial_front=staircase(points[:0] if tables.front_of_curves else points, x, y)[["trial", "x", "y"]],
        anytime_front=staircase(anytime, x, y)[columns],
        baseline=Baseline(
            tuple(int(number) for number in baseline["trial"]),
            float(baseline["x"].mean()),
            float(baseline["y"].mean()),
        )
        if len(baseline)
        else None,
        span=shown_span(points["y"], points.loc[points["on_front"] | points["is_baseline"], "y"]),
    )


def _points(complete: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    points = complete.assign(x=complete[x].astype(float), y=complete[y].astype(float))
    points = points.reindex(columns=[*POINT_COLUMNS, "batch_size.schedule"])
    points = points.dropna(subset=["x", "y"])
    return points.astype({"on_front": bool, "is_baseline": bool}).reset_index(drop=True)


def staircase(points: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Give the rows that no other beats in ``x`` and ``y``, by rising x; of equal ones the first."""
    mask = front_mask(points[["x", "y"]].to_numpy(dtype=float), directions((x, y)))
    return points[mask].drop_duplicates(["x", "y"]).sort_values("x", kind="stable").reset_index(drop=True)


def shown_span(values: pd.Series[float], keep: pd.Series[float]) -> Span:
    """Choose a stretch of an axis in which the differences that matter can be seen.

    A few trials that learnt next to nothing would press all others against the edge: values further below the
    lower quartile than three times the distance of the quartiles are left out, unless they are among ``keep``.
    """
    if values.empty:
        return Span(0.0, 1.0, 0)
    lower, upper = float(values.quantile(0.25)), float(values.quantile(0.75))
    fence = lower - 3 * (upper - lower) if upper > lower else float(values.min())
    inside = pd.concat([values[values >= fence], keep])
    low, high = float(inside.min()), float(inside.max())
    margin = 0.07 * (high - low) or max(abs(high) * 0.005, 1e-9)
    return Span(low - margin, high + margin, int((values < low).sum()))


@dataclass(frozen=True)
class CurveData:
    """Accuracy against train seconds, epoch by epoch.

    Attributes:
        rows: One row an epoch: trial, epoch, batch_size, train_seconds, accuracy, policy, on_front.
        span: Stretch of the accuracy axis that is shown at first.
    """

    rows: pd.DataFrame
    span: Span


def curve_data(tables: StudyTables) -> CurveData:
    """Join each trial's curve with what its line looks like."""
    recipes = tables.trials[["trial", "policy", "on_front", "state"]]
    rows = tables.curves[["trial", "epoch", "batch_size", "train_seconds", "accuracy"]].merge(
        recipes, on="trial"
    )
    rows = rows.astype({"on_front": bool, "train_seconds": float, "accuracy": float})
    rows = rows[rows["train_seconds"] > 0].reset_index(drop=True)
    best = rows.groupby("trial")["accuracy"].max()
    if len(best) <= FEW_CURVES:
        everything = shown_span(rows["accuracy"], rows["accuracy"])
        return CurveData(rows, everything)
    # Recipes differ in the last steps of the climb; many first epochs start far below.
    fence = shown_span(best, rows.loc[rows["on_front"], "accuracy"].groupby(rows["trial"]).max())
    low = min(fence.low, float(rows["accuracy"].quantile(0.2)))
    return CurveData(rows, Span(low, fence.high, int((rows["accuracy"] < low).sum())))


def pale_opacity(rows: pd.DataFrame) -> float:
    """Choose how pale the curves off the front are: the paler the more there are, so that none hides the front."""
    return min(0.35, max(0.08, 14 / max(rows["trial"].nunique(), 1)))


def failures(tables: StudyTables) -> pd.DataFrame:
    """Give every trial that is not complete, with its reason: trial, label, seed, state, reason, epochs_done."""
    rows = tables.trials[tables.trials["state"] != "complete"]
    done = tables.curves.groupby("trial")["epoch"].max()
    table = rows[["trial", "label", "seed", "state", "reason"]].copy()
    table["epochs_done"] = table["trial"].map(done).fillna(0).astype(int)
    table["reason"] = table["reason"].astype("str").fillna("")
    return table.reset_index(drop=True)


def front_rows(tables: StudyTables) -> pd.DataFrame:
    """Give the rows of the front, by rising time, each marked if it is the baseline's."""
    rows = tables.front
    baseline = tables.trials.loc[tables.trials["is_baseline"].astype(bool), "recipe_id"]
    return rows.assign(is_baseline=rows["recipe_id"].isin(baseline)).reset_index(drop=True)
