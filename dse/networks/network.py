"""What training needs to know of a network, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from dse.recipe.models.model import NetworkSize


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


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How losses and predictions are computed, where a network knows several ways: the same up to rounding.

    The defaults are the plain way, which is the reference.

    Attributes:
        spectral_from_batch: Batch size from which the primary convolution is computed in the Fourier basis; never if
            None.
        analytic: Whether the gradients of squashing, routing and losses are the ones written out, which take fewer
            kernels than autograd's.
        fused_routing: Whether routing without shared matrices runs as fused kernels; GPUs only.
        fused_dots: Whether the fused kernels' votes and gradients are products of the tensor cores.
        unfold_up_to_batch: Batch size up to which the primary convolution is one matrix product over all windows; never
            if None.
        channels_last: Whether images lie with their channels together while they are convolved. Weights and their
            gradients lie as ever.
        kernels_by_trial: Whether a GPU's library tries its kernels for convolutions and takes the fastest.
        compiled: Whether torch compiles the plain losses; the compiler puts passes together itself.
    """

    spectral_from_batch: int | None = None
    analytic: bool = False
    fused_routing: bool = False
    fused_dots: bool = False
    unfold_up_to_batch: int | None = None
    channels_last: bool = False
    kernels_by_trial: bool = False
    compiled: bool = False


PLAIN = Arithmetic()


class Network(nn.Module):
    """A classifier that knows its own loss. B images of a batch, C channels, H height, W width.

    Attributes:
        size: Every size of it, if it has a recipe's.
    """

    size: NetworkSize | None = None

    def losses(self, images_BCHW: Tensor, labels_B: Tensor, arithmetic: Arithmetic = PLAIN) -> Losses:
        """Give the losses of images in [0, 1] with their true classes (int64)."""
        raise NotImplementedError

    def predict(self, images_BCHW: Tensor, arithmetic: Arithmetic = PLAIN) -> Tensor:
        """Give the likeliest class of each image in [0, 1]; shape (B,), int64."""
        raise NotImplementedError
