"""The curves as a figure of matplotlib."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dse.report.encoding import Encoding, looks
from dse.report.figure_data import CurveData, pale_opacity
from dse.report.figures.parts import (
    GREY,
    colour_lines,
    figure_with_legend,
    legends_below,
    log_x_axis,
    note_empty,
)
from dse.report.wording import axis_title, chosen_on


def draw_curves(data: CurveData, encoding: Encoding, protocol: str) -> Figure:
    """Draw each recipe's accuracy against its train seconds, those on the front above the others."""
    figure = figure_with_legend(2.3, max(len(encoding.colour.signs), 3))
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
    baseline = data.rows[data.rows["is_baseline"]]
    axes.plot(baseline["train_seconds"], 100 * baseline["accuracy"], color="black", linewidth=0.9, zorder=4)
    axes.set_ylim(100 * data.span.low, 100 * data.span.high)
    log_x_axis(axes, data.rows.loc[data.rows["accuracy"] >= data.span.low, "train_seconds"])
    axes.set(xlabel=axis_title("train_seconds", data.clock), ylabel=f"{chosen_on(protocol)} accuracy (%)")
    axes.grid(True)
    kinds = [
        Line2D([], [], color=GREY, linewidth=1.3, marker="o", markersize=2, label="on the front"),
        Line2D([], [], color=GREY, linewidth=0.5, alpha=0.6, label="other recipes"),
    ]
    if len(baseline):
        kinds.append(Line2D([], [], color="black", linewidth=0.9, label="baseline"))
    legends_below(figure, [colour_lines(encoding), ("recipes", kinds)])
    return figure


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
