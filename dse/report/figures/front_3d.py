"""The front as a figure of matplotlib in three dimensions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from mpl_toolkits.mplot3d.art3d import Line3DCollection  # type: ignore[import-untyped]

from dse.report.encoding import Encoding, looks
from dse.report.figure_data import FrontData
from dse.report.figures.front import NOTHING
from dse.report.figures.parts import figure_of, legends_below, marker, note_empty, point_handles
from dse.report.figures.points import LOOK, alike
from dse.report.ticks import log_ticks, tick_text
from dse.report.wording import accuracy_title, axis_title, is_share

# Inches below the axes, which their turned titles reach into.
FOR_TITLE = 0.1
CROSS: dict[str, Any] = {
    "marker": "+",
    "markersize": 11,
    "color": "black",
    "linestyle": "none",
    "markeredgewidth": 0.6,
}


def draw_front_3d(data: FrontData, encoding: Encoding, protocol: str, width: float) -> Figure:
    """Draw the points by time, parameters and accuracy; a stem ties each to the floor."""
    figure = figure_of(width, 2.7)
    if data.points.empty:
        note_empty(figure.subplots(), NOTHING)
        return figure
    points = data.points.dropna(subset=["parameters"])
    points = points[(points["y"] >= data.span.low) & (points["x"] > 0)]
    best = data.baseline if points["is_baseline"].any() else None
    marks = [Line2D([], [], label="baseline's best", **{**CROSS, "markersize": 6})] if best else []
    below = legends_below(figure, [*point_handles(encoding), ("", marks)])
    figure.set_layout_engine("none")
    below += FOR_TITLE / figure.get_figheight()
    axes: Any = figure.add_axes((-0.02, below, 0.97, 1 - below), projection="3d")
    scale = 100 if is_share(data.y) else 1
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
    for (shape, colour, filled, shown, is_baseline), same in alike(rows, *LOOK, "on_front", "is_baseline"):
        axes.plot(
            same["x"], same["y"], same["z"], alpha=1.0 if shown or is_baseline else 0.45,
            zorder=100 if shown else 50, **marker(shape, colour, filled, 5 if shown else 3.6),
        )  # fmt: skip
    if best:
        weights = math.log10(float(points.loc[points["is_baseline"], "parameters"].iloc[0]))
        place = (math.log10(best.x), weights, scale * best.y)
        axes.plot(*([each] for each in place), zorder=200, **CROSS)
    _log_ticks_3d(axes, "x", x)
    _log_ticks_3d(axes, "y", y)
    axes.set_zlim(floor, scale * data.span.high)
    axes.set_xlabel(axis_title(data.x, data.clock), labelpad=-5)
    axes.set_ylabel("parameters", labelpad=-3)
    axes.set_zlabel(accuracy_title(data.y, protocol).replace("; ", "\n"), labelpad=-1)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis._axinfo["grid"].update(color="#e6e6e6", linewidth=0.5)
        axis.set_tick_params(pad=-2.5 if axis is not axes.zaxis else 1)
    axes.view_init(elev=22, azim=-58)
    axes.set_box_aspect((1.15, 1.15, 0.9), zoom=1.02)
    return figure


def _log_ticks_3d(axes: Any, which: str, logs: np.ndarray) -> None:
    """Write the ticks of an axis that holds logarithms; three-dimensional axes have no log scale."""
    low, high = (float(logs.min()), float(logs.max())) if len(logs) else (0.0, 1.0)
    margin = max(0.06 * (high - low), 0.02)
    ticks = log_ticks(10 ** (low - margin), 10 ** (high + margin), fewest=3)
    getattr(axes, f"set_{which}lim")(low - margin, high + margin)
    getattr(axes, f"set_{which}ticks")(np.log10(ticks), [tick_text(tick) for tick in ticks])
