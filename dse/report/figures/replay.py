"""A comparison of strategies as a figure of matplotlib, and all its files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dse.errors import StudyError
from dse.files import refuse_link
from dse.record.cells import to_csv
from dse.record.tables import write_view
from dse.replay.compare import Comparison
from dse.report.figures.paper import COLUMN, WIDTHS
from dse.report.figures.parts import figure_of, legends_below, log_x_axis
from dse.report.figures.saving import save_figures

OURS = "dse"
OUR_COLOUR = "#C1272D"
# Told apart by all three kinds of colour blindness with the line styles that go with them.
COLOURS = ("#0072B2", "#D98A00", "#009E73", "#AA3377", "#7A5C3E", "#56B4E9", "#555555")
STYLES: tuple[Literal["-", "--", ":"], ...] = ("-", "--", ":")
LOWEST_SHARE = 0.5


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Write a comparison's three tables as CSV files, and its figure as PNG, SVG and PDF.

    Raises:
        StudyError: The folder cannot be written to, or is a link to elsewhere.
    """
    refuse_link(folder, StudyError)
    tables = {
        "strategies": comparison.strategies,
        "growth": comparison.growth,
        "searches": comparison.searches,
    }
    for name, table in tables.items():
        write_view(folder / f"{name}.csv", to_csv(table))
    figures = save_figures(lambda: {"growth": draw_growth(comparison)}, folder)
    return [*(folder / f"{name}.csv" for name in tables), *figures]


def draw_growth(comparison: Comparison) -> Figure:
    """Draw the share of the volume against the train seconds spent: medians, and 5th to 95th percentile of dse."""
    names = list(comparison.strategies["name"])
    figure = figure_of(WIDTHS[COLUMN], 2.3)
    axes = figure.subplots()
    others = [name for name in names if name != OURS]
    handles = []
    for name in names:
        rows = comparison.growth[comparison.growth["name"] == name]
        number = others.index(name) if name in others else 0
        colour = OUR_COLOUR if name == OURS else COLOURS[number % len(COLOURS)]
        style = STYLES[0] if name == OURS else STYLES[number // len(COLOURS) % len(STYLES)]
        width = 1.6 if name == OURS else 0.9
        seconds, share = rows["seconds"], 100 * rows["hypervolume_share"]
        axes.plot(
            seconds, share, color=colour, linestyle=style, linewidth=width, zorder=3 if name == OURS else 2
        )
        if name == OURS:
            low, high = 100 * rows["hypervolume_share_p05"], 100 * rows["hypervolume_share_p95"]
            axes.fill_between(seconds, low, high, color=colour, alpha=0.15, linewidth=0)
        handles.append(Line2D([], [], color=colour, linestyle=style, linewidth=width, label=name))
    log_x_axis(axes, comparison.growth["seconds"])
    axes.set_ylim(100 * LOWEST_SHARE, 101)
    axes.set(xlabel="train time spent (s)", ylabel="share of the hypervolume (%)")
    axes.grid(True)
    half = (len(handles) + 1) // 2
    legends_below(figure, [("strategy", handles[:half]), (" ", handles[half:])])
    return figure
