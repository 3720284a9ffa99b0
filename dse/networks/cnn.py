"""A plain small convolutional network: what a front of capsules is measured against.

Dimensions: B images of a batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from dse.networks.network import PLAIN, Arithmetic, Losses, Network
from dse.recipe.models.cnn import CnnSize


class Cnn(Network):
    """Convolutions that keep height and width, each with ReLU and maximum pooling, and one linear layer."""

    def __init__(self, size: CnnSize) -> None:
        super().__init__()
        self.size = size
        layers: list[nn.Module] = []
        for fan_in, fan_out in itertools.pairwise((size.image.channels, *size.channels)):
            layers += [
                nn.Conv2d(fan_in, fan_out, size.kernel, padding="same"),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(size.features, size.image.classes))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Give the logits of images in [0, 1]; shape (B, K)."""
        logits_BK: Tensor = self.layers(images_BCHW)
        return logits_BK

    @override
    def losses(self, images_BCHW: Tensor, labels_B: Tensor, arithmetic: Arithmetic = PLAIN) -> Losses:
        """Give the cross-entropy; there is no reconstruction."""
        loss = functional.cross_entropy(self(images_BCHW).float(), labels_B)
        return Losses(loss, loss, torch.zeros_like(loss))

    @override
    def predict(self, images_BCHW: Tensor, arithmetic: Arithmetic = PLAIN) -> Tensor:
        logits_BK: Tensor = self(images_BCHW)
        return logits_BK.argmax(1)
