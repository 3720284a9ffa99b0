"""Initialisation: what weights begin with, where there is a choice."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from dse.errors import RecipeError
from dse.section import Section


class Initialisation(Section):
    """Standard deviation of the class-capsule matrices, drawn from a normal distribution around 0.

    A class capsule is the sum, over all primary capsules, of vote times coupling. Matrices of each capsule's own make
    the votes independent, and the variance of a sum over the P positions of a type is P times that of one vote. A
    matrix that the positions share makes their votes alike where the capsules are, as they are at the start of
    training; then the variance is up to P^2 times, the standard deviation up to sqrt(P) times that of matrices of
    their own. Class capsules grow so long that all classes saturate, and some policies never leave chance.
    ``balanced`` takes this factor back: 1 / sqrt(P) where matrices are shared (1/6 on the 6x6 grid of MNIST), else 1.

    >>> Initialisation(class_matrices="balanced").deviation(shared_positions=36)
    0.16666666666666666
    """

    refusal = RecipeError

    class_matrices: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] | Literal["balanced"] = Field(
        default=1.0,
        description="standard deviation; 1 is the paper's; balanced: 1 / sqrt(positions that share a matrix)",
    )

    @property
    def label(self) -> str:
        """The standard deviation in a few words."""
        deviation = self.class_matrices
        return "balanced start" if deviation == "balanced" else f"start ±{deviation:g}"

    def deviation(self, shared_positions: int) -> float:
        """Give the standard deviation.

        Args:
            shared_positions: Positions that share a matrix; 1 if none do.
        """
        if self.class_matrices == "balanced":
            return 1 / math.sqrt(shared_positions)
        return self.class_matrices
