"""Efficient-CapsNet (Mazzia, Salvetti & Chiaberge 2021).

Dimensions: B images of a batch, C channels, H height, W width, X pixels of all channels; N primary capsules of D
numbers, K classes, E numbers of a class capsule.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from dse.networks.capsnet import build_decoder
from dse.networks.loss import CapsuleLoss
from dse.networks.network import PLAIN, Arithmetic, Losses, Network
from dse.networks.precision import in_full
from dse.networks.squash import EPSILON, capsule_lengths
from dse.recipe.loss import Loss
from dse.recipe.models.efficient_capsnet import CONVOLUTIONS, DEPTHWISE_KERNEL, EfficientCapsNetSize


def squash_exponential(capsules: Tensor) -> Tensor:
    """Bring lengths into [0, 1): ``(1 - exp(-|s|)) * s / |s|`` over the last dimension; steeper near 0 than Sabour's.

    >>> squash_exponential(torch.tensor([0.0, math.log(2)]))
    tensor([0.0000, 0.5000])
    """
    length = capsule_lengths(capsules, keepdim=True)
    return -torch.expm1(-length) / (length + EPSILON) * capsules


class EfficientCapsNet(Network):
    """Convolutions with batch normalisation, depthwise primary capsules, and self-attention in place of routing.

    Training normalises by the batch and prediction by running means, whatever torch's training mode says.

    Args:
        size: Every size.
        loss: What training minimises.
    """

    size: EfficientCapsNetSize

    def __init__(self, size: EfficientCapsNetSize, loss: Loss) -> None:
        super().__init__()
        self.size = size
        self.capsule_loss = CapsuleLoss.of(loss)
        widths = itertools.pairwise((size.image.channels, *(channels for channels, _, _ in CONVOLUTIONS)))
        convolutions = [
            nn.Conv2d(fan_in, fan_out, kernel, stride)
            for (fan_in, fan_out), (_, kernel, stride) in zip(widths, CONVOLUTIONS, strict=True)
        ]
        for convolution in convolutions:
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels, _, _ in CONVOLUTIONS)
        channels = CONVOLUTIONS[-1][0]
        self.depthwise = nn.Conv2d(channels, channels, DEPTHWISE_KERNEL, groups=channels)
        shape = (size.capsules, size.primary_size, size.image.classes, size.class_size)
        # As released: He's, where the fan-in is everything but the last dimension.
        self.class_matrices_NDKE = nn.Parameter(
            torch.randn(shape) * math.sqrt(2 / (math.prod(shape) // size.class_size))
        )
        self.prior_KN = nn.Parameter(torch.zeros(size.image.classes, size.capsules))
        self.decoder = build_decoder(size.decoder_widths)

    def class_capsules(self, images_BCHW: Tensor, by_batch: bool) -> Tensor:
        """Give the class capsules of images in [0, 1]; shape (B, K, E).

        Args:
            images_BCHW: The images.
            by_batch: Whether to normalise by this batch, and to count it in the running means.
        """
        features = images_BCHW
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            features = functional.batch_norm(
                convolution(features).relu().to(images_BCHW.dtype),
                norm.running_mean,  # type: ignore[arg-type]
                norm.running_var,  # type: ignore[arg-type]
                norm.weight,  # type: ignore[arg-type]
                norm.bias,  # type: ignore[arg-type]
                training=by_batch,
            )
        numbers_BPQ = self.depthwise(features).to(images_BCHW.dtype).flatten(2).transpose(1, 2)
        primary_BND = squash_exponential(numbers_BPQ.unflatten(2, (-1, self.size.primary_size)).flatten(1, 2))
        with in_full(images_BCHW.device):
            votes_BKNE = torch.einsum("bnd,ndke->bkne", primary_BND, self.class_matrices_NDKE)
            # How much a vote agrees with all votes for its class: the sum of its products with each of them.
            agreement_BKN = torch.einsum("bkne,bke->bkn", votes_BKNE, votes_BKNE.sum(2))
            coupling_BKN = (agreement_BKN / math.sqrt(self.size.class_size)).softmax(1) + self.prior_KN
            return squash_exponential(torch.einsum("bkn,bkne->bke", coupling_BKN, votes_BKNE))

    @override
    def losses(self, images_BCHW: Tensor, labels_B: Tensor, arithmetic: Arithmetic = PLAIN) -> Losses:
        """Give class and reconstruction loss; the decoder is fed the capsule of the true class."""
        class_BKE = self.class_capsules(images_BCHW, by_batch=True)
        lose = self.capsule_loss.analytic if arithmetic.analytic else self.capsule_loss.plain
        return lose(
            class_BKE, labels_B, images_BCHW.flatten(1), None if self.decoder is None else self._decode
        )

    def _decode(self, class_BKE: Tensor) -> Tensor:
        assert self.decoder is not None
        decoded_BX: Tensor = self.decoder(class_BKE.flatten(1))
        return decoded_BX.to(class_BKE.dtype)

    @override
    def predict(self, images_BCHW: Tensor, arithmetic: Arithmetic = PLAIN) -> Tensor:
        return capsule_lengths(self.class_capsules(images_BCHW, by_batch=False)).argmax(1)
