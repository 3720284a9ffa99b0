"""Runs made by hand."""

from __future__ import annotations

from dse.search.progress import Outline, Progress

EVEN = (0.2, 0.4, 0.6, 0.8, 1.0)


def run(
    accuracies: tuple[float, ...],
    epoch_seconds: float = 1.0,
    parameters: int = 0,
    rate_shares: tuple[float, ...] = EVEN,
    batch_sizes: tuple[int, ...] = (32,) * 5,
) -> Progress:
    seconds = tuple(epoch_seconds * (i + 1) for i in range(len(accuracies)))
    outline = Outline(batch_sizes, rate_shares, total_steps=50, mean_rate=0.001, parameters=parameters)
    return Progress(outline, seconds, accuracies)
