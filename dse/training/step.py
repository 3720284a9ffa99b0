"""The reference step: one batch, one update. Any faster step must match it.

Dimensions: B images of a batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dse.networks.network import Losses
from dse.networks.precision import inputs_in, kernels_chosen, products_in
from dse.recipe.recipe import Precision
from dse.training.images import DeviceImages
from dse.training.shift import random_shift
from dse.training.update import Update

WHITE = 255

LossesOf = Callable[[Tensor, Tensor], Losses]
"""Given images in [0, 1], (B, C, H, W), and their classes, (B,): their losses."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Shifts a batch at random, and updates the weights once.

    Attributes:
        losses_of: Gives the losses of images in [0, 1] with their classes.
        update: Changes the weights by their gradients.
        generator: Source of the shifts.
        precision: Of convolutions and matrix products.
        kernels_by_trial: Whether a GPU's library tries its kernels for convolutions.
    """

    losses_of: LossesOf
    update: Update
    generator: torch.Generator
    precision: Precision
    kernels_by_trial: bool = False

    def __call__(self, batch: DeviceImages, rate: Tensor | None, share: Tensor | None = None) -> Losses:
        """Take the step.

        Args:
            batch: Plain images.
            rate: Learning rate, 0-D, float32; None computes the gradients and leaves the weights as they are.
            share: How far the mean of the weights moves, 0-D; None where there is no mean.

        Returns:
            The losses before the update, without their graph.
        """
        device = batch.device
        self.update.network.zero_grad(set_to_none=True)
        with products_in(self.precision, device), kernels_chosen(self.kernels_by_trial, device):
            with inputs_in(self.precision, device):
                images_BCHW = as_floats(random_shift(batch.pixels, self.generator))
                losses = self.losses_of(images_BCHW, batch.labels)
            torch.autograd.backward(losses.total)
        if rate is not None:
            self.update(rate, share)
        return Losses(*(loss.detach() for loss in losses))


def add_up(sums: Tensor, losses: Losses, images: int) -> None:
    """Add a step's mean losses to sums over images, in double precision for a sum over many small steps."""
    sums.add_(torch.stack(losses), alpha=images)


def as_floats(pixels_BCHW: Tensor) -> Tensor:
    """Bring bytes into [0, 1]."""
    return pixels_BCHW / WHITE
