"""Batch schedules: which batch size each epoch trains with."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator
from typing_extensions import override

from dse.errors import RecipeError
from dse.recipe.limits import LARGEST_BATCH, LARGEST_GROWTH, MOST_EPOCHS
from dse.section import Later, OneOf, Section

Size = Annotated[int, Field(ge=1, le=LARGEST_BATCH)]
Epochs = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
Growth = Annotated[int, Field(ge=2, le=LARGEST_GROWTH)]
WithinEpochs = Annotated[bool, Later(), Field(description="grow where it is due, within an epoch")]


class Stage(Section):
    """Some epochs at one batch size.

    >>> Stages(stages=(Stage(epochs=1, size=8), Stage(epochs="rest", size=64))).stages_over(10)
    ((1, 8), (9, 64))
    """

    refusal = RecipeError

    epochs: Epochs | Literal["rest"] = Field(
        description="epochs of the stage, or rest: all that remain (last stage only)"
    )
    size: Size = Field(description="images a step")


class Schedule(Section, ABC):
    """What all batch schedules share.

    Attributes:
        cuts_rate: Whether the schedule lowers the learning rate itself, which leaves the policy nothing to do.
    """

    refusal = RecipeError
    cuts_rate: ClassVar[bool] = False

    schedule: str

    @abstractmethod
    def stages_over(self, epochs: int) -> tuple[tuple[float, int], ...]:
        """Give the (epochs, batch size) pairs that begin within a run of this many epochs, whole or parts of one.

        The last one may reach past the end of the run: it is then cut short, but a cosine spread over it
        still has its full length.

        Raises:
            ValueError: The stages end before the run does.
        """

    def check(self, epochs: int) -> None:
        """Refuse a run that the stages do not cover, and batches beyond all bounds.

        Raises:
            ValueError: The stages end before the run does, or a batch is too large.
        """
        if any(size > LARGEST_BATCH for _, size in self.stages_over(epochs)):
            raise ValueError(f"it grows beyond {LARGEST_BATCH:,} images. Grow less, or less often.")

    def rate_multiples(self, stages: int) -> tuple[float, ...]:
        """Give what the policy's rate is multiplied by in each of the first stages."""
        return (1.0,) * stages

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
        tuple[Stage, ...],
        Field(min_length=1, max_length=1_000, strict=False, description="in the order of training"),
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
    growth: Growth = Field(default=2, description="factor between two periods")
    period: Epochs = Field(default=10, description="epochs of a period")

    @override
    def stages_over(self, epochs: int) -> tuple[tuple[int, int], ...]:
        stages, size = [], self.start
        for _ in range(-(-epochs // self.period)):
            stages.append((self.period, size))
            # Beyond this it is refused; the numbers would go on growing for every further period.
            size = min(size * self.growth, LARGEST_BATCH + 1)
        return tuple(stages)

    @property
    @override
    def label(self) -> str:
        """Start, growth and period, as in ``16 ×2 every 10 ep``."""
        return f"{self.start} ×{self.growth} every {self.period} ep"


class Growing(Schedule):
    """A batch size that grows by a factor at shares of the run's images, so that runs of any length grow alike.

    A share means the end of an epoch that is nearest to it or, within epochs, the nearest whole batch.

    >>> Growing(start=32, growth=4, at=(0.2, 0.5)).stages_over(10)
    ((2, 32), (3, 128), (5, 512))
    >>> Growing(start=32, at=(0.25,), within_epochs=True).stages_over(2)
    ((0.5, 32), (1.5, 64))
    """

    schedule: Literal["growing"] = "growing"
    start: Size = Field(default=32, description="batch size at the start")
    growth: Growth = Field(default=2, description="factor at each share")
    at: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1)], ...],
        Field(
            min_length=1,
            max_length=100,
            strict=False,
            description="shares of the run's images after which it grows",
        ),
    ] = (0.5,)
    within_epochs: WithinEpochs = False

    @override
    def stages_over(self, epochs: int) -> tuple[tuple[float, int], ...]:
        return _grown(self.start, self.growth, self.at, epochs, self.within_epochs)

    @property
    @override
    def label(self) -> str:
        """Start, growth and shares, as in ``32 ×4 at 20, 50 %``."""
        shares = ", ".join(f"{100 * share:g}" for share in self.at)
        return f"{self.start} ×{self.growth} at {shares} %{' within epochs' if self.within_epochs else ''}"


class Seesaw(Schedule):
    """Where a cosine would have divided the rate by a factor, the batch grows by it and the rate falls by its root.

    Under Adam both lower the noise of a step alike, but larger batches take fewer steps. The cosine is the one that
    falls to 0 at the end of the run; after the last cut, rate and batch stay. A cut moves to the nearest end of an
    epoch or, within epochs, to the nearest whole batch. Source: Meterez et al. 2025, arXiv 2510.14717.

    >>> Seesaw(start=32, growth=2, cuts=2).stages_over(30)
    ((15, 32), (5, 64), (10, 128))
    """

    cuts_rate = True

    schedule: Literal["seesaw"] = "seesaw"
    start: Size = Field(default=32, description="batch size at the start")
    growth: Growth = Field(
        default=2, description="factor of the batch at each cut; the rate is divided by its root"
    )
    cuts: Annotated[int, Field(ge=1, le=10)] = Field(default=2, description="how many times the rate is cut")
    within_epochs: WithinEpochs = False

    @override
    def stages_over(self, epochs: int) -> tuple[tuple[float, int], ...]:
        # (1 + cos(pi p)) / 2 = growth ** -i
        shares = [math.acos(2 * self.growth**-i - 1) / math.pi for i in range(1, self.cuts + 1)]
        return _grown(self.start, self.growth, shares, epochs, self.within_epochs)

    @override
    def rate_multiples(self, stages: int) -> tuple[float, ...]:
        return tuple(self.growth ** (-i / 2) for i in range(stages))

    @property
    @override
    def label(self) -> str:
        """Start, growth and cuts, as in ``seesaw 32 ×2, 3 cuts``."""
        cuts = (
            f"{self.cuts} cut{'' if self.cuts == 1 else 's'}{' within epochs' if self.within_epochs else ''}"
        )
        return f"seesaw {self.start} ×{self.growth}, {cuts}"


def _grown(
    start: int, growth: int, shares: Sequence[float], epochs: int, within_epochs: bool
) -> tuple[tuple[float, int], ...]:
    """Let a size grow at shares of the run, or at the ends of epochs that are nearest to them."""
    grown = [share * epochs if within_epochs else round(share * epochs) for share in shares]
    lengths = [end - begin for begin, end in pairwise([0, *grown, epochs])]
    for i, length in enumerate(lengths):
        if length <= 0:
            raise ValueError(
                f"of {epochs} epochs none is left for batches of {start * growth**i}, from "
                f"{([0.0, *shares])[i]:.3g} to {([*shares, 1.0])[i]:.3g} of the run. "
                "Grow less often, further apart, or train more epochs."
            )
    return tuple((length, start * growth**i) for i, length in enumerate(lengths))


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "stages": Stages,
    "adabatch": AdaBatch,
    "growing": Growing,
    "seesaw": Seesaw,
}


class UnknownSchedule(Schedule):
    """A batch schedule in a record, of a package that is not loaded: it can be shown, not followed."""

    model_config = ConfigDict(extra="allow")

    schedule: str

    @property
    @override
    def label(self) -> str:
        return ", ".join(
            [self.schedule, *(f"{key} {value}" for key, value in (self.model_extra or {}).items())]
        )

    @override
    def check(self, epochs: int) -> None:
        pass

    @override
    def stages_over(self, epochs: int) -> tuple[tuple[int, int], ...]:
        raise RecipeError(
            f"batch_size.schedule={self.schedule!r} is unknown here. Install the package that offers it."
        )


BatchSize = Annotated[Schedule, OneOf("schedule", SCHEDULES, "dse.schedules", UnknownSchedule)]
