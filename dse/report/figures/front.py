"""The front as a figure of matplotlib, in two and in three dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection  # type: ignore[import-untyped]

from dse.report.encoding import Encoding, looks
from dse.report.figure_data import FrontData, shown_x
from dse.report.figures.parts import (
    GREY,
    figure_with_legend,
    legend_above,
    legends_below,
    log_x_axis,
    marker,
    most_entries,
    note_empty,
    point_handles,
)
from dse.report.ticks import log_ticks, tick_text
from dse.report.wording import accuracy_title, axis_title, is_share

NOTHING = "Nothing is trained."
LOOK = ("shape", "colour", "filled")


def draw_front(data: FrontData, encoding: Encoding, protocol: str) -> Figure:
    """Draw the front, the other recipes and the baseline in the plane of time and accuracy."""
    figure = figure_with_legend(2.55, most_entries(encoding))
    axes = figure.subplots()
    if data.points.empty:
        note_empty(axes, NOTHING)
        return figure
    scale = 100 if is_share(data.y) else 1
    lines = _lines(axes, data, scale)
    _points(axes, data, encoding, scale)
    axes.set_ylim(scale * data.span.low, scale * data.span.high)
    log_x_axis(axes, shown_x(data))
    axes.set(
        xlabel=axis_title(data.x, data.clock), ylabel=accuracy_title(data.y, protocol).replace("; ", "\n")
    )
    axes.grid(True)
    legend_above(axes, lines)
    legends_below(figure, point_handles(encoding))
    return figure


def _lines(axes: Axes, data: FrontData, scale: float) -> list[Artist]:
    """Draw front, baseline and its best; give what the legend explains."""
    steps: dict[str, Any] = {"drawstyle": "steps-post", "linewidth": 0.9, "zorder": 2}
    lines: list[Artist] = list(
        axes.plot(data.line["x"], scale * data.line["y"], color="black", label="front", **steps)
    )
    if len(data.band):
        limits = (scale * data.band["low"], scale * data.band["high"])
        band = axes.fill_between(
            data.band["x"], *limits, step="post", color="black", alpha=0.1, linewidth=0, zorder=1
        )
        band.set_label("95 % limits")
        lines.append(band)
    if len(data.baseline_curve):
        curve = data.baseline_curve
        lines += axes.plot(curve["x"], scale * curve["y"], color="#999999", ls=":", label="baseline", **steps)
    if data.baseline:
        dashes: dict[str, Any] = {"color": GREY, "linewidth": 0.5, "linestyle": (0, (4, 3)), "zorder": 1}
        axes.axhline(scale * data.baseline.y, **dashes)
        lines.append(axes.axvline(data.baseline.x, label="baseline's best", **dashes))
    return lines


def _points(axes: Axes, data: FrontData, encoding: Encoding, scale: float) -> None:
    rows = data.points.join(looks(data.points, encoding))
    rows["clipped"] = ~rows["on_front"] | (rows["y"] < data.span.low)
    several = rows[rows["x_sd"].notna() | rows["y_sd"].notna()]
    for (colour, on_front), bars in _alike(several, "colour", "on_front"):
        alpha = 0.7 if on_front else 0.25
        axes.errorbar(
            bars["x"], scale * bars["y"], xerr=bars["x_sd"].fillna(0), yerr=scale * bars["y_sd"].fillna(0),
            linestyle="none", color=colour, elinewidth=0.5, alpha=alpha, zorder=3,
        )  # fmt: skip
    for (shape, colour, filled, clipped, on_front, is_baseline), points in _alike(
        rows, *LOOK, "clipped", "on_front", "is_baseline"
    ):
        axes.plot(
            points["x"], scale * points["y"], clip_on=clipped, zorder=5 if on_front else 4 if is_baseline else 3,
            alpha=1.0 if on_front or is_baseline else 0.4, **marker(shape, colour, filled, 5 if on_front else 4),
        )  # fmt: skip


def _alike(rows: pd.DataFrame, *columns: str) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Put the rows together that look alike: matplotlib draws thousands of markers as fast as a few artists."""
    for values, alike in rows.groupby(list(columns), sort=False):
        yield tuple(value.item() if isinstance(value, np.generic) else value for value in values), alike


def draw_front_3d(data: FrontData, encoding: Encoding, protocol: str) -> Figure:
    """Draw the points by time, parameters and accuracy; a stem ties each to the floor."""
    figure = figure_with_legend(2.6, most_entries(encoding))
    if data.points.empty:
        note_empty(figure.subplots(), NOTHING)
        return figure
    below = 1 - 2.6 / figure.get_figheight()
    figure.set_layout_engine("none")
    axes: Any = figure.add_axes((-0.02, below, 0.97, 1 - below), projection="3d")
    scale = 100 if is_share(data.y) else 1
    points = data.points.dropna(subset=["parameters"])
    points = points[(points["y"] >= data.span.low) & (points["x"] > 0)]
    x = np.log10(points["x"].to_numpy(dtype=float))
    y = np.log10(points["parameters"].to_numpy(dtype=float))
    z = scale * points["y"].to_numpy(dtype=float)
    floor = scale * data.span.low
    rows = points.join(looks(points, encoding)).assign(x=x, y=y, z=z)
    tops = rows[["x", "y", "z"]].to_numpy()
    axes.computed_zorder = False
    axes.add_collection3d(
        Line3DCollection(
            np.stack([np.column_stack([tops[:, :2], np.full(len(tops), floor)]), tops], axis=1),
            colors=rows["colour"].where(rows["on_front"], "#bbbbbb").tolist(), linewidths=0.7, zorder=2,
            alpha=np.where(rows["on_front"], 0.8, 0.45), capstyle="projecting",
        ),
        autolim=False,
    )  # fmt: skip
    for (shape, colour, filled, shown, is_baseline), alike in _alike(rows, *LOOK, "on_front", "is_baseline"):
        axes.plot(
            alike["x"], alike["y"], alike["z"], alpha=1.0 if shown or is_baseline else 0.45,
            zorder=100 if shown else 50, **marker(shape, colour, filled, 5 if shown else 3.6),
        )  # fmt: skip
    if data.baseline and points["is_baseline"].any():
        weights = math.log10(float(points.loc[points["is_baseline"], "parameters"].iloc[0]))
        place = (math.log10(data.baseline.x), weights, scale * data.baseline.y)
        side = "right" if place[0] > (x.min() + x.max()) / 2 else "left"
        axes.text(*place, "  baseline's best  ", fontsize=6.5, zorder=200, ha=side)
    _log_ticks_3d(axes, "x", x)
    _log_ticks_3d(axes, "y", y)
    axes.set_zlim(floor, scale * data.span.high)
    axes.set_xlabel(axis_title(data.x, data.clock), labelpad=-5)
    axes.set_ylabel("parameters", labelpad=-3)
    axes.set_zlabel(accuracy_title(data.y, protocol).replace("; ", "\n"), labelpad=-5)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis._axinfo["grid"].update(color="#e6e6e6", linewidth=0.5)
        axis.set_tick_params(pad=-2.5)
    axes.view_init(elev=22, azim=-58)
    axes.set_box_aspect((1.15, 1.15, 0.9), zoom=1.02)
    legends_below(figure, point_handles(encoding))
    return figure


def _log_ticks_3d(axes: Any, which: str, logs: np.ndarray) -> None:
    """Write the ticks of an axis that holds logarithms; three-dimensional axes have no log scale."""
    low, high = (float(logs.min()), float(logs.max())) if len(logs) else (0.0, 1.0)
    margin = max(0.06 * (high - low), 0.02)
    ticks = log_ticks(10 ** (low - margin), 10 ** (high + margin), fewest=3)
    getattr(axes, f"set_{which}lim")(low - margin, high + margin)
    getattr(axes, f"set_{which}ticks")(np.log10(ticks), [tick_text(tick) for tick in ticks])
