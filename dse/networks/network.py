"""What training needs to know of a network, whichever it is."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class Losses(NamedTuple):
    """The loss of a batch and its parts: 0-D tensors, means over the images.

    Attributes:
        total: What is minimised.
        margin: The part that classifies (for lenet5 the cross-entropy).
        reconstruction: Squared errors summed over the pixels, before their weight (0 for lenet5).
    """

    total: Tensor
    margin: Tensor
    reconstruction: Tensor


class Network(nn.Module):
    """A classifier that knows its own loss. B images of a batch, C channels, H height, W width."""

    def losses(self, images_BCHW: Tensor, labels_B: Tensor) -> Losses:
        """Give the losses of images in [0, 1] with their true classes (int64)."""
        raise NotImplementedError

    def predict(self, images_BCHW: Tensor) -> Tensor:
        """Give the likeliest class of each image in [0, 1]; shape (B,), int64."""
        raise NotImplementedError
