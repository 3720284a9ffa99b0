"""A plan as a picture: the learning rate of every step, and its batch size."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dse.errors import InputError
from dse.recipe.plan import Plan

FORMATS = (".png", ".svg", ".pdf")
LINE_LETTERS = 70


def write_plan_figure(plan: Plan, path: Path) -> None:
    """Draw a plan's learning rates and batch sizes against the epochs.

    Raises:
        InputError: The file's ending is none of .png, .svg and .pdf, or it cannot be written.
    """
    if path.suffix not in FORMATS:
        raise InputError(
            f"{path}: {path.suffix or 'no ending'} is no picture's. Use one of {', '.join(FORMATS)}."
        )
    try:
        draw_plan(plan).savefig(path, dpi=200)
    except OSError as reason:
        raise InputError(f"{path}: cannot be written ({reason.strerror}). Choose another file.") from None


def draw_plan(plan: Plan) -> Figure:
    """Draw the learning rate of every step above its batch size."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    figure.suptitle("\n".join(textwrap.wrap(plan.recipe.label, LINE_LETTERS)), fontsize=11)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    # In epochs, so that the axis reads alike at any batch size.
    position = np.concatenate(([0], plan.images_seen)) / plan.images
    above.plot(position[:-1], plan.rates, linewidth=1.2)
    above.set(ylabel="learning rate")
    above.set_ylim(bottom=0)
    segments = [segment for epoch in plan.segments for segment in epoch]
    changes = np.cumsum([0, *(segment.steps for segment in segments)])
    below.stairs(
        [segment.batch_size for segment in segments], position[changes], linewidth=1.2, baseline=None
    )
    below.set(ylabel="batch size", xlabel="epoch", yscale="log")
    for axes in (above, below):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    sizes = sorted({segment.batch_size for segment in segments})
    below.set_yticks(sizes, [str(size) for size in sizes])
    below.minorticks_off()
    return figure
