"""Losses: what training makes small. The reconstruction's part is the same for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import override

from dse.errors import RecipeError
from dse.section import OneOf, Section

RECONSTRUCTION_WEIGHT = 0.0005


class Loss(Section, ABC):
    """What all losses share: the weight of the decoder's squared errors."""

    refusal = RecipeError

    name: str
    reconstruction_weight: float = Field(
        default=RECONSTRUCTION_WEIGHT,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="weight of the squared reconstruction errors, summed over the pixels",
    )

    @property
    def label(self) -> str:
        """The loss in a few words."""
        weight = self.reconstruction_weight
        return self.kind + ("" if weight == RECONSTRUCTION_WEIGHT else f", reconstruction {weight:g}")

    @property
    @abstractmethod
    def kind(self) -> str:
        """What is asked of the class capsules, in a few words."""


class Margin(Loss):
    """The true class capsule longer than 0.9, the others shorter than 0.1 (Sabour et al. 2017, eq. 4).

    >>> Margin().label
    'margin loss'
    """

    name: Literal["margin"] = "margin"

    @property
    @override
    def kind(self) -> str:
        return "margin loss"


class CrossEntropy(Loss):
    """Cross-entropy of the softmax over the class capsules' lengths, times a scale.

    Lengths lie between 0 and 1, so without a scale the softmax of ten classes could not exceed e / (e + 9) = 0.23.

    >>> CrossEntropy(scale=10).label
    'cross-entropy of 10 × length'
    """

    name: Literal["cross_entropy"] = "cross_entropy"
    scale: float = Field(
        default=10.0,
        gt=0,
        le=1000,
        allow_inf_nan=False,
        description="factor of the lengths before the softmax",
    )

    @property
    @override
    def kind(self) -> str:
        return f"cross-entropy of {self.scale:g} × length"


LOSSES: dict[str, type[Loss]] = {"margin": Margin, "cross_entropy": CrossEntropy}

AnyLoss = Annotated[Loss, OneOf("name", LOSSES)]
