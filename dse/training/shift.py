"""Augmentation: random shifts of whole batches.

Dimensions: B images of a batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LIMIT = 2


def random_shift(images_BCHW: Tensor, generator: torch.Generator, limit: int = LIMIT) -> Tensor:
    """Shift each image by its own whole number of pixels on each axis, uniform in -limit..limit.

    Args:
        images_BCHW: Images of any dtype.
        generator: Source of chance, on the images' device.
        limit: Largest shift, in pixels.

    Returns:
        New images of the same shape and dtype; what moves in is 0.

    Source: Sabour et al. 2017, section 5.
    """
    size = (len(images_BCHW), 2)
    shifts_B2 = torch.randint(-limit, limit + 1, size, generator=generator, device=images_BCHW.device)
    return shift_by(images_BCHW, shifts_B2, limit)


def shift_by(images_BCHW: Tensor, shifts_B2: Tensor, limit: int = LIMIT) -> Tensor:
    """Shift each image by given numbers of pixels: down and right, or up and left where negative.

    Args:
        images_BCHW: Images of any dtype.
        shifts_B2: Whole pixels (down, right) of each image, in -limit..limit.
        limit: Largest shift, in pixels.

    Returns:
        New images of the same shape and dtype; what moves in is 0.
    """
    height, width = images_BCHW.shape[2:]
    padded = functional.pad(images_BCHW, (limit, limit, limit, limit))
    # Every window as a view, of which one is copied for each image.
    windows_BCyxHW = padded.unfold(2, height, 1).unfold(3, width, 1)
    top_B, left_B = (limit - shifts_B2).unbind(1)
    image_B = torch.arange(len(images_BCHW), device=images_BCHW.device)
    return windows_BCyxHW[image_B, :, top_B, left_B]
