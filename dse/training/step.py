"""The reference step: one batch, one update. Any faster step must match it.

Dimensions: B images of a batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dse.training.data import Images
from dse.training.network import Losses, Network
from dse.training.shift import random_shift

WHITE = 255


def build_optimizer(network: Network, device: torch.device) -> torch.optim.Adam:
    """Build Adam with its default betas, fused; ``train_step`` sets its rate.

    The rate is a 0-D tensor on the device: a step captured as a graph reads a new one without a re-capture.
    """
    return torch.optim.Adam(network.parameters(), lr=torch.zeros((), device=device), fused=True)


def train_step(
    network: Network,
    optimizer: torch.optim.Adam,
    batch: Images,
    rate: Tensor,
    generator: torch.Generator,
) -> Losses:
    """Shift a batch at random, and update the weights once.

    Args:
        network: Trained in place.
        optimizer: From ``build_optimizer``.
        batch: Plain images.
        rate: Learning rate, 0-D.
        generator: Source of the shifts.

    Returns:
        The losses before the update, without their graph.
    """
    optimizer.param_groups[0]["lr"].copy_(rate)
    optimizer.zero_grad(set_to_none=True)
    losses = shifted_losses(network, batch, generator)
    torch.autograd.backward(losses.total)
    optimizer.step()
    return Losses(*(loss.detach() for loss in losses))


def shifted_losses(network: Network, batch: Images, generator: torch.Generator) -> Losses:
    """Give the losses of a batch shifted at random."""
    return network.losses(as_floats(random_shift(batch.pixels, generator)), batch.labels)


def as_floats(pixels_BCHW: Tensor) -> Tensor:
    """Bring bytes into [0, 1]."""
    return pixels_BCHW.float() / WHITE
