"""The rate finder: raise the learning rate step by step, and watch the loss."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dse.errors import RunError
from dse.recipe.learning_rate import rate_finder
from dse.training.step_engine import Engine

# Up to a rate of 1, the largest that a recipe may have.
STEPS = 601
SECONDS = 600.0
SMOOTHING = 0.98
STOP_RATIO = 4.0

OnStep = Callable[[int, float, float], None]
"""Called after each step with the steps done, their last rate and the smoothed loss."""


@dataclass(frozen=True, slots=True, eq=False)
class RateSearch:
    """What a search for a usable learning rate saw; all arrays have the shape (steps,).

    Attributes:
        steps: Steps done, counted from 0.
        rates: Learning rate of each step.
        losses: Loss of each step's batch, before its update.
        smoothed: The losses' exponential moving average (0.98 of the past), freed of its bias to the start.
        suggested_rate: A tenth of the rate at which the smoothed loss was lowest.
        unreached: Why rates up to 1 were not all tried, if the seconds ran out; else empty.
    """

    steps: NDArray[np.int64]
    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    suggested_rate: float
    unreached: str


def find_rate(
    engine: Engine,
    images: int,
    batch_size: int,
    on_step: OnStep | None = None,
    *,
    shares: NDArray[np.float64] | None = None,
    max_seconds: float = SECONDS,
) -> RateSearch:
    """Train a fresh network at rates that rise from 1e-6 by a factor of ten every 100 steps.

    The search ends at a rate of 1, when its seconds are over, or as soon as the smoothed loss exceeds four times its
    minimum or is not finite. It suggests a tenth of the rate of the lowest smoothed loss: at that lowest point the
    loss has ceased to fall, so the rate is already too high to train with, and one order below it is the usual choice.

    Args:
        engine: Of a fresh network; what it trains is not trained well.
        images: How many it holds.
        batch_size: Images a step.
        on_step: Called after each step.
        shares: How far each step moves the mean of the weights, of 601 steps; None if there is no mean.
        max_seconds: No further step once they are over.

    Raises:
        RunError: The loss is not finite from the first step on.

    Source: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3 (the range test);
    smoothing, stop and the tenth: Howard & Gugger 2020, "fastai", ``lr_find``. Rates: Marchisio et al. 2019.
    """
    batches = _batches(images, batch_size, engine.generator)
    rates = rate_finder(STEPS)
    losses: list[float] = []
    smoothed: list[float] = []
    average = 0.0
    unreached = ""
    start = time.perf_counter()
    device = engine.generator.device
    rates_S = torch.from_numpy(rates).to(device)
    shares_S = None if shares is None else torch.from_numpy(shares).to(device)
    for step, rate in enumerate(rates):
        now = slice(step, step + 1)
        share = None if shares_S is None else shares_S[now]
        loss = engine.train(next(batches), batch_size, rates_S[now], share)[0].item() / batch_size
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        if not math.isfinite(average):
            break
        losses.append(loss)
        smoothed.append(average / (1 - SMOOTHING ** len(losses)))
        if on_step is not None:
            on_step(len(losses), float(rate), smoothed[-1])
        if smoothed[-1] > STOP_RATIO * min(smoothed):
            break
        if time.perf_counter() - start >= max_seconds and len(losses) < len(rates):
            unreached = f"rates above {rate:.2g} were not tried: {max_seconds:g} s were over"
            break
    if not losses:
        raise RunError("the loss is not finite at the first step, whatever the rate. Is the data sound?")
    return RateSearch(
        steps=np.arange(len(losses)),
        rates=rates[: len(losses)],
        losses=np.array(losses),
        smoothed=np.array(smoothed),
        suggested_rate=float(rates[np.argmin(smoothed)]) / 10,
        unreached=unreached,
    )


def _batches(images: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Give the indices of full batches in random order, pass after pass without end."""
    while True:
        order = torch.randperm(images, generator=generator, device=generator.device)
        yield from torch.split(order[: images // batch_size * batch_size], batch_size)
