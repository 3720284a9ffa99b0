"""The primary convolution with a fifth of its multiplications, for large batches on a processor.

A convolution of stride 2 is a sum of four convolutions of stride 1, one for each phase of rows and columns
(polyphase), and likewise for any other stride. A circular one of those is a product in the basis of the discrete
Fourier transform, and its outputs within the grid are those of the plain convolution. All transforms are real
matrices, a complex product takes three real ones (Gauss), so the whole is

    outputs = synthesis @ ((analysis @ images) * (kernel_analysis @ kernels))

with one matrix product over the channels at each of the points. On the full CapsNet's 20x20 grid there are 148
points instead of 36 x 81 positions and taps: 39 instead of 191 million multiplications an image. The transform
of the kernels costs the same at every batch size, which is why small batches are faster without. The transforms of
the images grow with the square of the map, so there is a limit to its size too: ``spectral_pays``.

Dimensions: B images of a batch, C and O channels in and out, R points, P x Q grid of a phase, H height, W width.
Source of the idea: Mathieu, Henaff & LeCun 2014, Fast Training of Convolutional Networks through FFTs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from dse.recipe.models.capsnet import CapsNetSize

# Measured, forward and backward: with 256 channels in and out the spectral convolution is 1.8 times as fast as
# the plain one at batch 128, 1.4 times at 64, and slower at 32; with 64 channels it is slower at every size.
SPECTRAL_FROM_BATCH = 64
SPECTRAL_FROM_CHANNELS = 128
# How many times as fast it is at batch 64 with one thread, after the factor of multiplications that it saves. Stride 1,
# kernel 9: 2.7 (3.0); stride 2, kernels 9, 7 and 5: 1.1 to 1.4 (2.7), 1.2 (2.4), 0.85 (1.7); kernel 9, strides 3 and 4:
# 1.1 (1.5), 0.6 (1.0).
LEAST_SAVED = 2

Matrix = NDArray[np.float64]


class SpectralConvolution(nn.Module):
    """A convolution without padding, equal to ``conv2d`` up to rounding; gradients flow.

    Args:
        height: Height of the images, at least the kernel's.
        width: Width of the images, likewise.
        kernel: Side of the square kernels.
        stride: Of rows and columns alike.
    """

    analysis_RP: Tensor
    kernel_analysis_RK: Tensor
    synthesis_YR: Tensor

    def __init__(self, height: int, width: int, kernel: int, stride: int = 2) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.grid = (-(-height // stride), -(-width // stride))
        self.taps = -(-kernel // stride)
        self.outputs = ((height - kernel) // stride + 1, (width - kernel) // stride + 1)
        matrices = _real_transforms(self.grid, self.taps, self.outputs)
        for name, matrix in zip(("analysis_RP", "kernel_analysis_RK", "synthesis_YR"), matrices, strict=True):
            # Follows from the sizes, so it is no part of the saved weights.
            self.register_buffer(name, torch.from_numpy(matrix).float(), persistent=False)

    def forward(self, images_BCHW: Tensor, kernels_OCKK: Tensor) -> Tensor:
        """Convolve; shape (B, O, height, width) of the outputs."""
        batch, channels, height, width = images_BCHW.shape
        outputs, stride = len(kernels_OCKK), self.stride
        rows, columns = self.grid
        padded = functional.pad(images_BCHW, (0, columns * stride - width, 0, rows * stride - height))
        phases = padded.reshape(batch, channels, rows, stride, columns, stride).permute(2, 4, 0, 3, 5, 1)
        missing = self.taps * stride - self.kernel
        taps = functional.pad(kernels_OCKK, (0, missing, 0, missing))
        taps = taps.reshape(outputs, channels, self.taps, stride, self.taps, stride).permute(2, 4, 3, 5, 1, 0)
        convolved_YBO: Tensor = _Product.apply(
            phases.reshape(rows * columns, batch, -1),
            taps.reshape(self.taps**2, -1, outputs),
            self.analysis_RP,
            self.kernel_analysis_RK,
            self.synthesis_YR,
        )
        return convolved_YBO.permute(1, 2, 0).unflatten(2, self.outputs)  # type: ignore[no-untyped-call,no-any-return]


def spectral_pays(size: CapsNetSize) -> bool:
    """Decide whether large batches take less time with the primary convolution in the Fourier basis.

    They do where it is wide and, forward at the least such batch, takes at most half of the plain multiplications:
    kernels of 7 or more at a stride of 1 or 2, on maps of some 20x20.
    """
    fan_in, fan_out = size.primary_channels
    if min(fan_in, fan_out) < SPECTRAL_FROM_CHANNELS:
        return False
    stride, kernel, positions = size.primary_stride, size.primary_kernel, size.positions
    rows, columns = (-(-side // stride) for side in size.convolved)
    # A frequency that is its own mirror takes one point, any other two of them three; see ``_real_transforms``.
    real = (2 - rows % 2) * (2 - columns % 2)
    points = real + 3 * (rows * columns - real) // 2
    phases = stride**2
    products = points * phases * fan_in * fan_out
    images = points * rows * columns * phases * fan_in + positions * points * fan_out
    taps = -(-kernel // stride)
    kernels = products * taps**2 / SPECTRAL_FROM_BATCH
    return positions * kernel**2 * fan_in * fan_out >= LEAST_SAVED * (products + images + kernels)


class _Product(Function):
    """Goes to the points, multiplies there, and comes back.

    The kernels at the points are the largest tensor of a training step: the backward pass writes their gradient over
    them, so autograd refuses a second one.
    """

    @staticmethod
    def forward(
        ctx: Any,
        phases_PBC: Tensor,
        taps_KCO: Tensor,
        analysis_RP: Tensor,
        kernel_analysis_RK: Tensor,
        synthesis_YR: Tensor,
    ) -> Tensor:
        images_RBC = _transform(analysis_RP, phases_PBC)
        kernels_RCO = _transform(kernel_analysis_RK, taps_KCO)
        ctx.save_for_backward(images_RBC, kernels_RCO, analysis_RP, kernel_analysis_RK, synthesis_YR)
        return _transform(synthesis_YR, torch.bmm(images_RBC, kernels_RCO))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_YBO: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        images_RBC, kernels_RCO, analysis_RP, kernel_analysis_RK, synthesis_YR = ctx.saved_tensors
        gradient_RBO = _transform(synthesis_YR.T, gradient_YBO)
        phases_gradient = _transform(analysis_RP.T, torch.bmm(gradient_RBO, kernels_RCO.mT))
        torch.bmm(images_RBC.mT, gradient_RBO, out=kernels_RCO)
        return phases_gradient, _transform(kernel_analysis_RK.T, kernels_RCO), None, None, None


def _transform(matrix: Tensor, stack: Tensor) -> Tensor:
    """Multiply a matrix with the first dimension of a stack of matrices."""
    return (matrix @ stack.flatten(1)).view(-1, *stack.shape[1:])


def _real_transforms(
    grid: tuple[int, int], taps: int, outputs: tuple[int, int]
) -> tuple[Matrix, Matrix, Matrix]:
    """Make the matrices into and out of the points.

    A frequency and its mirror are conjugate, so one of the two is kept. A real one takes one point. A complex one
    takes three: with image x, kernel w and x w = (k1 - k3) + i (k1 + k2), these are k1 = Re w (Re x + Im x),
    k2 = Re x (Im w - Re w) and k3 = Im x (Re w + Im w).
    """
    analysis, kernel_analysis, synthesis = [], [], []
    for row in range(grid[0]):
        for column in range(grid[1]):
            mirror = (-row % grid[0], -column % grid[1])
            if mirror < (row, column):
                continue
            real, imaginary = _wave(grid, (row, column), grid)
            kernel_real, kernel_imaginary = _wave(grid, (row, column), (taps, taps))
            back_real, back_imaginary = _wave(grid, (row, column), outputs)
            size = grid[0] * grid[1]
            if mirror == (row, column):
                analysis.append(real)
                kernel_analysis.append(kernel_real)
                synthesis.append(back_real / size)
                continue
            # Correlation, not convolution: the image's transform is conjugate to the kernel's.
            imaginary = -imaginary
            analysis += [real + imaginary, real, imaginary]
            kernel_analysis += [kernel_real, kernel_imaginary - kernel_real, kernel_real + kernel_imaginary]
            twice_real, twice_imaginary = 2 * back_real / size, 2 * back_imaginary / size
            synthesis += [twice_real - twice_imaginary, -twice_imaginary, -twice_real]
    return np.array(analysis), np.array(kernel_analysis), np.array(synthesis).T.copy()


def _wave(
    grid: tuple[int, int], frequency: tuple[int, int], extent: tuple[int, int]
) -> tuple[Matrix, Matrix]:
    """Sample cosine and sine of one frequency of the grid, flattened over the extent."""
    angle = np.add.outer(
        2 * np.pi * frequency[0] / grid[0] * np.arange(extent[0]),
        2 * np.pi * frequency[1] / grid[1] * np.arange(extent[1]),
    ).ravel()
    return np.cos(angle), np.sin(angle)
