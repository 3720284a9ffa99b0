"""The rate finder: raise the learning rate step by step, and watch the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dse.data.images import ImageData, Images
from dse.errors import RunError
from dse.networks.build import build_network
from dse.networks.precision import check_precision
from dse.recipe.learning_rate import rate_finder
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.training.step import build_optimizer, train_step

# Up to a rate of 1, the largest that a recipe may have.
STEPS = 601
SMOOTHING = 0.98
STOP_RATIO = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class RateSearch:
    """What a search for a usable learning rate saw; all arrays have the shape (steps,).

    Attributes:
        steps: Steps done, counted from 0.
        rates: Learning rate of each step.
        losses: Loss of each step's batch, before its update.
        smoothed: The losses' exponential moving average (0.98 of the past), freed of its bias to the start.
        suggested_rate: A tenth of the rate at which the smoothed loss was lowest.
    """

    steps: NDArray[np.int64]
    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    suggested_rate: float


def find_rate(
    recipe: Recipe, data: ImageData, seed: int, device: torch.device, max_steps: int = STEPS
) -> RateSearch:
    """Train a fresh network at rates that rise from 1e-6 by a factor of ten every 100 steps.

    The search ends at a rate of 1, or as soon as the smoothed loss exceeds four times its minimum or is not
    finite. It suggests a tenth of the rate of the lowest smoothed loss: at that lowest point the loss has
    ceased to fall, so the rate is already too high to train with, and one order below it is the usual choice.

    Args:
        recipe: Its model, weight sharing, precision and the batch size of its first epoch are used; not its
            policy.
        data: The images; only those to train on are used.
        seed: Decides initial weights, order and shifts.
        device: Where to train.
        max_steps: At most so many steps.

    Raises:
        RecipeError: A batch is larger than the data, or the images do not fit the model.
        DeviceError: The device does not compute in the recipe's precision.
        RunError: The loss is not finite from the first step on.

    Source: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3 (the range test);
    smoothing, stop and the tenth: Howard & Gugger 2020, "fastai", ``lr_find``. Rates: Marchisio et al. 2019.
    """
    check_precision([recipe.precision], device)
    batch_size = compile_plan(recipe, data.dataset.shape, len(data.train)).epochs[0].batch_size
    network = build_network(recipe, data.dataset.shape, seed, device)
    optimizer = build_optimizer(network, device)
    generator = torch.Generator(device).manual_seed(seed)
    batches = _batches(data.train.to(device), batch_size, generator)
    rates = rate_finder(max_steps)
    losses: list[float] = []
    smoothed: list[float] = []
    average = 0.0
    for rate in torch.from_numpy(rates).to(device):
        batch = next(batches)
        loss = train_step(network, optimizer, batch, rate, generator, recipe.precision).total.item()
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        if not math.isfinite(average):
            break
        losses.append(loss)
        smoothed.append(average / (1 - SMOOTHING ** len(losses)))
        if smoothed[-1] > STOP_RATIO * min(smoothed):
            break
    if not losses:
        raise RunError("the loss is not finite at the first step, whatever the rate. Is the data sound?")
    return RateSearch(
        steps=np.arange(len(losses)),
        rates=rates[: len(losses)],
        losses=np.array(losses),
        smoothed=np.array(smoothed),
        suggested_rate=float(rates[np.argmin(smoothed)]) / 10,
    )


def _batches(images: Images, batch_size: int, generator: torch.Generator) -> Iterator[Images]:
    """Give full batches in random order, pass after pass without end."""
    while True:
        order = torch.randperm(len(images), generator=generator, device=generator.device)
        for chosen in torch.split(order[: len(order) // batch_size * batch_size], batch_size):
            yield images[chosen]
