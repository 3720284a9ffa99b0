"""LeNet-5 (LeCun et al. 1998), the paper's comparison.

Dimensions: B images of a batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from dse.networks.network import PLAIN, Arithmetic, Losses, Network
from dse.recipe.models.lenet5 import LeNet5Size


class LeNet5(Network):
    """LeNet-5 as it is built today: ReLU, maximum pooling, cross-entropy; images resized to 32x32."""

    def __init__(self, size: LeNet5Size) -> None:
        super().__init__()
        self.size = size
        self.side = size.side
        first, second, third = size.channels
        self.layers = nn.Sequential(
            nn.Conv2d(size.image.channels, first, size.kernel),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, size.kernel),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(second, third, size.kernel),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(third, size.hidden),
            nn.ReLU(),
            nn.Linear(size.hidden, size.image.classes),
        )

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Give the logits of images in [0, 1]; shape (B, K)."""
        resized = functional.interpolate(
            images_BCHW, size=(self.side, self.side), mode="bilinear", align_corners=False
        )
        logits_BK: Tensor = self.layers(resized)
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
