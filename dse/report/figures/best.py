"""Best accuracy and the epoch of it, recipe by recipe, as a figure of matplotlib: the paper's own."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dse.report.encoding import Encoding
from dse.report.figure_data import BestData
from dse.report.figures.front import NOTHING
from dse.report.figures.parts import DASHES, figure_of, legend_above, legends_below, note_empty, point_handles
from dse.report.figures.points import draw_points
from dse.report.wording import accuracy_title


def draw_best(data: BestData, encoding: Encoding, protocol: str, width: float) -> Figure:
    """Draw each recipe's best accuracy against the epoch that has it; bars are standard deviations over seeds."""
    figure = figure_of(width, 2.3)
    axes = figure.subplots()
    if data.points.empty:
        note_empty(axes, NOTHING)
        return figure
    draw_points(axes, data.points, encoding, 100, data.span.low)
    if data.baseline:
        legend_above(axes, [axes.axhline(100 * data.baseline.y, label="baseline's best", **DASHES)])
    shown = data.points[data.points["y"] >= data.span.low]
    left, right = _reach(shown, "x")
    margin = max(1.0, 0.06 * (right - left))
    axes.set_xlim(left - margin, right + margin)
    low, high = _reach(shown, "y")
    axes.set_ylim(100 * min(low, data.span.low), 100 * max(min(high, 1.0), data.span.high))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    ylabel = accuracy_title("accuracy", protocol).replace("; ", "\n")
    axes.set(xlabel="epoch of the best accuracy", ylabel=ylabel)
    axes.grid(True)
    legends_below(figure, point_handles(encoding))
    return figure


def _reach(points: pd.DataFrame, axis: str) -> tuple[float, float]:
    """Give how far points reach along an axis, with their deviations."""
    deviations = points[f"{axis}_sd"].fillna(0)
    return float((points[axis] - deviations).min()), float((points[axis] + deviations).max())
