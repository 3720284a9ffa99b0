"""Which stretch of an axis a figure shows at first."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

FEWEST_SHOWN = 5


@dataclass(frozen=True)
class Place:
    """A point of the plane of a figure."""

    x: float
    y: float


@dataclass(frozen=True)
class Span:
    """The stretch of an axis that is shown at first.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        hidden: How many values lie outside.
    """

    low: float
    high: float
    hidden: int


def shown_span(values: pd.Series[float], keep: pd.Series[float]) -> Span:
    """Choose a stretch of an axis in which the differences that matter can be seen.

    A few recipes that learnt next to nothing would press all others against the edge: values further below the
    lower quartile than three times the distance of the quartiles are left out, unless they are among ``keep``.
    """
    if values.empty:
        return Span(0.0, 1.0, 0)
    lower, upper = float(values.quantile(0.25)), float(values.quantile(0.75))
    fence = lower - 3 * (upper - lower) if upper > lower else float(values.min())
    inside = pd.concat([values[values >= fence], keep])
    low, high = float(inside.min()), float(inside.max())
    return _with_margin(values, low, high)


def front_span(bests: pd.Series[float], baseline: Place | None) -> Span:
    """Choose the stretch of accuracies where recipes compete with the baseline.

    From the best recipe it reaches twice as far below the baseline as above it, but no fewer than five recipes, or
    half of them, are shown. Those that learnt little would press the others into one blob, however many they are.
    """
    span = shown_span(bests, pd.Series([baseline.y] if baseline else [], dtype=float))
    if baseline is None or bests.empty:
        return span
    few = float(bests.nlargest(min(FEWEST_SHOWN, math.ceil(len(bests) / 2))).min())
    low = min(few, baseline.y - 2 * (float(bests.max()) - baseline.y))
    if low <= span.low:
        return span
    return _with_margin(bests, low, float(bests.max()))


def _with_margin(values: pd.Series[float], low: float, high: float) -> Span:
    margin = 0.07 * (high - low) or max(abs(high) * 0.005, 1e-9)
    return Span(low - margin, high + margin, int((values < low).sum()))
