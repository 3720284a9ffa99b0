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
        left: Couplings, or the gradient of an agreement.
        right_BKE: The gradient of a weighted sum, or the focus.
        weighted: Inner part of ``left``'s weighted sum.
        agreed: Inner part of ``right_BKE``'s agreement.
    """

    left: Tensor
    right_BKE: Tensor
    weighted: Tensor | None
    agreed: Tensor | None


class AnalyticVotes(Protocol):
    """Votes without a graph, in whichever form is cheapest.

    Attributes:
        classes_along: Dimension of the classes in couplings and agreements.
    """

    classes_along: int

    def evenly(self) -> Tensor:
        """Sum the votes for each class; shape (B, K, E)."""

    def weighted_sum(self, coupling: Tensor) -> Weighted:
        """Sum the votes for each class capsule, weighted."""

    def agreement(self, capsules_BKE: Tensor) -> Agreed:
        """Multiply each vote with the class capsule it is for."""

    def gradients(self, factors: list[Factor], even_BKE: Tensor) -> tuple[Tensor, ...]:
        """Give the gradients of the tensors that the votes were made of.

        Args:
            factors: All but the even sum's.
            even_BKE: Gradient of the even sum.
        """


class OwnAnalyticVotes:
    """Votes by matrices of each primary capsule's own.

    Args:
        votes_BKNE: The votes, from ``routing.OwnVotes``.
    """

    classes_along = 1

    def __init__(self, votes_BKNE: Tensor) -> None:
        self._votes_BKNE = votes_BKNE

    def evenly(self) -> Tensor:
        """Sum the votes for each class; shape (B, K, E)."""
        return self._votes_BKNE.sum(2)

    def weighted_sum(self, coupling: Tensor) -> Weighted:
        """Sum the votes for each class capsule, weighted; couplings of shape (B, K, N)."""
        return Weighted((coupling[:, :, None] @ self._votes_BKNE).squeeze(2), None)

    def agreement(self, capsules_BKE: Tensor) -> Agreed:
        """Multiply each vote with the class capsule it is for; shape (B, K, N)."""
        return Agreed((capsules_BKE[:, :, None] @ self._votes_BKNE.mT).squeeze(2), None)

    def gradients(self, factors: list[Factor], even_BKE: Tensor) -> tuple[Tensor, ...]:
        """Give the gradient of the votes."""
        ones_BKN = even_BKE.new_ones(()).expand(self._votes_BKNE.shape[:3])
        left_BKNF = torch.stack([ones_BKN, *(factor.left for factor in factors)], dim=-1)
        right_BKFE = torch.stack([even_BKE, *(factor.right_BKE for factor in factors)], dim=-2)
        return (left_BKNF @ right_BKFE,)


class SharedAnalyticVotes:
    """Votes by matrices that all positions of a type share, never computed one by one.

    Args:
        primary_BTPD: Primary capsules.
        matrices_TDKE: A matrix for each type and class.
    """

    classes_along = 2

    def __init__(self, primary_BTPD: Tensor, matrices_TDKE: Tensor) -> None:
        self._primary_BTPD = primary_BTPD
        self._matrices_TDKE = matrices_TDKE
        # A class's matrices one below the other, so that sums over types and numbers are one product.
        self._matrices_XG = matrices_TDKE.flatten(0, 1).flatten(1)
        self._stacked_KXE = matrices_TDKE.flatten(0, 1).transpose(0, 1).contiguous()

    def evenly(self) -> Tensor:
        """Sum the votes for each class; shape (B, K, E)."""
        summed_BX = self._primary_BTPD.sum(2).flatten(1)
        return torch.unflatten(summed_BX @ self._matrices_XG, 1, self._matrices_TDKE.shape[2:])

    def weighted_sum(self, coupling: Tensor) -> Weighted:
        """Sum the votes for each class capsule, weighted; couplings of shape (B, T, K, P)."""
        inner_KBX = (coupling @ self._primary_BTPD).permute(2, 0, 1, 3).flatten(2)
        return Weighted(torch.bmm(inner_KBX, self._stacked_KXE).transpose(0, 1), inner_KBX)

    def agreement(self, capsules_BKE: Tensor) -> Agreed:
        """Multiply each vote with the class capsule it is for; shape (B, T, K, P)."""
        inner_BTKD = self._wanted(capsules_BKE)
        return Agreed(inner_BTKD @ self._primary_BTPD.mT, inner_BTKD)

    def _wanted(self, capsules_BKE: Tensor) -> Tensor:
        wanted_KBX = torch.bmm(capsules_BKE.transpose(0, 1), self._stacked_KXE.mT)
        wanted_KBTD = torch.unflatten(wanted_KBX, 2, self._matrices_TDKE.shape[:2])
        return wanted_KBTD.permute(1, 2, 0, 3).contiguous()

    def gradients(self, factors: list[Factor], even_BKE: Tensor) -> tuple[Tensor, ...]:
        """Give the gradients of primary capsules and matrices."""
        summed_BX = self._primary_BTPD.sum(2).flatten(1)
        types_and_size = self._matrices_TDKE.shape[:2]
        even_KBE = even_BKE.transpose(0, 1)
        matrix_gradient_KXE = torch.matmul(summed_BX.T, even_KBE)
        even_BTD = torch.unflatten(even_BKE.flatten(1) @ self._matrices_XG.T, 1, types_and_size)
        primary_gradient_BTPD = even_BTD[:, :, None].expand(self._primary_BTPD.shape)
        if factors:
            left_BTGP = torch.cat([factor.left for factor in factors], dim=2)
            agreed_BTGD = torch.cat([factor.agreed for factor in factors if factor.agreed is not None], dim=2)
            primary_gradient_BTPD = primary_gradient_BTPD + left_BTGP.mT @ agreed_BTGD
            weighted_KGX = torch.cat([f.weighted for f in factors if f.weighted is not None], dim=1)
            right_KGE = torch.cat([factor.right_BKE.transpose(0, 1) for factor in factors], dim=1)
            matrix_gradient_KXE = torch.baddbmm(matrix_gradient_KXE, weighted_KGX.mT, right_KGE)
        matrix_gradient_TDKE = torch.unflatten(matrix_gradient_KXE.transpose(0, 1), 0, types_and_size)
        return primary_gradient_BTPD, matrix_gradient_TDKE


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
        first = squash.forward(torch.add(bias_KE, votes.evenly(), alpha=1 / len(bias_KE)))
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
        held = [*first, *itertools.chain.from_iterable(passed)]
        ctx.save_for_backward(*tensors, *held)
        ctx.form, ctx.squash, ctx.classes, ctx.inputs = form, squash, len(bias_KE), len(tensors)
        return class_BKE

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BKE: Tensor) -> tuple[Tensor | None, ...]:
        tensors, held = ctx.saved_tensors[: ctx.inputs], ctx.saved_tensors[ctx.inputs :]
        first, rest = Squashed(*held[:3]), held[3:]
        passed = [
            _Iteration(*rest[i : i + len(_Iteration._fields)])
            for i in range(0, len(rest), len(_Iteration._fields))
        ]
        votes, squash = ctx.form(*tensors), ctx.squash
        factors: list[Factor] = []
        sums: list[Tensor] = []
        on_capsules, on_focus = gradient_BKE, None
        for focus_BKE, agreed, coupling, weighted, *squashed in reversed(passed):
            on_sum = squash.backward(on_capsules, Squashed(*squashed))
            on_coupling, inner = votes.agreement(on_sum)
            factors.append(Factor(coupling, on_sum, weighted, inner))
            on_logits = torch._softmax_backward_data(
                on_coupling, coupling, votes.classes_along, coupling.dtype
            )
            through_logits, inner = votes.weighted_sum(on_logits)
            factors.append(Factor(on_logits, focus_BKE, inner, agreed))
            # The focus of an iteration is the sum of all class capsules before it.
            on_focus = through_logits if on_focus is None else on_focus + through_logits
            on_capsules = on_focus
            sums.append(on_sum)
        on_sum = squash.backward(on_capsules, first)
        sums.append(on_sum)
        on_bias = torch.stack(sums).sum((0, 1))
        return None, on_bias, None, None, *votes.gradients(factors, on_sum / ctx.classes)
