"""Averaging: whether a network is evaluated at its last weights, or at a mean of the weights so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from typing_extensions import override

from dse.errors import RecipeError
from dse.section import OneOf, Section


class Averaging(Section, ABC):
    """What all ways of averaging share."""

    refusal = RecipeError

    name: str

    @property
    @abstractmethod
    def label(self) -> str:
        """The averaging in a few words."""

    @abstractmethod
    def average_shares(self, images_seen: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """Give the weight of each step's result in the mean; None if there is no mean.

        Args:
            images_seen: After each step, shape (total_steps,).
        """


class NoAveraging(Averaging):
    """The last weights are evaluated.

    >>> NoAveraging().label
    'no averaging'
    """

    name: Literal["none"] = "none"

    @property
    @override
    def label(self) -> str:
        return "no averaging"

    @override
    def average_shares(self, images_seen: NDArray[np.int64]) -> None:
        return None


class ExponentialAveraging(Averaging):
    """An exponential moving average whose half-life grows with the run: a share of the images seen so far.

    After a step of B images the past counts d = 0.5 ^ (B / (half_life x images seen)), and the mean moves by
    (1 - d) / (1 - product of all d) towards the weights, which frees it of its bias to the start as Adam's means are
    freed of theirs. A half-life of a fixed number of images would average too much early or too little late.

    >>> ExponentialAveraging(half_life=0.5).average_shares(np.array([32, 64, 96])).round(3)
    array([1.   , 0.571, 0.402])
    """

    name: Literal["exponential"] = "exponential"
    half_life: float = Field(
        default=0.05,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="share of the images seen so far after which weights count half as much",
    )

    @property
    @override
    def label(self) -> str:
        return f"averaged over {self.half_life:.3g} of the images"

    @override
    def average_shares(self, images_seen: NDArray[np.int64]) -> NDArray[np.float64]:
        halvings = np.diff(images_seen, prepend=0) / (self.half_life * images_seen)
        # expm1 keeps the small differences from 1 exact.
        log_kept = -np.log(2) * halvings
        return np.expm1(log_kept) / np.expm1(np.cumsum(log_kept))  # type: ignore[no-any-return]


AVERAGINGS: dict[str, type[Averaging]] = {"none": NoAveraging, "exponential": ExponentialAveraging}

AnyAveraging = Annotated[Averaging, OneOf("name", AVERAGINGS)]
