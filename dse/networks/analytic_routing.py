"""Routing by agreement with its gradient written out: fewer kernels, and one pass over the votes' gradient.

Autograd adds an outer product to the votes' gradient, the largest tensor of a step, for each weighted sum and each
agreement. Here one matrix product over all of them ends the way back. Two more savings: logits begin at zero, so those
of an iteration are the agreement with the sum of all class capsules before it, the focus; and the couplings of the
first iteration are all equal, so they need not be made.

Dimensions: as in ``routing``; F factors, two for each iteration but the first, and that one's.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from dse.networks.squash import Squash, Squashed


class Weighted(NamedTuple):
    """A sum of votes, with its part before the matrices where they are shared."""

    sum_BKE: Tensor
    inner: Tensor | None


class Agreed(NamedTuple):
    """Each vote times the class capsule it is for, with its part before the primary capsules where matrices are shared.

    The couplings' layout is the votes' own.
    """

    agreement: Tensor
    inner: Tensor | None


class Factor(NamedTuple):
    """A weighted sum or an agreement, as a term of the gradients.

    Attributes:
        left: Couplings, or the gradient of an agreement; None for the first iteration, whose couplings are all equal.
        right_BKE: The gradient of a weighted sum, or the focus.
        weighted: Inner part of ``left``'s weighted sum.
        agreed: Inner part of ``right_BKE``'s agreement.
    """

    left: Tensor | None
    right_BKE: Tensor
    weighted: Tensor | None
    agreed: Tensor | None


class AnalyticVotes(Protocol):
    """Votes without a graph, in whichever form is cheapest.

    Attributes:
        classes_along: Dimension of the classes in couplings and agreements.
    """

    classes_along: int

    def evenly(self) -> Weighted:
        """Sum the votes for each class."""

    def weighted_sum(self, coupling: Tensor) -> Weighted:
        """Sum the votes for each class capsule, weighted."""

    def agreement(self, capsules_BKE: Tensor) -> Agreed:
        """Multiply each vote with the class capsule it is for."""

    def gradients(self, factors: list[Factor], iterations: int) -> tuple[Tensor, ...]:
        """Give the gradients of the bias and of the tensors that the votes were made of.

        Args:
            factors: Of the weighted sums of all iterations, the first one's first, then of the agreements.
            iterations: How many there are.
        """


class OwnAnalyticVotes:
    """Votes by matrices of each primary capsule's own.

    Args:
        votes_BKNE: The votes, from ``routing.OwnVotes``.
    """

    classes_along = 1

    def __init__(self, votes_BKNE: Tensor) -> None:
        self._votes_BKNE = votes_BKNE

    def evenly(self) -> Weighted:
        """Sum the votes for each class; shape (B, K, E)."""
        return Weighted(self._votes_BKNE.sum(2), None)

    def weighted_sum(self, coupling: Tensor) -> Weighted:
        """Sum the votes for each class capsule, weighted; couplings of shape (B, K, N)."""
        return Weighted((coupling[:, :, None] @ self._votes_BKNE).squeeze(2), None)

    def agreement(self, capsules_BKE: Tensor) -> Agreed:
        """Multiply each vote with the class capsule it is for; shape (B, K, N)."""
        return Agreed((capsules_BKE[:, :, None] @ self._votes_BKNE.mT).squeeze(2), None)

    def gradients(self, factors: list[Factor], iterations: int) -> tuple[Tensor, ...]:
        """Give the gradients of the bias and the votes."""
        batch, classes, capsules, _ = self._votes_BKNE.shape
        even_BKN = self._votes_BKNE.new_full((), 1 / classes).expand(batch, classes, capsules)
        left_BKNF = torch.stack([even_BKN if f.left is None else f.left for f in factors], dim=-1)
        right_BKFE = torch.stack([f.right_BKE for f in factors], dim=-2)
        return right_BKFE[:, :, :iterations].sum((0, 2)), left_BKNF @ right_BKFE


class SharedAnalyticVotes:
    """Votes by matrices that all positions of a type share, never computed one by one.

    What lies between products with the matrices and with the capsules is class-major for the former, image-major for
    the latter; a product reads either as it lies. X numbers of all types, Y images and types together.

    Args:
        primary_BTPD: Primary capsules.
        matrices_TDKE: A matrix for each type and class.
    """

    classes_along = 2

    def __init__(self, primary_BTPD: Tensor, matrices_TDKE: Tensor) -> None:
        self._images_and_types, self._types_and_size = primary_BTPD.shape[:2], matrices_TDKE.shape[:2]
        self._primary_YPD = primary_BTPD.flatten(0, 1)
        self._matrices_XKE = matrices_TDKE.flatten(0, 1)
        # A class's matrices one below the other, so that sums over types and numbers are one product.
        self._matrices_KXE = self._matrices_XKE.transpose(0, 1)

    def _image_major(self, stack_Y: Tensor) -> Tensor:
        return torch.unflatten(stack_Y, 0, self._images_and_types)

    def evenly(self) -> Weighted:
        """Sum the votes for each class; shape (B, K, E)."""
        inner_BX = self._image_major(self._primary_YPD.sum(1)).flatten(1)
        even_BG = inner_BX @ self._matrices_XKE.flatten(1)
        return Weighted(torch.unflatten(even_BG, 1, self._matrices_XKE.shape[1:]), inner_BX)

    def weighted_sum(self, coupling: Tensor) -> Weighted:
        """Sum the votes for each class capsule, weighted; couplings of shape (B, T, K, P)."""
        inner_YKD = torch.bmm(coupling.flatten(0, 1), self._primary_YPD)
        inner_KBX = self._image_major(inner_YKD).permute(2, 0, 1, 3).flatten(2)
        return Weighted(torch.bmm(inner_KBX, self._matrices_KXE).transpose(0, 1), inner_KBX)

    def agreement(self, capsules_BKE: Tensor) -> Agreed:
        """Multiply each vote with the class capsule it is for; shape (B, T, K, P)."""
        inner_KBX = torch.bmm(capsules_BKE.transpose(0, 1), self._matrices_KXE.mT)
        inner_YKD = torch.unflatten(inner_KBX, 2, self._types_and_size).flatten(1, 2).transpose(0, 1)
        return Agreed(self._image_major(torch.bmm(inner_YKD, self._primary_YPD.mT)), inner_YKD)

    def gradients(self, factors: list[Factor], iterations: int) -> tuple[Tensor, ...]:
        """Give the gradients of bias, primary capsules and matrices."""
        first, rest, classes = factors[0], factors[1:], len(self._matrices_KXE)
        even_BX = first.right_BKE.flatten(1) @ self._matrices_XKE.flatten(1).T
        on_primary_BTPD = torch.unflatten(even_BX, 1, self._types_and_size)[:, :, None]
        if rest:
            left_YGP = torch.cat([_held(f.left) for f in rest], dim=2).flatten(0, 1)
            agreed_YGD = torch.cat([_held(f.agreed) for f in rest], dim=1)
            product_BTPD = self._image_major(torch.bmm(left_YGP.mT, agreed_YGD))
            on_primary_BTPD = torch.add(product_BTPD, on_primary_BTPD, alpha=1 / classes)
        else:
            on_primary_BTPD = on_primary_BTPD / classes
        even_KBX = (_held(first.weighted) / classes).expand(classes, -1, -1)
        weighted_KGX = torch.cat([even_KBX, *(_held(f.weighted) for f in rest)], dim=1)
        right_KGE = torch.cat([f.right_BKE.transpose(0, 1) for f in factors], dim=1)
        on_matrices_XKE = torch.empty_like(self._matrices_XKE)
        torch.bmm(weighted_KGX.mT, right_KGE, out=on_matrices_XKE.transpose(0, 1))
        on_bias_KE = right_KGE[:, : iterations * len(even_BX)].sum(1)
        shape = *self._images_and_types, *self._primary_YPD.shape[1:]
        on_matrices_TDKE = torch.unflatten(on_matrices_XKE, 0, self._types_and_size)
        return on_bias_KE, on_primary_BTPD.expand(shape), on_matrices_TDKE


def route_analytically(
    form: type[AnalyticVotes], tensors: tuple[Tensor, ...], bias_KE: Tensor, iterations: int, squash: Squash
) -> Tensor:
    """Route primary capsules to class capsules by agreement; the same as ``routing.route`` from zero logits.

    Args:
        form: What the votes are held as.
        tensors: What the votes are made of.
        bias_KE: Added to the weighted sums.
        iterations: At least 1.
        squash: Bounds the class capsules' lengths.

    Returns:
        Class capsules, shape (B, K, E).
    """
    class_BKE: Tensor = _Route.apply(form, bias_KE, iterations, squash, *tensors)
    return class_BKE


class _Iteration(NamedTuple):
    """What the way back needs of an iteration but the first: how its couplings came about, and what they gave."""

    focus_BKE: Tensor
    agreed: Tensor | None
    coupling: Tensor
    weighted: Tensor | None
    capsules_BKE: Tensor
    lengths_BK1: Tensor
    divisors_BK1: Tensor


class _Route(Function):
    @staticmethod
    def forward(
        ctx: Any,
        form: type[AnalyticVotes],
        bias_KE: Tensor,
        iterations: int,
        squash: Squash,
        *tensors: Tensor,
    ) -> Tensor:
        votes = form(*tensors)
        even_BKE, even = votes.evenly()
        first = squash.forward(torch.add(bias_KE, even_BKE, alpha=1 / len(bias_KE)))
        class_BKE = focus_BKE = first.capsules
        passed: list[_Iteration] = []
        for iteration in range(1, iterations):
            logits, agreed = votes.agreement(focus_BKE)
            coupling = logits.softmax(votes.classes_along)
            summed_BKE, weighted = votes.weighted_sum(coupling)
            squashed = squash.forward(summed_BKE + bias_KE)
            passed.append(_Iteration(focus_BKE, agreed, coupling, weighted, *squashed))
            class_BKE = squashed.capsules
            if iteration + 1 < iterations:
                focus_BKE = focus_BKE + class_BKE
        held = [even, *first, *itertools.chain.from_iterable(passed)]
        ctx.save_for_backward(*tensors, *held)
        ctx.form, ctx.squash, ctx.inputs = form, squash, len(tensors)
        return class_BKE

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BKE: Tensor) -> tuple[Tensor | None, ...]:
        tensors, (even, *held) = ctx.saved_tensors[: ctx.inputs], ctx.saved_tensors[ctx.inputs :]
        first, rest = Squashed(*held[:3]), held[3:]
        passed = [
            _Iteration(*rest[i : i + len(_Iteration._fields)])
            for i in range(0, len(rest), len(_Iteration._fields))
        ]
        votes, squash = ctx.form(*tensors), ctx.squash
        sums: list[Factor] = []
        agreements: list[Factor] = []
        on_capsules, on_focus = gradient_BKE, None
        for focus_BKE, agreed, coupling, weighted, *squashed in reversed(passed):
            on_sum = squash.backward(on_capsules, Squashed(*squashed))
            on_coupling, inner = votes.agreement(on_sum)
            sums.append(Factor(coupling, on_sum, weighted, inner))
            on_logits = torch._softmax_backward_data(
                on_coupling, coupling, votes.classes_along, coupling.dtype
            )
            through_logits, inner = votes.weighted_sum(on_logits)
            agreements.append(Factor(on_logits, focus_BKE, inner, agreed))
            # The focus of an iteration is the sum of all class capsules before it.
            on_focus = through_logits if on_focus is None else on_focus + through_logits
            on_capsules = on_focus
        first_sum = Factor(None, squash.backward(on_capsules, first), even, None)
        on_bias_KE, *on_tensors = votes.gradients([first_sum, *sums, *agreements], len(passed) + 1)
        return None, on_bias_KE, None, None, *on_tensors


def _held(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor
