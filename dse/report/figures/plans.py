"""Plans as a figure of matplotlib: the learning rate of every step, and its batch size."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dse.errors import InputError
from dse.files import write_atomically
from dse.recipe.plan import Plan
from dse.report.figures.paper import COLUMN, FORMATS, WIDTHS
from dse.report.figures.parts import figure_of, legends_below, note_empty
from dse.report.figures.saving import file_content, in_style

# Black and dark before blue and light, so that grey tells them apart too; dashes show the one below where both agree.
LINES: tuple[dict[str, Any], ...] = (
    {"color": "black", "linewidth": 0.9},
    {"color": "#2E9BD6", "linewidth": 1.6, "linestyle": (0, (3, 1.2))},
)
# In an inch of a legend.
LETTERS = 17


def write_plan(plan: Plan, path: Path) -> None:
    """Draw a plan's learning rates and batch sizes over its epochs, a column wide.

    Raises:
        InputError: The file's ending is none of .png, .svg and .pdf, or it cannot be written.
    """
    if path.suffix.removeprefix(".") not in FORMATS:
        endings = ", ".join(f".{ending}" for ending in FORMATS)
        raise InputError(f"{path}: {path.suffix or 'no ending'} is no picture's. Use one of {endings}.")
    with in_style():
        content = file_content(draw_plans({plan.recipe.label: plan}, WIDTHS[COLUMN]), path.suffix[1:])
    try:
        write_atomically(path, content)
    except OSError as reason:
        raise InputError(f"{path}: cannot be written ({reason.strerror}). Choose another file.") from None


def draw_plans(plans: Mapping[str, Plan], width: float) -> Figure:
    """Draw the learning rate of every step above its batch size.

    Args:
        plans: One or two, by what each is called.
        width: In inches.
    """
    figure = figure_of(width, 2.6)
    if not plans:
        note_empty(figure.subplots(), "No run of the baseline is complete, or its images are not known.")
        return figure
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for plan, line in zip(plans.values(), LINES, strict=False):
        _draw_plan(above, below, plan, line)
    above.set(ylabel="learning rate")
    above.set_ylim(bottom=0)
    below.set(ylabel="batch size", xlabel="epoch", yscale="log")
    below.set_xlim(left=0)
    sizes = {segment.batch_size for plan in plans.values() for epoch in plan.segments for segment in epoch}
    ticks = _apart(sorted(sizes))
    below.set_yticks(ticks, [str(size) for size in ticks])
    below.minorticks_off()
    for axes in (above, below):
        axes.grid(True)
        axes.margins(y=0.12)
    names = ["\n".join(textwrap.wrap(name, round(LETTERS * width))) for name in plans]
    handles = [Line2D([], [], label=name, **line) for name, line in zip(names, LINES, strict=False)]
    legends_below(figure, [("", [handle]) for handle in handles])
    return figure


def _draw_plan(above: Axes, below: Axes, plan: Plan, line: dict[str, Any]) -> None:
    # In epochs, so that the axis reads alike at any batch size.
    position = np.concatenate(([0], plan.images_seen)) / plan.images
    above.plot(position[:-1], plan.rates, **line)
    segments = [segment for epoch in plan.segments for segment in epoch]
    changes = np.cumsum([0, *(segment.steps for segment in segments)])
    below.stairs([segment.batch_size for segment in segments], position[changes], baseline=None, **line)


def _apart(sizes: list[int]) -> list[int]:
    """Leave out sizes that a log axis has no room for beside the one below: a fifth of its height."""
    least = (sizes[-1] / sizes[0]) ** 0.2
    kept = sizes[:1]
    for size in sizes[1:]:
        if size >= kept[-1] * least:
            kept.append(size)
    return kept
