"""The CapsNet's loss.

Dimensions: B images of a batch, K classes, X pixels of all channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from dse.recipe.loss import CrossEntropy, Loss

PRESENT_MARGIN = 0.9
ABSENT_MARGIN = 0.1
ABSENT_WEIGHT = 0.5

MeanLoss = Callable[[Tensor, Tensor], Tensor]
"""Given the lengths of the class capsules, (B, K), and the true classes, (B,): the mean loss, 0-D."""


class ClassLoss(NamedTuple):
    """A loss the plain way and, equal up to rounding, with its gradient written out where that saves kernels."""

    plain: MeanLoss
    analytic: MeanLoss


def is_true(labels_B: Tensor, classes: int) -> Tensor:
    """Tell for each image which class is its own; shape (B, K), bool.

    >>> is_true(torch.tensor([1, 0]), 2)
    tensor([[False,  True],
            [ True, False]])
    """
    return labels_B[:, None] == torch.arange(classes, device=labels_B.device)


def margin_loss(lengths_BK: Tensor, labels_B: Tensor) -> Tensor:
    """Ask the true class capsule to be longer than 0.9 and the others to be shorter than 0.1.

    Returns:
        ``T max(0, 0.9 - |v|)^2 + 0.5 (1 - T) max(0, |v| - 0.1)^2``, summed over the classes, mean over the
        batch; 0-D.

    Source: Sabour et al. 2017, eq. 4. The newer model of Marchisio et al.'s released code halves all of it,
    which would double the weight of the reconstruction against what both papers print.
    """
    true_BK = functional.one_hot(labels_B, lengths_BK.shape[1]).to(lengths_BK.dtype)
    present_BK = (PRESENT_MARGIN - lengths_BK).relu().square()
    absent_BK = (lengths_BK - ABSENT_MARGIN).relu().square()
    return (true_BK * present_BK + ABSENT_WEIGHT * (1 - true_BK) * absent_BK).sum(1).mean()


def analytic_margin_loss(lengths_BK: Tensor, labels_B: Tensor) -> Tensor:
    """Give the same loss, its gradient written out; 0-D."""
    loss: Tensor = _Margin.apply(lengths_BK, labels_B)
    return loss


class _Margin(Function):
    """The loss as a sum of squares: every hinge is multiplied by the root of its weight over the batch."""

    @staticmethod
    def forward(ctx: Any, lengths_BK: Tensor, labels_B: Tensor) -> Tensor:
        batch, classes = lengths_BK.shape
        present, absent = math.sqrt(1 / batch), math.sqrt(ABSENT_WEIGHT / batch)
        true_BK = is_true(labels_B, classes)
        present_BK = torch.rsub(lengths_BK, present * PRESENT_MARGIN, alpha=present)
        absent_BK = torch.rsub(lengths_BK, -absent * ABSENT_MARGIN, alpha=-absent)
        hinge_BK = torch.where(true_BK, present_BK, absent_BK).relu_()
        ctx.save_for_backward(hinge_BK, true_BK)
        ctx.absent = absent
        return torch.dot(hinge_BK.flatten(), hinge_BK.flatten())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        hinge_BK, true_BK = ctx.saved_tensors
        slope_BK = torch.where(true_BK, hinge_BK * -math.sqrt(1 / ABSENT_WEIGHT), hinge_BK)
        return slope_BK * (gradient * (2 * ctx.absent)), None


def cross_entropy(lengths_BK: Tensor, labels_B: Tensor, scale: float) -> Tensor:
    """Ask the softmax over the class capsules' lengths, times a scale, to name the true class; 0-D.

    >>> import torch
    >>> cross_entropy(torch.tensor([[0.9, 0.1]]), torch.tensor([0]), scale=0.0)
    tensor(0.6931)
    """
    return functional.cross_entropy(scale * lengths_BK, labels_B)


def _margin(loss: Loss) -> ClassLoss:
    return ClassLoss(margin_loss, analytic_margin_loss)


def _cross_entropy(loss: CrossEntropy) -> ClassLoss:
    # Its kernels are the library's, few as they are.
    scaled = partial(cross_entropy, scale=loss.scale)
    return ClassLoss(scaled, scaled)


# What computes each registered loss.
CLASS_LOSSES: dict[str, Callable[[Any], ClassLoss]] = {"margin": _margin, "cross_entropy": _cross_entropy}


def reconstruction_loss(reconstructed_BX: Tensor, images_BX: Tensor) -> Tensor:
    """Squared errors summed over the pixels, mean over the batch; 0-D, not yet weighted."""
    return (reconstructed_BX - images_BX).square().sum(1).mean()


def analytic_reconstruction_loss(reconstructed_BX: Tensor, images_BX: Tensor) -> Tensor:
    """Give the same from the library's own sum of squares, whose gradient is one kernel; 0-D."""
    return functional.mse_loss(reconstructed_BX, images_BX, reduction="sum") / len(images_BX)
