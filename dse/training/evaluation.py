"""The share of images that a network classifies right."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dse.networks.precision import products_in
from dse.training.images import DeviceImages
from dse.training.step import as_floats

# The votes of a batch of the full CapsNet take 0.7 MB an image: this many stay below a tenth of a GB.
EVALUATION_BATCH = 128


def accuracy(predict: Callable[[Tensor], Tensor], images: DeviceImages) -> float:
    """Give the share of images whose class is predicted right, computed in float32.

    Args:
        predict: Gives the class of each image in [0, 1], (B, C, H, W); shape (B,), int64.
        images: They lie on the device that predicts.
    """
    with torch.inference_mode(), products_in("float32", images.device):
        right = torch.zeros((), dtype=torch.int64, device=images.device)
        for start in range(0, len(images), EVALUATION_BATCH):
            batch = images[start : start + EVALUATION_BATCH]
            right += (predict(as_floats(batch.pixels)) == batch.labels).sum()
    return right.item() / len(images)
