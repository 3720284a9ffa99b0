"""An epoch's images in random order, in stretches between two looks at the losses."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from dse.recipe.plan import EpochPlan, Plan

# A look at the losses waits for the device. This seldom it costs nothing, and an epoch of 60,000 steps that
# diverges at its start still ends within seconds. A power of two, as are the steps that a graph holds.
STEPS_BETWEEN_CHECKS = 512


def epoch_stretches(
    plan: Plan, epoch: EpochPlan, generator: torch.Generator
) -> Iterator[tuple[Tensor, int, Tensor, Tensor | None]]:
    """Pass once over the images in random order: give stretches of steps of one batch size.

    Returns:
        Indices of the images, the batch size, and rates and shares of the steps.
    """
    device = generator.device
    steps = plan.epoch_steps(epoch.epoch)
    rates = torch.from_numpy(plan.rates[steps].copy()).to(device)
    shares = (
        None
        if plan.average_shares is None
        else torch.from_numpy(plan.average_shares[steps].copy()).to(device)
    )
    order = torch.randperm(plan.images, generator=generator, device=device)
    first = seen = 0
    for segment in epoch.segments:
        end = first + segment.steps
        while first < end:
            stretch = slice(first, min(end, first + STEPS_BETWEEN_CHECKS))
            images = slice(seen, seen + (stretch.stop - first) * segment.batch_size)
            yield (
                order[images],
                segment.batch_size,
                rates[stretch],
                None if shares is None else shares[stretch],
            )
            first, seen = stretch.stop, images.stop
