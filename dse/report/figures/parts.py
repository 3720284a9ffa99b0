"""What the figures drawn by matplotlib share: their size, log ticks, legends."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from dse.report.encoding import FILLED, SHAPES, Channel, Encoding
from dse.report.figures.paper import COLUMN, WIDTHS
from dse.report.ticks import log_ticks, tick_text
from dse.units import words

MARKERS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-up": "^",
    "triangle-down": "v",
    "pentagon": "p",
    "star": "*",
    "hexagon": "h",
}
# Shapes of the same nominal size do not look equally large.
SCALES = {"square": 0.9, "diamond": 0.85, "star": 1.35, "pentagon": 1.1, "hexagon": 1.1}
GREY = "#555555"
# Through what the baseline reached.
DASHES: dict[str, Any] = {"color": GREY, "linewidth": 0.5, "linestyle": (0, (4, 3)), "zorder": 1}
LONGEST_ENTRY = 40
LONGEST_TITLE = 20
# In inches: between anything and the figure's edge, between two legends, and of a legend's line.
EDGE, LEAST_GAP, WIDEST_LINE = 0.03, 0.1, 1.1


def log_x_axis(axes: Axes, values: pd.Series) -> None:
    """Make the horizontal axis logarithmic, over the values and a margin, with ticks written out."""
    positive = values[values > 0]
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 10.0)
    margin = max(high / low, 3.0) ** 0.06
    axes.set_xscale("log")
    axes.set_xlim(low / margin, high * margin)
    axes.xaxis.set_major_locator(FixedLocator(log_ticks(low / margin, high * margin)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))
    axes.xaxis.set_minor_locator(NullLocator())


def marker(shape: str, colour: str, filled: bool, size: float) -> dict[str, Any]:
    """Give the settings with which matplotlib draws a marker."""
    return {
        "marker": MARKERS[shape],
        "markersize": size * SCALES.get(shape, 1.0),
        "markerfacecolor": colour if filled else "white",
        "markeredgecolor": colour,
        "markeredgewidth": 0.9,
        "linestyle": "none",
    }


def point_handles(encoding: Encoding) -> list[tuple[str, list[Line2D]]]:
    """Explain colours, shapes and fills of points, each below its name."""
    shown = [
        (encoding.colour, [marker(SHAPES[0], colour, True, 4.5) for _, colour in encoding.colour.signs]),
        (encoding.shape, [marker(shape, GREY, True, 4.5) for _, shape in encoding.shape.signs]),
        (encoding.fill, [marker(SHAPES[0], GREY, fill == FILLED, 4.5) for _, fill in encoding.fill.signs]),
    ]
    return [
        (_short_title(channel), [Line2D([], [], label=text, **style)
                         for text, style in zip(_texts(channel), styles, strict=True)])
        for channel, styles in shown
    ]  # fmt: skip


def colour_lines(encoding: Encoding) -> tuple[str, list[Line2D]]:
    """Explain the colours of a figure that has lines only, below their name."""
    colours = (colour for _, colour in encoding.colour.signs)
    texts = _texts(encoding.colour)
    return _short_title(encoding.colour), [
        Line2D([], [], color=colour, linewidth=1.6, label=text)
        for text, colour in zip(texts, colours, strict=True)
    ]


def _short_title(channel: Channel) -> str:
    """Leave out the block where the key alone is long enough for a column's width."""
    title = channel.title
    return title if len(title) <= LONGEST_TITLE else title.rpartition(": ")[2]


def _texts(channel: Channel) -> list[str]:
    """Name the values; a schedule's epochs are left out where its sizes alone identify it."""
    sizes = Counter(_sizes(value) for value, _ in channel.signs)
    return [_cut(_sizes(value) if sizes[_sizes(value)] == 1 else words(value)) for value, _ in channel.signs]


def _sizes(schedule: str) -> str:
    return re.sub(r" \(\d+ ep\)", "", words(schedule))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_ENTRY else text[: LONGEST_ENTRY - 1] + "…"


def figure_of(width: float, height: float) -> Figure:
    """Make a figure for axes so high in a column's width, in inches; higher in a wider one, though not as much."""
    figure = Figure(figsize=(width, height * math.sqrt(width / WIDTHS[COLUMN])))
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=EDGE, h_pad=EDGE))
    return figure


def legends_below(figure: Figure, groups: Sequence[tuple[str, Sequence[Artist]]]) -> float:
    """Put legends side by side below the axes, where they hide no point, in as many rows as the width asks for.

    The figure grows by their height. Called before axes are placed by hand: it gives the share of the height that
    the legends take.
    """
    legends = [
        figure.legend(
            handles=list(handles), title=title or None, loc="upper left", frameon=False, alignment="left",
            handletextpad=0.4, borderaxespad=0, borderpad=0.2, labelspacing=0.3, handlelength=1.2,
        )
        for title, handles in groups if handles
    ]  # fmt: skip
    width, height = figure.get_size_inches()
    rows: list[list[tuple[Legend, float, float]]] = []
    left = math.inf
    for legend in legends:
        legend.set_in_layout(False)
        legend.get_title().set_color(GREY)
        box = legend.get_window_extent()
        wide, high = box.width / figure.dpi, box.height / figure.dpi
        if left + wide > width - EDGE:
            rows.append([])
            left = EDGE
        rows[-1].append((legend, wide, high))
        left += wide + LEAST_GAP
    below = sum(max(high for *_, high in row) for row in rows) + 2 * EDGE if rows else 0.0
    total = height + below
    figure.set_size_inches(width, total)
    top = below - EDGE
    for row in rows:
        # Spread over the figure's width.
        gap = (width - 2 * EDGE - sum(wide for _, wide, _ in row)) / len(row)
        left = EDGE
        for legend, wide, _ in row:
            legend.set_bbox_to_anchor((left / width, top / total))
            left += wide + gap
        top -= max(high for *_, high in row)
    share = float(below / total)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, share, 1, 1 - share))
    return share


def legend_above(axes: Axes, lines: Sequence[Artist]) -> None:
    """Explain the lines in rows above the axes."""
    room = int(axes.get_figure(root=True).get_figwidth() / WIDEST_LINE)  # type: ignore[union-attr]
    in_a_row = len(lines) if len(lines) <= room else 2
    axes.legend(
        handles=list(lines), loc="lower left", bbox_to_anchor=(0, 1), ncols=max(in_a_row, 1), frameon=False,
        borderaxespad=0.2, borderpad=0, handlelength=2, handletextpad=0.5, columnspacing=1.4,
    )  # fmt: skip


def note_empty(axes: Axes, text: str) -> None:
    """Write into empty axes why they are empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)
