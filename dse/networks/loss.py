"""The CapsNet's loss.

Dimensions: B images of a batch, K classes, X pixels of all channels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor
from torch.nn import functional

from dse.recipe.loss import CrossEntropy, Loss

PRESENT_MARGIN = 0.9
ABSENT_MARGIN = 0.1
ABSENT_WEIGHT = 0.5

ClassLoss = Callable[[Tensor, Tensor], Tensor]
"""Given the lengths of the class capsules, (B, K), and the true classes, (B,): the mean loss, 0-D."""


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


def cross_entropy(lengths_BK: Tensor, labels_B: Tensor, scale: float) -> Tensor:
    """Ask the softmax over the class capsules' lengths, times a scale, to name the true class; 0-D.

    >>> import torch
    >>> cross_entropy(torch.tensor([[0.9, 0.1]]), torch.tensor([0]), scale=0.0)
    tensor(0.6931)
    """
    return functional.cross_entropy(scale * lengths_BK, labels_B)


def _margin(loss: Loss) -> ClassLoss:
    return margin_loss


def _cross_entropy(loss: CrossEntropy) -> ClassLoss:
    return partial(cross_entropy, scale=loss.scale)


# What computes each registered loss.
CLASS_LOSSES: dict[str, Callable[[Any], ClassLoss]] = {"margin": _margin, "cross_entropy": _cross_entropy}


def reconstruction_loss(reconstructed_BX: Tensor, images_BX: Tensor) -> Tensor:
    """Squared errors summed over the pixels, mean over the batch; 0-D, not yet weighted."""
    return (reconstructed_BX - images_BX).square().sum(1).mean()
