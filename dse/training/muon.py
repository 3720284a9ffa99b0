"""Muon for kernels of convolutions: momentum, made orthogonal (Jordan et al. 2024)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from typing_extensions import override

# Jordan et al. 2024: the polynomial a s + b s^3 + c s^5 brings every singular value into about [0.7, 1.2] in five
# steps.
A, B, C = 3.4445, -4.7750, 2.0315
STEPS = 5
# Liu et al. 2025, eq. 4: the usual size of Adam's entries.
ROOT_MEAN_SQUARE = 0.2
EPSILON = 1e-7


class MatrixMuon(torch.optim.Optimizer):
    """``torch.optim.Muon`` for weights of any number of dimensions, each a matrix of as many rows as its first.

    Torch's own takes matrices alone and reads its learning rate back from the device, which no graph can capture.

    Args:
        weights: What is updated.
        rate: Learning rate, a 0-D tensor on their device.
        momentum: Share of the past in the mean of the gradients; Nesterov's kind.
    """

    def __init__(self, weights: Iterable[Tensor], rate: Tensor, momentum: float) -> None:
        super().__init__(weights, {"lr": rate, "momentum": momentum})

    @override
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                update = weight.grad.lerp(state["momentum"], group["momentum"]).flatten(1)
                scale = ROOT_MEAN_SQUARE * math.sqrt(max(update.shape))
                weight.sub_(orthogonal(update).view_as(weight) * (group["lr"] * scale))


def orthogonal(matrix: Tensor) -> Tensor:
    """Bring all singular values of a matrix near 1, and leave its singular vectors as they are.

    Newton-Schulz's iteration X <- (a + b XX' + c (XX')^2) X is done on the small matrix XX' alone, whose powers
    commute, and X is multiplied once at the end: two products with the long side instead of fifteen.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    scaled = matrix / (matrix.norm() + EPSILON)
    gram = scaled @ scaled.T
    product = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    for _ in range(STEPS):
        factor = torch.addmm(gram, gram, gram, beta=B, alpha=C)
        factor.diagonal().add_(A)
        product = factor @ product
        gram = factor @ gram @ factor
    orthogonal_rows: Tensor = product @ scaled
    return orthogonal_rows
