"""The CapsNet's loss.

Dimensions: B images of a batch, K classes, X pixels of all channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from dse.networks.network import Losses
from dse.networks.squash import analytic_lengths, capsule_lengths
from dse.recipe.loss import CrossEntropy, Loss

PRESENT_MARGIN = 0.9
ABSENT_MARGIN = 0.1
ABSENT_WEIGHT = 0.5

MeanLoss = Callable[[Tensor, Tensor], Tensor]
"""Given the lengths of the class capsules, (B, K), and the true classes, (B,): the mean loss, 0-D."""


class ClassLoss(NamedTuple):
    """A loss the plain way and, equal up to rounding, with its gradient written out where that saves kernels.

    The latter is also told which class of each image is true, (B, K), as whoever calls it knows.
    """

    plain: MeanLoss
    analytic: Callable[[Tensor, Tensor, Tensor], Tensor]


def is_true(labels_B: Tensor, classes: int, dtype: torch.dtype = torch.bool) -> Tensor:
    """Tell for each image which class is its own; shape (B, K), 1 where it is.

    >>> is_true(torch.tensor([1, 0]), 2)
    tensor([[False,  True],
            [ True, False]])
    """
    all_K = torch.arange(classes, device=labels_B.device)
    true_BK = torch.empty(len(labels_B), classes, dtype=dtype, device=labels_B.device)
    return torch.eq(labels_B[:, None], all_K, out=true_BK)


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


def analytic_margin_loss(lengths_BK: Tensor, true_BK: Tensor) -> Tensor:
    """Give the same loss, its gradient written out; ``true_BK`` is 1 for an image's true class, else 0; 0-D."""
    loss: Tensor = _Margin.apply(lengths_BK, true_BK)
    return loss


class _Margin(Function):
    """The loss as a sum of squares: every hinge is a line over the length, times the root of its weight in the mean."""

    @staticmethod
    def forward(ctx: Any, lengths_BK: Tensor, true_BK: Tensor) -> Tensor:
        present, absent = (math.sqrt(weight / len(lengths_BK)) for weight in (1, ABSENT_WEIGHT))
        present_at_0, absent_at_0 = present * PRESENT_MARGIN, -absent * ABSENT_MARGIN
        slope_BK = torch.rsub(true_BK, absent, alpha=absent + present)
        at_0_BK = torch.rsub(true_BK, absent_at_0, alpha=absent_at_0 - present_at_0)
        hinge_BK = torch.addcmul(at_0_BK, slope_BK, lengths_BK).relu_()
        ctx.save_for_backward(hinge_BK, slope_BK)
        return torch.dot(hinge_BK.flatten(), hinge_BK.flatten())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        hinge_BK, slope_BK = ctx.saved_tensors
        return hinge_BK * slope_BK * (2 * gradient), None


def cross_entropy(lengths_BK: Tensor, labels_B: Tensor, scale: float) -> Tensor:
    """Ask the softmax over the class capsules' lengths, times a scale, to name the true class; 0-D.

    >>> import torch
    >>> cross_entropy(torch.tensor([[0.9, 0.1]]), torch.tensor([0]), scale=0.0)
    tensor(0.6931)
    """
    return functional.cross_entropy(scale * lengths_BK, labels_B)


def _margin(loss: Loss) -> ClassLoss:
    return ClassLoss(
        margin_loss, lambda lengths_BK, labels_B, true_BK: analytic_margin_loss(lengths_BK, true_BK)
    )


def _cross_entropy(loss: CrossEntropy) -> ClassLoss:
    # Its kernels are the library's, few as they are.
    scaled = partial(cross_entropy, scale=loss.scale)
    return ClassLoss(scaled, lambda lengths_BK, labels_B, true_BK: scaled(lengths_BK, labels_B))


# What computes each registered loss.
CLASS_LOSSES: dict[str, Callable[[Any], ClassLoss]] = {"margin": _margin, "cross_entropy": _cross_entropy}


def reconstruction_loss(reconstructed_BX: Tensor, images_BX: Tensor) -> Tensor:
    """Squared errors summed over the pixels, mean over the batch; 0-D, not yet weighted."""
    return (reconstructed_BX - images_BX).square().sum(1).mean()


Decode = Callable[[Tensor], Tensor]
"""Given class capsules (B, K, E), 0 but for those of the true classes: the images (B, X) that they stand for."""


@dataclass(frozen=True, slots=True)
class CapsuleLoss:
    """What class capsules lose, and what is decoded from those of the true classes.

    Attributes:
        of_classes: The loss of the class capsules' lengths.
        weight: Of the reconstruction.
    """

    of_classes: ClassLoss
    weight: float

    @classmethod
    def of(cls, loss: Loss) -> CapsuleLoss:
        """Give what computes a recipe's loss."""
        return cls(CLASS_LOSSES[loss.name](loss), loss.reconstruction_weight)

    def plain(self, class_BKE: Tensor, labels_B: Tensor, images_BX: Tensor, decode: Decode | None) -> Losses:
        """Give the losses, the gradients of which autograd finds; no reconstruction without a decoder."""
        of_classes = self.of_classes.plain(capsule_lengths(class_BKE), labels_B)
        if decode is None:
            return Losses(of_classes, of_classes, torch.zeros_like(of_classes))
        true_BK = is_true(labels_B, class_BKE.shape[1])
        reconstruction = reconstruction_loss(decode(class_BKE * true_BK[..., None]), images_BX)
        return Losses(of_classes + self.weight * reconstruction, of_classes, reconstruction)

    def analytic(
        self, class_BKE: Tensor, labels_B: Tensor, images_BX: Tensor, decode: Decode | None
    ) -> Losses:
        """Give the same up to rounding, with gradients of fewer kernels."""
        true_BK = is_true(labels_B, class_BKE.shape[1], class_BKE.dtype)
        of_classes = self.of_classes.analytic(analytic_lengths(class_BKE), labels_B, true_BK)
        if decode is None:
            return Losses(of_classes, of_classes, torch.zeros_like(of_classes))
        # The library's mean over all pixels is one kernel each way; only its value is wanted as a sum over an image's.
        mean = functional.mse_loss(decode(class_BKE * true_BK[..., None]), images_BX)
        pixels = images_BX.shape[1]
        total = torch.add(of_classes, mean, alpha=self.weight * pixels)
        return Losses(total, of_classes, mean.detach() * pixels)
