"""A search space: a recipe with open values, the data, the objectives and the budget of a study."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dse.data.choice import DataChoice, DataSection
from dse.data.datasets import Protocol
from dse.errors import RecipeError, SpaceError
from dse.files import write_yaml
from dse.recipe.plan import Plan, compile_plan
from dse.recipe.recipe import Precision, Recipe, parse_recipe
from dse.record.objectives import OBJECTIVES, is_of_curves
from dse.record.timing import Timing
from dse.section import NameIn, Section, is_recorded
from dse.space.assignment import Assigned, Assignment, Suggest
from dse.space.opened import as_in_a_file
from dse.space.parse import parse_recipe_tree
from dse.space.samplers import RENAMED_SAMPLERS, SAMPLERS, STOPPINGS
from dse.space.sound import check_sound
from dse.space.tree import Group, Joined, plain_groups
from dse.units import clipped, parse_duration

StoppingName = Annotated[str, NameIn(STOPPINGS)]
SamplerName = Annotated[str, NameIn(SAMPLERS)]
ObjectiveName = Annotated[str, NameIn(OBJECTIVES)]

# Keys that say how much is spent, and on what it is not.
SPENDING = frozenset({"stopping", "confidence", "budget", "until_stable", "stable_growth"})

# Above this many points an exhaustive search is refused: listing them would outlast any study.
LARGEST_LISTED = 100_000


class SearchSpace(Section):
    """What a study explores: a recipe with open values. ``load_space`` reads one from a file.

    In ``recipe`` any value may be left open: ``{choices: [...]}`` or ``{low: ..., high: ...}`` (with ``log: true`` or
    ``integer: true``), which ``dse.choices`` and ``dse.between`` write in Python. A block, such as learning_rate, may
    be a list of alternatives, each with values of its own; in Python a part of a recipe stands for the keys that it was
    given. Every recipe that can come of a space is checked when it is made.

    >>> import dse
    >>> space = SearchSpace(
    ...     name="mine",
    ...     recipe={
    ...         "model": dse.CapsNetModel(preset="tiny"),
    ...         "learning_rate": [dse.Fixed(), {"policy": "one_cycle", "peak_ratio": dse.between(5, 20, log=True)}],
    ...         "batch_size": {"schedule": "constant", "size": dse.choices([32, 128])},
    ...     },
    ...     baseline={"learning_rate": dse.Fixed(), "batch_size": dse.Constant(size=128)},
    ... )
    >>> sorted(space.tree.open_values())
    ['batch_size.size', 'learning_rate', 'learning_rate.one_cycle.peak_ratio']
    """

    refusal = SpaceError

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the study, unless --name is given"
    )
    description: str = Field(default="", description="what the space is for")
    data: DataSection = Field(default_factory=DataSection)
    protocol: Annotated[Protocol, Field(strict=False)] = Field(
        default=Protocol.HOLDOUT, description="holdout: a validation split chooses; paper: the test set does"
    )
    timing: Annotated[Timing, Field(strict=False)] = Field(
        default=Timing.AUTO,
        description="measured: train seconds are the stopwatch's; calibrated: what the steps take by themselves; auto: "
        "calibrated on a processor, measured on a GPU",
    )
    objectives: Annotated[tuple[ObjectiveName, ...], Field(strict=False)] = Field(
        default=("train_seconds", "accuracy"), description="what the front trades off, two or more"
    )
    target: float | None = Field(
        default=None, gt=0, le=1, allow_inf_nan=False, description="accuracy that seconds_to_target asks for"
    )
    recipe: dict[str, Any] = Field(description="the recipe, any value of it left open")
    baseline: dict[str, Any] = Field(
        description="the recipe that others are compared with: a value for everything that the space leaves open"
    )
    trials: int = Field(
        default=20, ge=1, le=1_000_000, description="trials of the study, the baseline's included"
    )
    seeds: int = Field(
        default=1,
        ge=1,
        le=1_000,
        description="seeds of the baseline and, with the samplers expected_gain and grid, of every recipe",
    )
    sampler: SamplerName = Field(default="auto", description="how recipes are picked")
    stopping: StoppingName = Field(
        default="none",
        description="dominated: end a run when no continuation of it can add to the front",
    )
    confidence: float = Field(
        default=0.7,  # docs/search.md has the figures of others
        gt=0,
        lt=1,
        description="dominated: share of the completed runs that gained less than a run is credited with",
    )
    budget: str | None = Field(
        default=None,
        description="train seconds of all trials together by the stopwatch, as in 90min or 2h; no more trials once "
        "they are spent",
    )
    until_stable: int | None = Field(
        default=None,
        ge=1,
        description="no more trials once this many have hardly raised the volume of the front",
    )
    stable_growth: float = Field(
        default=0.005,
        ge=0,
        lt=1,
        description="until_stable: share of the volume that the trials may have added at most",
    )
    seed: int = Field(
        default=0, ge=0, le=2**32 - 1, description="first training seed, and seed of the sampler"
    )

    @field_validator("data", "recipe", "baseline", mode="before")
    @classmethod
    def _as_in_a_file(cls, value: object) -> object:
        return as_in_a_file(value)

    @field_validator("budget")
    @classmethod
    def _budget_is_a_duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    @field_validator("sampler", mode="before")
    @classmethod
    def _sampler_of_today(cls, value: object) -> object:
        return RENAMED_SAMPLERS.get(value, value) if isinstance(value, str) else value

    @field_validator("objectives")
    @classmethod
    def _two_different(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) < 2:
            raise ValueError(
                f"{list(value)} is too few: a front needs at least two. Choose from {', '.join(OBJECTIVES)}."
            )
        if len(set(value)) < len(value):
            raise ValueError(f"{clipped(str(list(value)))} names one twice. Remove it.")
        return value

    @model_validator(mode="after")
    def _keys_fit(self) -> SearchSpace:
        if ("seconds_to_target" in self.objectives) != (self.target is not None):
            raise ValueError(
                f"target={self.target} and objectives={list(self.objectives)}: seconds_to_target and a target need "
                "each other. Give both or neither."
            )
        others = sorted(name for name, each in OBJECTIVES.items() if each.anytime and name != "accuracy")
        for key, asked in (
            ("stopping", self.stopping if self.stopping != "none" else None),
            ("until_stable", self.until_stable),
            ("sampler", self.sampler if self.sampler == "expected_gain" else None),
        ):
            if asked is not None and not self.has_front_of_curves:
                raise ValueError(
                    f"{key}={asked} with objectives={list(self.objectives)}: what a run adds to the front is "
                    f"known before its end for accuracy with {', '.join(others)} alone. Use these objectives, or "
                    f"leave {key} out."
                )
        return self

    @model_validator(mode="after")
    def _sound(self, info: ValidationInfo) -> SearchSpace:
        """Check it, unless a study recorded it, which did; then only that its baseline can be read."""
        try:
            if is_recorded(info):
                self.baseline_recipe  # noqa: B018 - it must exist
            else:
                check_sound(self)
        except (SpaceError, RecipeError) as error:
            raise ValueError(clipped(str(error), 3_000)) from None
        return self

    @cached_property
    def tree(self) -> Group | Joined:
        """The recipe's open values as nodes."""
        return parse_recipe_tree(self.recipe)

    @property
    def size(self) -> float:
        """How many different recipes there are; infinite if a range of real numbers is left open."""
        return self.tree.size

    @cached_property
    def baseline_assignment(self) -> Assignment:
        """The baseline as values of the space's parameters."""
        try:
            return self.tree.locate(self.baseline, "baseline")
        except SpaceError as reason:
            raise SpaceError(
                f"the baseline must be a point of the space: {reason}. Change one of the two."
            ) from None

    @cached_property
    def baseline_recipe(self) -> Recipe:
        """The recipe that others are compared with."""
        return self.recipe_of(self.baseline_assignment)

    @property
    def precisions(self) -> set[Precision]:
        """Every precision that a drawn recipe may have."""
        nodes = [group.members.get("precision") for group in plain_groups(self.tree)]
        fixed = self.baseline_recipe.precision
        return {corner for node in nodes for corner in ([fixed] if node is None else node.corners())}

    def draw(self, pick: Suggest) -> Recipe:
        """Draw a recipe; ``pick`` is an Optuna trial, or anything that suggests values as one does."""
        # Whether its kinds are known was checked when the space was read, unless it is a record.
        return parse_recipe(self.tree.draw(pick), self.name, recorded=True)

    def recipe_of(self, assignment: Assignment) -> Recipe:
        """Give the recipe that these values of the parameters make."""
        return self.draw(Assigned(assignment))

    def assignment_of(self, recipe: Recipe) -> Assignment | None:
        """Give the values of the parameters that make this recipe; None if it is no point of the space.

        >>> from dse.space.load import load_space
        >>> space = load_space("quickstart")
        >>> space.assignment_of(space.baseline_recipe) == space.baseline_assignment
        True
        """
        found = self.tree.find(recipe.model_dump(mode="json"))
        # What the space leaves out takes its default, which this recipe may not have.
        return next((each for each in found if self.recipe_of(each).id == recipe.id), None)

    def points(self) -> Iterator[Assignment]:
        """List every point of a finite space.

        Raises:
            SpaceError: The space is infinite or has more than 100,000 points.
        """
        if not self.size <= LARGEST_LISTED:
            count = "infinitely many" if math.isinf(self.size) else f"{self.size:,.0f}"
            raise SpaceError(
                f"the space {self.name} has {count} recipes; at most {LARGEST_LISTED:,} can be listed. "
                "Use choices instead of ranges, or another sampler than grid."
            )
        return (assignment for assignment, _ in self.tree.points())

    @property
    def data_choice(self) -> DataChoice:
        """Which images play which part."""
        return DataChoice(**self.data.model_dump(), protocol=self.protocol)

    def plan(self, recipe: Recipe) -> Plan:
        """Compile a recipe for this space's data."""
        return compile_plan(recipe, self.data.dataset.shape, self.data_choice.split.train_images)

    @property
    def weighs_parameters(self) -> bool:
        """Whether the parameters are an objective."""
        return "parameters" in self.objectives

    @property
    def has_front_of_curves(self) -> bool:
        """Whether each epoch of a curve is a point of the front; else whole runs are."""
        return is_of_curves(self.objectives)

    @property
    def budget_seconds(self) -> float:
        """The budget in seconds; infinite if there is none."""
        return math.inf if self.budget is None else parse_duration(self.budget)

    def dump(self) -> dict[str, Any]:
        """Give plain dictionaries and lists, as JSON and YAML hold them; every key is there."""
        return self.model_dump(mode="json")

    def to_yaml(self) -> str:
        """Write the space as a file holds it, every key included."""
        return write_yaml(self.dump())

    @property
    def explored(self) -> dict[str, Any]:
        """What makes two studies comparable: all but name, texts, budget, sampler and seeds."""
        return self.model_dump(
            mode="json",
            exclude=dict.fromkeys(
                ("name", "description", "trials", "seeds", "seed", "sampler", *SPENDING), True
            )
            # The same images may lie elsewhere; their fingerprint tells.
            | {"data": {"path"}},
        )
