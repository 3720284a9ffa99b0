"""Batch schedules: which batch size each epoch trains with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import override

from dse.errors import RecipeError
from dse.section import OneOf, Section

Size = Annotated[int, Field(ge=1)]


class Stage(Section):
    """Some epochs at one batch size."""

    refusal = RecipeError

    epochs: Annotated[int, Field(ge=1)] | Literal["rest"] = Field(
        description="epochs of the stage, or rest: all that remain (last stage only)"
    )
    size: Size = Field(description="images a step")


class Schedule(Section, ABC):
    """What all batch schedules share."""

    refusal = RecipeError

    schedule: str

    @abstractmethod
    def stages_over(self, epochs: int) -> tuple[tuple[int, int], ...]:
        """Give the (epochs, batch size) pairs that begin within a run of so many epochs.

        The last one may reach past the end of the run: it is then cut short, but a cosine spread over it
        still has its full length.

        Raises:
            ValueError: The stages end before the run does.
        """

    @property
    @abstractmethod
    def label(self) -> str:
        """A few characters for tables and legends."""


class Constant(Schedule):
    """One batch size throughout.

    >>> Constant(size=128).stages_over(30)
    ((30, 128),)
    """

    schedule: Literal["constant"] = "constant"
    size: Size = Field(default=128, description="images a step")

    @override
    def stages_over(self, epochs: int) -> tuple[tuple[int, int], ...]:
        return ((epochs, self.size),)

    @property
    @override
    def label(self) -> str:
        return str(self.size)


class Stages(Schedule):
    """A list of stages.

    >>> Stages(stages=(Stage(epochs=3, size=1), Stage(epochs="rest", size=16))).stages_over(30)
    ((3, 1), (27, 16))
    """

    schedule: Literal["stages"] = "stages"
    stages: Annotated[
        tuple[Stage, ...], Field(min_length=1, strict=False, description="in the order of training")
    ]

    @model_validator(mode="after")
    def _rest_comes_last(self) -> Stages:
        if any(stage.epochs == "rest" for stage in self.stages[:-1]):
            raise ValueError(
                "epochs: rest stands before the last stage, which leaves nothing for it. Give a number."
            )
        return self

    @override
    def stages_over(self, epochs: int) -> tuple[tuple[int, int], ...]:
        begun: list[tuple[int, int]] = []
        done = 0
        for stage in self.stages:
            if done >= epochs:
                return tuple(begun)
            length = epochs - done if stage.epochs == "rest" else stage.epochs
            begun.append((length, stage.size))
            done += length
        if done < epochs:
            raise ValueError(
                f"the stages cover {done} epochs, but the recipe trains for epochs={epochs}. "
                "Lengthen the last stage, or give it epochs: rest."
            )
        return tuple(begun)

    @property
    @override
    def label(self) -> str:
        """The sizes with their epochs, as in ``1 (3 ep) → 16``."""
        *earlier, last = self.stages
        return "".join(f"{stage.size} ({stage.epochs} ep) → " for stage in earlier) + str(last.size)


class AdaBatch(Schedule):
    """A batch size that grows by a factor every period (Devarakonda et al. 2017).

    >>> AdaBatch(start=16, growth=2, period=10).stages_over(25)
    ((10, 16), (10, 32), (10, 64))
    """

    schedule: Literal["adabatch"] = "adabatch"
    start: Size = Field(default=16, description="batch size of the first period")
    growth: Annotated[int, Field(ge=2)] = Field(default=2, description="factor between two periods")
    period: Annotated[int, Field(ge=1)] = Field(default=10, description="epochs of a period")

    @override
    def stages_over(self, epochs: int) -> tuple[tuple[int, int], ...]:
        periods = -(-epochs // self.period)
        return tuple((self.period, self.start * self.growth**i) for i in range(periods))

    @property
    @override
    def label(self) -> str:
        """Start, growth and period, as in ``16 ×2 every 10 ep``."""
        return f"{self.start} ×{self.growth} every {self.period} ep"


SCHEDULES: dict[str, type[Schedule]] = {"constant": Constant, "stages": Stages, "adabatch": AdaBatch}

BatchSize = Annotated[Schedule, OneOf("schedule", SCHEDULES)]
