"""Which images a network classifies right."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dse.networks.precision import products_in
from dse.record.right import Marks
from dse.training.images import DeviceImages
from dse.training.step import as_floats

# The votes of a batch of the full CapsNet take 0.7 MB an image: this many stay below a tenth of a GB.
EVALUATION_BATCH = 128


def right_images(predict: Callable[[Tensor], Tensor], images: DeviceImages) -> Marks:
    """Tell of each image whether its class is predicted right, computed in float32.

    Args:
        predict: Gives the class of each image in [0, 1], (B, C, H, W); shape (B,), int64.
        images: They lie on the device that predicts.
    """
    with torch.inference_mode(), products_in("float32", images.device):
        right = torch.empty(len(images), dtype=torch.bool, device=images.device)
        for start in range(0, len(images), EVALUATION_BATCH):
            batch = images[start : start + EVALUATION_BATCH]
            right[start : start + len(batch)] = predict(as_floats(batch.pixels)) == batch.labels
    return Marks.of(right.cpu().numpy())
