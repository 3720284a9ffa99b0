"""The reference step: one batch, one update. Any faster step must match it.

Dimensions: B images of a batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dse.networks.network import Losses, Network
from dse.networks.precision import inputs_in, products_in
from dse.recipe.recipe import Precision
from dse.training.images import DeviceImages
from dse.training.shift import random_shift

WHITE = 255


def build_optimizer(network: Network, device: torch.device) -> torch.optim.Adam:
    """Build Adam with its default betas, fused; a ``Step`` sets its rate.

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


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Shifts a batch at random, and updates the weights once.

    Attributes:
        losses_of: Gives the losses of images in [0, 1] with their classes.
        optimizer: From ``build_optimizer``.
        generator: Source of the shifts.
        precision: Of convolutions and matrix products.
    """

    losses_of: Callable[[Tensor, Tensor], Losses]
    optimizer: torch.optim.Adam
    generator: torch.Generator
    precision: Precision

    def __call__(self, batch: DeviceImages, rate: Tensor | None) -> Losses:
        """Take the step.

        Args:
            batch: Plain images.
            rate: Learning rate, 0-D; None computes the gradients and leaves the weights as they are.

        Returns:
            The losses before the update, without their graph.
        """
        device = batch.device
        self.optimizer.zero_grad(set_to_none=True)
        with products_in(self.precision, device):
            with inputs_in(self.precision, device):
                images_BCHW = as_floats(random_shift(batch.pixels, self.generator))
                losses = self.losses_of(images_BCHW, batch.labels)
            torch.autograd.backward(losses.total)
        if rate is not None:
            self.optimizer.param_groups[0]["lr"].copy_(rate)
            self.optimizer.step()
        return Losses(*(loss.detach() for loss in losses))


def as_floats(pixels_BCHW: Tensor) -> Tensor:
    """Bring bytes into [0, 1]."""
    return pixels_BCHW.float() / WHITE
