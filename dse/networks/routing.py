"""Routing by agreement, and the votes that it weighs.

Dimensions: B images of a batch, T capsule types, D numbers of a primary capsule, P positions of the grid,
N = T * P primary capsules, type-major; K classes, E numbers of a class capsule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

Squashing = Callable[[Tensor], Tensor]


class Votes(Protocol):
    """What every primary capsule says about every class capsule, held in whichever form is cheapest."""

    def weighted_sum(self, coupling_BKN: Tensor) -> Tensor:
        """Sum the votes for each class capsule, weighted; shape (B, K, E)."""

    def agreement(self, capsules_BKE: Tensor) -> Tensor:
        """Multiply each vote with the class capsule it is for; shape (B, K, N)."""


class OwnVotes:
    """Votes by matrices of each primary capsule's own, computed once.

    Args:
        primary_BND: Primary capsules.
        matrices_NDKE: A matrix for each primary capsule and class.
    """

    def __init__(self, primary_BND: Tensor, matrices_NDKE: Tensor) -> None:
        _, _, classes, size = matrices_NDKE.shape
        votes_NBx = torch.bmm(primary_BND.transpose(0, 1), matrices_NDKE.flatten(2))
        # One copy, after which every product below reads memory in order: a third less time (CPU, batch 128).
        votes_BKNE = torch.unflatten(votes_NBx, 2, (classes, size)).permute(1, 2, 0, 3).contiguous()
        # The product may have been in bfloat16; routing never is.
        self.votes_BKNE = votes_BKNE.to(primary_BND.dtype)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What routing reads: the votes themselves."""
        return (self.votes_BKNE,)

    def weighted_sum(self, coupling_BKN: Tensor) -> Tensor:
        """Sum the votes for each class capsule, weighted; shape (B, K, E)."""
        return torch.einsum("bkn,bkne->bke", coupling_BKN, self.votes_BKNE)

    def agreement(self, capsules_BKE: Tensor) -> Tensor:
        """Multiply each vote with the class capsule it is for; shape (B, K, N)."""
        return torch.einsum("bkne,bke->bkn", self.votes_BKNE, capsules_BKE)


class SharedVotes:
    """Votes by matrices that all positions of a type share, never computed one by one.

    As the matrix is the same at every position, the weighted sum over the positions comes first and the
    product after it, which takes P times fewer multiplications; likewise the agreement multiplies the class
    capsule by the matrix once a type.

    Args:
        primary_BND: Primary capsules, type-major.
        matrices_TDKE: A matrix for each type and class.
    """

    def __init__(self, primary_BND: Tensor, matrices_TDKE: Tensor) -> None:
        self.primary_BTPD = torch.unflatten(primary_BND, 1, (len(matrices_TDKE), -1))
        self.matrices_TDKE = matrices_TDKE

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What routing reads: capsules and matrices, of which no vote is ever made."""
        return self.primary_BTPD, self.matrices_TDKE

    def weighted_sum(self, coupling_BKN: Tensor) -> Tensor:
        """Sum the votes for each class capsule, weighted; shape (B, K, E)."""
        coupling_BKTP = torch.unflatten(coupling_BKN, 2, self.primary_BTPD.shape[1:3])
        summed_BKTD = torch.einsum("bktp,btpd->bktd", coupling_BKTP, self.primary_BTPD)
        return torch.einsum("bktd,tdke->bke", summed_BKTD, self.matrices_TDKE)

    def agreement(self, capsules_BKE: Tensor) -> Tensor:
        """Multiply each vote with the class capsule it is for; shape (B, K, N)."""
        wanted_BKTD = torch.einsum("tdke,bke->bktd", self.matrices_TDKE, capsules_BKE)
        return torch.einsum("btpd,bktd->bktp", self.primary_BTPD, wanted_BKTD).flatten(2)


def route(votes: Votes, logits_BKN: Tensor, bias_KE: Tensor, iterations: int, squash: Squashing) -> Tensor:
    """Route primary capsules to class capsules by agreement.

    Couplings are the softmax of the logits over the classes; agreement is added to the logits after each
    iteration but the last. Gradients flow through all iterations.

    Args:
        votes: What the primary capsules say.
        logits_BKN: Logits of the first iteration: zeros, for couplings that are all equal.
        bias_KE: Added to the weighted sums.
        iterations: At least 1.
        squash: Bounds the class capsules' lengths.

    Returns:
        Class capsules, shape (B, K, E).

    Source: Sabour et al. 2017, procedure 1.
    """
    for _ in range(iterations - 1):
        class_BKE = squash(votes.weighted_sum(logits_BKN.softmax(1)) + bias_KE)
        logits_BKN = logits_BKN + votes.agreement(class_BKE)
    return squash(votes.weighted_sum(logits_BKN.softmax(1)) + bias_KE)
