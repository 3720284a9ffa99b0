"""A convolution as one matrix product over the windows of all images, for batches too small for the library's kernels.

Dimensions: B images of a batch, C channels, H height, W width, K side of the kernels, O channels out; y, x positions.
"""

from __future__ import annotations

from torch import Tensor


def convolve_unfolded(images_BCHW: Tensor, kernels_OCKK: Tensor, stride: int) -> Tensor:
    """Convolve without padding; equal to ``conv2d`` up to rounding, shape (B, O, y, x)."""
    kernel = kernels_OCKK.shape[2]
    windows_BCyxKK = images_BCHW.unfold(2, kernel, stride).unfold(3, kernel, stride)
    windows_ByxG = windows_BCyxKK.permute(0, 2, 3, 1, 4, 5).flatten(3)
    return (windows_ByxG @ kernels_OCKK.flatten(1).T).permute(0, 3, 1, 2)
