"""The reference step: one batch, one update. Any faster step must match it.

Dimensions: B images of a batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dse.data.images import Images
from dse.networks.network import Losses, Network
from dse.networks.precision import inputs_in, products_in
from dse.recipe.recipe import Precision
from dse.training.shift import random_shift

WHITE = 255


def build_optimizer(network: Network, device: torch.device) -> torch.optim.Adam:
    """Build Adam with its default betas, fused; ``train_step`` sets its rate.

    The rate is a 0-D tensor on the device: a step captured as a graph reads a new one without a re-capture. For the
    same reason the moments are there from the start, and not made by the first step.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=torch.zeros((), device=device), fused=True)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # at a rate of 0
    for state in optimizer.state.values():
        state["step"].zero_()
    optimizer.zero_grad(set_to_none=True)
    return optimizer


def train_step(
    network: Network,
    optimizer: torch.optim.Adam,
    batch: Images,
    rate: Tensor,
    generator: torch.Generator,
    precision: Precision,
) -> Losses:
    """Shift a batch at random, and update the weights once.

    Args:
        network: Trained in place.
        optimizer: From ``build_optimizer``.
        batch: Plain images.
        rate: Learning rate, 0-D.
        generator: Source of the shifts.
        precision: Of convolutions and matrix products.

    Returns:
        The losses before the update, without their graph.
    """
    optimizer.param_groups[0]["lr"].copy_(rate)
    optimizer.zero_grad(set_to_none=True)
    losses = add_gradients(network, batch, generator, precision)
    optimizer.step()
    return losses


def add_gradients(
    network: Network, batch: Images, generator: torch.Generator, precision: Precision
) -> Losses:
    """Shift a batch at random, and pass it forward and backward; arguments and losses as in ``train_step``."""
    device = batch.pixels.device
    with products_in(precision, device):
        with inputs_in(precision, device):
            losses = network.losses(as_floats(random_shift(batch.pixels, generator)), batch.labels)
        torch.autograd.backward(losses.total)
    return Losses(*(loss.detach() for loss in losses))


def as_floats(pixels_BCHW: Tensor) -> Tensor:
    """Bring bytes into [0, 1]."""
    return pixels_BCHW.float() / WHITE
