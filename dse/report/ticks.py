"""Round values for log axes, which neither plotting library chooses well below two decades."""

from __future__ import annotations

import math

import numpy as np

MANTISSAS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), tuple(np.arange(10, 100, 5) / 10))
FEWEST_TICKS = 4


def log_ticks(low: float, high: float, fewest: int = FEWEST_TICKS) -> list[float]:
    """Choose round values between two positive bounds of a log axis: no fewer than asked for, and not many more.

    >>> log_ticks(1.6, 70)
    [2.0, 5.0, 10.0, 20.0, 50.0]
    >>> log_ticks(3.1, 3.6)
    [3.1, 3.2, 3.3, 3.4, 3.5, 3.6]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in MANTISSAS:
        values = [float(f"{m * 10.0**d:.6g}") for d in decades for m in mantissas]
        ticks = [value for value in values if low <= value <= high]
        if len(ticks) >= fewest:
            return ticks
    return _even_ticks(low, high, fewest)


def _even_ticks(low: float, high: float, fewest: int) -> list[float]:
    width = (high - low) / fewest
    power = 10.0 ** math.floor(math.log10(width))
    step = max(size * power for size in (1, 2, 2.5, 5) if size * power <= width * (1 + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{i * step:.6g}") for i in range(first, last + 1)]


def tick_text(value: float) -> str:
    """Write a tick's value, large ones shortened.

    >>> tick_text(0.5), tick_text(2000.0), tick_text(8_200_000)
    ('0.5', '2,000', '8.2M')
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scale = 1e3 if letter == "k" else size
            return f"{value / scale:.4g}{letter}"
    return f"{value:,.6g}"
