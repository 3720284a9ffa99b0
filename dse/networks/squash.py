"""What bounds the length of capsules: the plain way, and with the gradient written out.

The written gradients take a third of the plain ones' kernels. Capsules lie along the last dimension; L is their length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

EPSILON = 1e-7
# Shorter capsules are as good as 0, and the fourth power of this is still a number in float32.
LEAST_LENGTH = 1e-9


def capsule_lengths(capsules: Tensor, keepdim: bool = False) -> Tensor:
    """Give Euclidean lengths over the last dimension, with slope 0 at 0."""
    # The slope of sqrt(sum of squares) is infinite at 0, and ends in NaN.
    lengths: Tensor = torch.linalg.vector_norm(capsules, dim=-1, keepdim=keepdim)
    return lengths


def analytic_lengths(capsules: Tensor) -> Tensor:
    """Give the same lengths, their gradient written out."""
    lengths: Tensor = _Lengths.apply(capsules)
    return lengths


def squash_exact(capsules: Tensor) -> Tensor:
    """Bring lengths into [0, 1): ``|s|^2 / (1 + |s|^2) * s / (|s| + eps)`` over the last dimension.

    Source: Sabour et al. 2017, eq. 1.

    >>> squash_exact(torch.tensor([3.0, 4.0])) * 26 / 25
    tensor([0.6000, 0.8000])
    """
    length = capsule_lengths(capsules, keepdim=True)
    square = length.square()
    return square / (1 + square) / (length + EPSILON) * capsules


def squash_approximate(capsules: Tensor) -> Tensor:
    """Bring lengths into [0, 1]: ``s / 2`` where ``|s| <= 2``, else ``s / |s|``, over the last dimension.

    Source: the released code of Marchisio et al. 2019.

    >>> squash_approximate(torch.tensor([[0.6, 0.8], [3.0, 4.0]]))
    tensor([[0.3000, 0.4000],
            [0.6000, 0.8000]])
    """
    return capsules / capsule_lengths(capsules, keepdim=True).clamp(min=2)


class Squashed(NamedTuple):
    """Squashed capsules, with what their gradient needs."""

    capsules: Tensor
    lengths: Tensor
    divisors: Tensor


@dataclass(frozen=True, slots=True)
class Squash:
    """Divides each capsule by a number d that depends on its length alone.

    The gradient of v = s / d is (g - <g, v> h v) / d, where g is the gradient for v, and h = d d' / L.

    Attributes:
        plain: Squashes capsules; autograd finds the gradient.
        divisor: Gives d of the lengths.
        bend: Gives <g, v> h of <g, v> and the lengths.
    """

    plain: Callable[[Tensor], Tensor]
    divisor: Callable[[Tensor], Tensor]
    bend: Callable[[Tensor, Tensor], Tensor]

    def analytic(self, capsules: Tensor) -> Tensor:
        """Squash capsules of any layout into contiguous ones; equal to the plain way up to rounding."""
        squashed: Tensor = _Squash.apply(capsules, self)
        return squashed

    def forward(self, capsules: Tensor) -> Squashed:
        """Squash capsules without a graph."""
        lengths = capsule_lengths(capsules, keepdim=True).clamp_(min=LEAST_LENGTH)
        divisors = self.divisor(lengths)
        squashed = torch.div(capsules, divisors, out=capsules.new_empty(capsules.shape))
        return Squashed(squashed, lengths, divisors)

    def backward(self, gradient: Tensor, squashed: Squashed, out: Tensor | None = None) -> Tensor:
        """Give the gradient for the capsules of that for the squashed ones; contiguous if ``out`` is None."""
        out = gradient.new_empty(gradient.shape) if out is None else out
        along = (gradient * squashed.capsules).sum(-1, keepdim=True)
        bent = self.bend(along, squashed.lengths)
        return torch.addcmul(gradient, squashed.capsules, bent, value=-1, out=out).div_(squashed.divisors)


def _exact_divisor(lengths: Tensor) -> Tensor:
    # The plain form's epsilon is left out: it moves a capsule by less than float32 resolves at length 1.
    return lengths.reciprocal().add_(lengths)


def _exact_bend(along: Tensor, lengths: Tensor) -> Tensor:
    # h = 1 - L^-4
    return torch.addcmul(along, along, lengths.pow(-4), value=-1)


def _approximate_divisor(lengths: Tensor) -> Tensor:
    return lengths.clamp(min=2)


def _approximate_bend(along: Tensor, lengths: Tensor) -> Tensor:
    return along * (lengths > 2)


SQUASHES: dict[str, Squash] = {
    "exact": Squash(squash_exact, _exact_divisor, _exact_bend),
    "approximate": Squash(squash_approximate, _approximate_divisor, _approximate_bend),
}


class _Squash(Function):
    @staticmethod
    def forward(ctx: Any, capsules: Tensor, squash: Squash) -> Tensor:
        squashed = squash.forward(capsules)
        ctx.save_for_backward(*squashed)
        ctx.squash = squash
        ctx.strides = capsules.stride()
        return squashed.capsules

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # In the capsules' own layout: what comes before them need not copy it.
        out = gradient.new_empty_strided(gradient.shape, ctx.strides)
        return ctx.squash.backward(gradient, Squashed(*ctx.saved_tensors), out), None


class _Lengths(Function):
    @staticmethod
    def forward(ctx: Any, capsules: Tensor) -> Tensor:
        lengths = capsule_lengths(capsules)
        ctx.save_for_backward(capsules, lengths)
        return lengths

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        capsules, lengths = ctx.saved_tensors
        on_capsules: Tensor = capsules * (gradient / lengths.clamp(min=LEAST_LENGTH))[..., None]
        return on_capsules
