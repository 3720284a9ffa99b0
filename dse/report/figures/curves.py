"""The curves as a figure of matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dse.report.encoding import Encoding, looks
from dse.report.figure_data import CurveData, pale_opacity
from dse.report.figures.parts import (
    GREY,
    colour_lines,
    figure_of,
    legends_below,
    log_x_axis,
    note_empty,
)
from dse.report.wording import axis_title, chosen_on

BAND = 0.15


def draw_curves(data: CurveData, encoding: Encoding, protocol: str, width: float) -> Figure:
    """Draw each recipe's accuracy against its train seconds, those on the front above others and with their spread."""
    figure = figure_of(width, 2.3)
    axes = figure.subplots()
    if data.rows.empty:
        note_empty(axes, "No epoch has been trained.")
        return figure
    pale = pale_opacity(data.rows)
    plain = ~data.rows["on_front"] & (data.rows.groupby("trial")["epoch"].transform("size") > 1)
    _pale_lines(axes, data.rows[plain], encoding, pale)
    for _, rows in data.rows[~plain].groupby("trial"):
        shown = bool(rows["on_front"].iloc[0])
        colour = looks(rows, encoding)["colour"].iloc[0]
        axes.plot(
            rows["train_seconds"], 100 * rows["accuracy"], color=colour, zorder=3 if shown else 2,
            linewidth=1.3 if shown else 0.5, alpha=1.0 if shown else pale, marker="o", markersize=2,
        )  # fmt: skip
        if shown:
            _spread(axes, rows, colour)
    baseline = data.rows[data.rows["is_baseline"]]
    axes.plot(baseline["train_seconds"], 100 * baseline["accuracy"], color="black", linewidth=0.9, zorder=4)
    _spread(axes, baseline, "black")
    axes.set_ylim(100 * data.span.low, 100 * data.span.high)
    log_x_axis(axes, data.rows.loc[data.rows["accuracy"] >= data.span.low, "train_seconds"])
    axes.set(xlabel=axis_title("train_seconds", data.clock), ylabel=f"{chosen_on(protocol)} accuracy (%)")
    axes.grid(True)
    legends_below(figure, [colour_lines(encoding), ("recipes", _kinds(data.rows))])
    return figure


def _kinds(rows: pd.DataFrame) -> list[Artist]:
    drawn = rows[rows["on_front"] | rows["is_baseline"]]
    front: dict[str, Any] = {"color": GREY, "linewidth": 1.3, "marker": "o", "markersize": 2}
    kinds: list[tuple[Artist, bool]] = [
        (Line2D([], [], label="on the front", **front), True),
        (Line2D([], [], color=GREY, linewidth=0.5, alpha=0.6, label="other recipes"), True),
        (Line2D([], [], color="black", linewidth=0.9, label="baseline"), bool(rows["is_baseline"].any())),
        (Patch(color=GREY, alpha=2 * BAND, linewidth=0, label="± sd over seeds"),
         bool(drawn["accuracy_sd"].notna().any())),
    ]  # fmt: skip
    return [kind for kind, there in kinds if there]


def _spread(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Draw a band of a standard deviation over the seeds on both sides; nothing of a single seed."""
    known = rows.dropna(subset="accuracy_sd")
    if known.empty:
        return
    low, high = (100 * (known["accuracy"] + side * known["accuracy_sd"]) for side in (-1, 1))
    axes.fill_between(known["train_seconds"], low, high, color=colour, alpha=BAND, linewidth=0, zorder=1)


def _pale_lines(axes: Axes, rows: pd.DataFrame, encoding: Encoding, alpha: float) -> None:
    """Draw the curves off the front: thousands of them as one artist, each over the other as lines would be."""
    places = np.stack([rows["train_seconds"], 100 * rows["accuracy"]], axis=1)
    segments = [places[at] for at in rows.groupby("trial").indices.values()]
    colours = looks(rows.drop_duplicates("trial").sort_values("trial"), encoding)["colour"]
    lines = LineCollection(
        segments, colors=colours.tolist(), linewidths=0.5, alpha=alpha, zorder=2,
        capstyle="projecting", joinstyle="round",
    )  # fmt: skip
    axes.add_collection(lines, autolim=False)
