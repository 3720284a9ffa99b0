"""Optimizers: how gradients change the weights. The learning rate of every step comes from the policy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from typing_extensions import override

from dse.errors import RecipeError
from dse.recipe.learning_rate import Rates
from dse.section import OneOf, Section

Momentum = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class Optimizer(Section, ABC):
    """How a step changes the weights: a name, settings, and a label for people."""

    refusal = RecipeError

    name: str

    @property
    @abstractmethod
    def label(self) -> str:
        """The optimizer in a few words."""


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015).

    >>> Adam().label
    'Adam, betas 0.9 / 0.999'
    """

    name: Literal["adam"] = "adam"
    beta1: Momentum = Field(default=0.9, description="share of the past in the mean of the gradients")
    beta2: Momentum = Field(default=0.999, description="share of the past in the mean of their squares")

    @property
    @override
    def label(self) -> str:
        return f"Adam, betas {self.beta1:g} / {self.beta2:g}"


class ScheduleFree(Optimizer):
    """Schedule-free Adam (Defazio et al. 2024, "The road less scheduled", algorithm 1).

    Adam without momentum moves z by gradients taken at y = (1 - beta1) z + beta1 x, where x is the average of all z.
    The network is evaluated at x, which does the work of a falling rate.

    >>> ScheduleFree().label
    'schedule-free Adam'
    """

    name: Literal["schedule_free"] = "schedule_free"
    beta1: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = Field(
        default=0.9, description="share of the average in the point that gradients are taken at"
    )
    beta2: Momentum = Field(default=0.999, description="share of the past in the mean of squared gradients")

    @property
    @override
    def label(self) -> str:
        betas = "" if (self.beta1, self.beta2) == (0.9, 0.999) else f", betas {self.beta1:g} / {self.beta2:g}"
        return f"schedule-free Adam{betas}"

    def average_shares(self, rates: Rates) -> Rates:
        """Give the weight of each step's z in x: in proportion to the square of the highest rate so far.

        >>> ScheduleFree().average_shares(np.array([0.01, 0.01, 0.02]))
        array([1.        , 0.5       , 0.66666667])
        """
        weights = np.square(np.maximum.accumulate(rates))
        return weights / np.cumsum(weights)  # type: ignore[no-any-return]


class Muon(Optimizer):
    """Muon for the kernels of convolutions, Adam for all other weights (Jordan et al. 2024).

    A kernel of O output channels is a matrix of O rows. Its momentum is replaced by the nearest orthogonal matrix,
    times 0.2 sqrt(larger side), which makes an entry as large as Adam's would be (Liu et al. 2025, "Muon is scalable
    for LLM training", eq. 4): one learning rate suits both.

    >>> Muon().label
    'Muon'
    """

    name: Literal["muon"] = "muon"
    momentum: Momentum = Field(default=0.95, description="share of the past in the mean of the gradients")

    @property
    @override
    def label(self) -> str:
        return "Muon" + ("" if self.momentum == 0.95 else f", momentum {self.momentum:g}")


class Sgd(Optimizer):
    """Stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013).

    >>> Sgd().label
    'SGD, momentum 0.9'
    """

    name: Literal["sgd"] = "sgd"
    momentum: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = Field(
        default=0.9, description="share of a step that the next one repeats"
    )

    @property
    @override
    def label(self) -> str:
        return f"SGD, momentum {self.momentum:g}"


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": Adam,
    "schedule_free": ScheduleFree,
    "muon": Muon,
    "sgd": Sgd,
}

AnyOptimizer = Annotated[Optimizer, OneOf("name", OPTIMIZERS)]
