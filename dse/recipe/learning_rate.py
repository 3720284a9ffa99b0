"""Learning-rate policies: settings in, one learning rate for every step out.

A policy is a frozen set of numbers with one pure method, ``rates``. The same array feeds the optimizer,
the plot and the test. Source of every formula: Marchisio et al. 2019 and their released code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, model_validator
from typing_extensions import override

from dse.errors import RecipeError
from dse.recipe.limits import MOST_CYCLES, MOST_EPOCHS, within
from dse.section import Later, OneOf, Section

Rates = NDArray[np.float64]

Rate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The steps of a run, as a policy sees them.

    Attributes:
        epoch_steps: Steps of each epoch of the run.
        stage_steps: Steps of each stage of the batch schedule, in full: the last stages may reach past
            the end of the run.
    """

    epoch_steps: tuple[int, ...]
    stage_steps: tuple[int, ...]

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return sum(self.epoch_steps)

    def step_at(self, epochs: float) -> int:
        """Steps done after a number of epochs, which may be a fraction.

        Past the end, every epoch is as long as the last one.

        >>> Timeline((10, 4), (10, 4)).step_at(1.5)
        12
        """
        done = min(int(epochs), len(self.epoch_steps))
        following = self.epoch_steps[done] if done < len(self.epoch_steps) else self.epoch_steps[-1]
        return sum(self.epoch_steps[:done]) + round((epochs - done) * following)


class Policy(Section, ABC):
    """What all policies share: a base rate, and learning rates that stay within bounds."""

    refusal = RecipeError

    base_rate: Rate = Field(
        default=0.001, description="learning rate that the policy starts from or returns to"
    )
    warmup_images: Annotated[int, Later()] = Field(
        default=0,
        ge=0,
        le=10**12,
        description="images over which the learning rate is raised to the policy's; 0: none",
    )
    policy: str

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest learning rate that the policy can give."""
        return self.base_rate, self.base_rate

    @property
    @abstractmethod
    def label(self) -> str:
        """The policy in a few words."""

    @abstractmethod
    def rates(self, timeline: Timeline) -> Rates:
        """Give the learning rate of every step, in the order of the steps; shape (total_steps,)."""


class Fixed(Policy):
    """The base rate throughout.

    >>> Fixed(base_rate=0.001).rates(Timeline((2,), (2,)))
    array([0.001, 0.001])
    """

    policy: Literal["fixed"] = "fixed"

    @property
    @override
    def label(self) -> str:
        """The policy and its rate, as in ``fixed 0.001``."""
        return f"fixed {self.base_rate:g}"

    @override
    def rates(self, timeline: Timeline) -> Rates:
        return np.full(timeline.total_steps, self.base_rate)


class ExponentialDecay(Policy):
    """The base rate, multiplied by ``decay_rate`` every ``decay_steps`` steps, smoothly or in stairs.

    >>> ExponentialDecay(base_rate=0.001).rates(Timeline((4001,), (4001,)))[[0, 4000]]
    array([0.001  , 0.00096])
    """

    policy: Literal["exponential_decay"] = "exponential_decay"
    decay_rate: float = Field(
        default=0.96, gt=0, le=1, allow_inf_nan=False, description="factor of one decay"
    )
    decay_steps: int = Field(default=4000, ge=1, le=10**9, description="steps between two decays")
    staircase: bool = Field(default=False, description="decay in stairs instead of smoothly")

    @property
    @override
    def label(self) -> str:
        """As in ``exponential decay 0.001``."""
        return f"exponential decay {self.base_rate:g}{' in stairs' if self.staircase else ''}"

    @property
    @override
    def bounds(self) -> tuple[float, float]:
        """From 0, which is never reached, to the base rate."""
        return 0.0, self.base_rate

    @override
    def rates(self, timeline: Timeline) -> Rates:
        """``r * decay_rate ** (s / decay_steps)``, the exponent rounded down for a staircase."""
        decays = np.arange(timeline.total_steps) / self.decay_steps
        return self.base_rate * self.decay_rate ** (np.floor(decays) if self.staircase else decays)


class OneCycle(Policy):
    """Up to the peak, back to the base rate, then down to the final rate, along straight lines.

    >>> OneCycle(base_rate=0.001).rates(Timeline((20,), (20,)))[[0, 9, 18]]
    array([0.001, 0.01 , 0.001])
    """

    policy: Literal["one_cycle"] = "one_cycle"
    peak_ratio: float = Field(
        default=10.0, ge=1, le=1e6, allow_inf_nan=False, description="peak rate / base rate"
    )
    final_ratio: float = Field(
        default=0.1, gt=0, le=1, allow_inf_nan=False, description="final rate / base rate"
    )

    @property
    @override
    def label(self) -> str:
        """As in ``one cycle 0.001 to 0.01``."""
        return f"one cycle {self.base_rate:g} to {self.base_rate * self.peak_ratio:g}"

    @property
    @override
    def bounds(self) -> tuple[float, float]:
        """Final rate and peak rate."""
        return self.base_rate * self.final_ratio, self.base_rate * self.peak_ratio

    @override
    def rates(self, timeline: Timeline) -> Rates:
        """Linear between the corners at 0, 45, 90 and 100 % of all steps."""
        progress = np.arange(timeline.total_steps) / timeline.total_steps
        low, high = self.bounds
        return np.interp(progress, (0.0, 0.45, 0.9, 1.0), (self.base_rate, high, self.base_rate, low))


class WarmRestarts(Policy):
    """From the peak to the base rate along half a cosine, again and again.

    A cycle lasts a number of epochs, each next one longer by the multiplier, or exactly one stage of the
    batch schedule (``per_stage``, the paper's WarmAdaBatch). Source: Loshchilov & Hutter 2017, eq. 5.

    >>> WarmRestarts(base_rate=0.001, cycle_epochs=1).rates(Timeline((2, 2), (4,)))
    array([0.01  , 0.0055, 0.01  , 0.0055])
    """

    policy: Literal["warm_restarts"] = "warm_restarts"
    peak_ratio: float = Field(
        default=10.0, ge=1, le=1e6, allow_inf_nan=False, description="peak rate / base rate"
    )
    cycle_epochs: (
        Annotated[float, Field(gt=0, le=MOST_EPOCHS, allow_inf_nan=False)] | Literal["per_stage"]
    ) = Field(
        default=10.0,
        description="epochs of the first cycle, or per_stage: one cycle a stage of the batch schedule",
    )
    cycle_multiplier: float = Field(
        default=1.0,
        ge=1,
        le=1e3,
        allow_inf_nan=False,
        description="length of a cycle / length of the one before",
    )

    @model_validator(mode="after")
    def _multiplier_needs_epochs(self) -> WarmRestarts:
        if self.cycle_epochs == "per_stage" and self.cycle_multiplier != 1:
            raise ValueError(
                f"cycle_multiplier={self.cycle_multiplier} has no meaning with cycle_epochs: per_stage, whose "
                "cycles are as long as the stages. Leave it out."
            )
        return self

    @property
    @override
    def label(self) -> str:
        """As in ``warm restarts 0.01 to 0.001 per stage``."""
        when = "per stage" if self.cycle_epochs == "per_stage" else f"every {self.cycle_epochs:g} ep"
        longer = "" if self.cycle_multiplier == 1 else f" ×{self.cycle_multiplier:g}"
        return f"warm restarts {self.base_rate * self.peak_ratio:g} to {self.base_rate:g} {when}{longer}"

    @property
    @override
    def bounds(self) -> tuple[float, float]:
        """Base rate and peak rate."""
        return self.base_rate, self.base_rate * self.peak_ratio

    def cycle_steps(self, timeline: Timeline) -> list[int]:
        """Length of each cycle that begins within the run, in steps."""
        if self.cycle_epochs == "per_stage":
            return list(timeline.stage_steps)
        lengths: list[int] = []
        done, total, end, length = 0, timeline.total_steps, 0.0, self.cycle_epochs
        while done < total:
            if len(lengths) == MOST_CYCLES:
                raise RecipeError(
                    f"learning_rate.cycle_epochs={self.cycle_epochs:g} gives more than {MOST_CYCLES:,} cycles over "
                    f"{total:,} steps. Make them longer."
                )
            end += length
            length *= self.cycle_multiplier
            lengths.append(max(1, timeline.step_at(end) - done))
            done += lengths[-1]
        return lengths

    @override
    def rates(self, timeline: Timeline) -> Rates:
        """``r + (peak - r) / 2 * (1 + cos(pi * t / T))``, t steps into a cycle of T steps."""
        low, high = self.bounds
        lengths = self.cycle_steps(timeline)
        begun = zip(within(lengths, timeline.total_steps), lengths, strict=True)
        position = np.concatenate([np.arange(kept) / length for kept, length in begun])
        return low + (high - low) / 2 * (1 + np.cos(np.pi * position))


POLICIES: dict[str, type[Policy]] = {
    "fixed": Fixed,
    "exponential_decay": ExponentialDecay,
    "one_cycle": OneCycle,
    "warm_restarts": WarmRestarts,
}


class UnknownPolicy(Policy):
    """A policy in a record, of a package that is not loaded: it can be shown, not followed."""

    model_config = ConfigDict(extra="allow")

    policy: str

    @property
    @override
    def label(self) -> str:
        more = (f"{key} {value}" for key, value in (self.model_extra or {}).items())
        return ", ".join([f"{self.policy} {self.base_rate:g}", *more])

    @override
    def rates(self, timeline: Timeline) -> Rates:
        raise RecipeError(
            f"learning_rate.policy={self.policy!r} is unknown here. Install the package that offers it."
        )


LearningRate = Annotated[Policy, OneOf("policy", POLICIES, "dse.policies", UnknownPolicy)]


def rate_finder(steps: int) -> Rates:
    """Give the learning rates of a search for a usable range: ``10 ** (s / 100 - 6)``.

    >>> rate_finder(601)[[0, 300, 600]]
    array([1.e-06, 1.e-03, 1.e+00])
    """
    return 10.0 ** (np.arange(steps) / 100 - 6)
