"""How the front grew, as a figure of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from dse.report.figures.parts import figure_of, note_empty
from dse.report.growth import Growth


def draw_hypervolume(growth: Growth, spent: Sequence[float], width: float) -> Figure:
    """Draw the volume of the front, a share of that now, over the train seconds that all trials had taken."""
    figure = figure_of(width, 2.0)
    axes = figure.subplots()
    if growth.rows.empty:
        note_empty(axes, "No run of the baseline is complete.")
        return figure
    axes.plot(
        spent, 100 * growth.rows["share"], color="black", linewidth=1.1, drawstyle="steps-post",
        marker="o" if growth.has_few else None, markersize=2.5,
    )  # fmt: skip
    axes.set_xlim(0, 1.02 * max(spent))
    axes.update_datalim([(0, 0)])  # the margin above is a share of all that is shown
    axes.autoscale_view(scalex=False)
    axes.set_ylim(bottom=0)
    axes.set(xlabel="train time of all trials (s)", ylabel="hypervolume (% of that now)")
    axes.grid(True)
    return figure
