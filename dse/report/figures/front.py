"""The front as a figure of matplotlib."""

from __future__ import annotations

from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dse.report.encoding import Encoding
from dse.report.figure_data import FrontData, shown_x
from dse.report.figures.parts import (
    DASHES,
    figure_of,
    legend_above,
    legends_below,
    log_x_axis,
    note_empty,
    point_handles,
)
from dse.report.figures.points import draw_points
from dse.report.wording import accuracy_title, axis_title, is_share

NOTHING = "Nothing is trained."


def draw_front(data: FrontData, encoding: Encoding, protocol: str, width: float) -> Figure:
    """Draw the front, the other recipes and the baseline in the plane of time and accuracy."""
    figure = figure_of(width, 2.55)
    axes = figure.subplots()
    if data.points.empty:
        note_empty(axes, NOTHING)
        return figure
    scale = 100 if is_share(data.y) else 1
    lines = _lines(axes, data, scale)
    draw_points(axes, data.points, encoding, scale, data.span.low)
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
    """Draw front, baseline and its best, and a ring around the answer; give what the legend explains."""
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
        axes.axhline(scale * data.baseline.y, **DASHES)
        lines.append(axes.axvline(data.baseline.x, label="baseline's best", **DASHES))
    if data.answer:
        style: dict[str, Any] = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "zorder": 6}
        at = ([data.answer.x], [scale * data.answer.y])
        lines += axes.plot(*at, color="black", linestyle="none", label="answer", **style)
    return lines
