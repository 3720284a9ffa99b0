"""What the figures drawn by matplotlib share: markers, log ticks, legends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from dse.report.encoding import FILLED, SHAPES, Channel, Encoding
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
COLUMN_WIDTH = 3.5
ENTRY_HEIGHT = 0.128
LONGEST_ENTRY = 24
LONGEST_TITLE = 20


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


def most_entries(encoding: Encoding) -> int:
    """Count the entries of the longest legend."""
    return max(len(channel.signs) for channel in (encoding.colour, encoding.shape, encoding.fill))


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


def figure_with_legend(height: float, entries: int) -> Figure:
    """Make a figure as wide as a column, with room for a legend of this many entries below the axes."""
    below = ENTRY_HEIGHT * (entries + 1) + 0.06
    total = height + below
    figure = Figure(figsize=(COLUMN_WIDTH, total))
    figure.set_layout_engine(
        ConstrainedLayoutEngine(rect=(0, below / total, 1, height / total), w_pad=0.03, h_pad=0.03)
    )
    return figure


def legends_below(figure: Figure, groups: Sequence[tuple[str, Sequence[Line2D]]]) -> None:
    """Put the legends side by side below the axes, where they hide no point."""
    shown = [(title, list(handles)) for title, handles in groups if handles]
    if not shown:
        return
    top = (ENTRY_HEIGHT * (max(len(handles) for _, handles in shown) + 1) + 0.04) / figure.get_figheight()
    # Columns as wide as their longest entry, spread over the figure's width.
    widths = [
        max(len(title), *(len(str(handle.get_label())) + 3 for handle in handles)) for title, handles in shown
    ]
    left = 0.0
    for (title, handles), width in zip(shown, widths, strict=True):
        legend = figure.legend(
            handles=handles, title=title, loc="upper left", bbox_to_anchor=(0.03 + 0.97 * left, top),
            frameon=False, alignment="left", handletextpad=0.3, borderaxespad=0, borderpad=0.2,
            labelspacing=0.3, handlelength=1.2,
        )  # fmt: skip
        legend.set_in_layout(False)
        legend.get_title().set_color(GREY)
        left += width / sum(widths)


def legend_above(axes: Axes, lines: Sequence[Artist]) -> None:
    """Explain the lines in rows above the axes."""
    in_a_row = len(lines) if len(lines) <= 3 else 2  # a column's width holds no more than three
    axes.legend(
        handles=list(lines), loc="lower left", bbox_to_anchor=(0, 1), ncols=max(in_a_row, 1), frameon=False,
        borderaxespad=0.2, borderpad=0, handlelength=2, handletextpad=0.5, columnspacing=1.4,
    )  # fmt: skip


def note_empty(axes: Axes, text: str) -> None:
    """Write into empty axes why they are empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)
