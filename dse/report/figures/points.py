"""Recipes as points: a marker each, with its spread over the seeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dse.report.encoding import Encoding, looks
from dse.report.figures.parts import marker

LOOK = ("shape", "colour", "filled")


def draw_points(axes: Axes, points: pd.DataFrame, encoding: Encoding, scale: float, low: float) -> None:
    """Draw recipes as points, those on the front larger and above the others.

    Args:
        axes: What they are drawn on.
        points: ``recipe_id``, ``x``, ``y``, ``x_sd``, ``y_sd``, ``on_front``, ``is_baseline``.
        encoding: How each looks.
        scale: What y is multiplied by.
        low: Where the stretch of y begins that is shown.
    """
    rows = points.join(looks(points, encoding))
    rows["clipped"] = ~rows["on_front"] | (rows["y"] < low)
    several = rows[rows["x_sd"].notna() | rows["y_sd"].notna()]
    for (colour, on_front), bars in alike(several, "colour", "on_front"):
        alpha = 0.7 if on_front else 0.25
        axes.errorbar(
            bars["x"], scale * bars["y"], xerr=bars["x_sd"].fillna(0), yerr=scale * bars["y_sd"].fillna(0),
            linestyle="none", color=colour, elinewidth=0.5, alpha=alpha, zorder=3,
        )  # fmt: skip
    for (shape, colour, filled, clipped, on_front, is_baseline), same in alike(
        rows, *LOOK, "clipped", "on_front", "is_baseline"
    ):
        axes.plot(
            same["x"], scale * same["y"], clip_on=clipped, zorder=5 if on_front else 4 if is_baseline else 3,
            alpha=1.0 if on_front or is_baseline else 0.4, **marker(shape, colour, filled, 5 if on_front else 4),
        )  # fmt: skip


def alike(rows: pd.DataFrame, *columns: str) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Put the rows together that look alike: matplotlib draws thousands of markers as fast as a few artists."""
    for values, same in rows.groupby(list(columns), sort=False):
        yield tuple(value.item() if isinstance(value, np.generic) else value for value in values), same
