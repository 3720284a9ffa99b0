"""A recipe: one point of the design space."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from html import escape
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from typing_extensions import override

from dse.data.datasets import ImageShape
from dse.errors import RecipeError
from dse.files import write_yaml
from dse.recipe.averaging import AnyAveraging, NoAveraging
from dse.recipe.batch_size import BatchSize, Constant
from dse.recipe.initialisation import Initialisation
from dse.recipe.learning_rate import Fixed, LearningRate, Rates
from dse.recipe.limits import MOST_EPOCHS
from dse.recipe.loss import AnyLoss, Margin
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.models.model import NetworkSize
from dse.recipe.models.registry import MODELS, AnyModel
from dse.recipe.optimizer import Adam, AnyOptimizer, ScheduleFree
from dse.recipe.weight_sharing import WeightSharing
from dse.section import Later, OneOf, Section

Precision = Literal["float32", "tf32", "bfloat16"]


CAPSULES_ONLY: dict[str, Section] = {
    "weight_sharing": WeightSharing(),
    "loss": Margin(),
    "initialisation": Initialisation(),
}
"""Parts of a recipe that say something about capsules, each as it is where nothing is said."""


class Recipe(Section):
    """How to train one network: model, learning-rate policy, batch schedule, weight sharing, precision, epochs.

    A recipe is frozen and complete: what a file leaves out is filled in when it is read, and never later.

    >>> Recipe().learning_rate.policy, Recipe().batch_size.label, Recipe().epochs
    ('fixed', '128', 30)
    """

    refusal = RecipeError

    model: AnyModel = Field(default_factory=CapsNetModel)
    learning_rate: LearningRate = Field(default_factory=Fixed)
    batch_size: BatchSize = Field(default_factory=Constant)
    weight_sharing: WeightSharing = Field(default_factory=WeightSharing)
    precision: Annotated[Precision, Later()] = Field(
        default="float32",
        description="what convolutions and matrix products of a training step are computed in",
    )
    loss: Annotated[AnyLoss, Later()] = Field(default_factory=Margin)
    initialisation: Annotated[Initialisation, Later()] = Field(default_factory=Initialisation)
    optimizer: Annotated[AnyOptimizer, Later()] = Field(default_factory=Adam)
    averaging: Annotated[AnyAveraging, Later()] = Field(default_factory=NoAveraging)
    epochs: int = Field(default=30, ge=1, le=MOST_EPOCHS, description="passes over the training images")

    @model_validator(mode="after")
    def _parts_fit(self) -> Recipe:
        try:
            self.batch_size.check(self.epochs)
        except ValueError as reason:
            raise ValueError(f"batch_size: {reason}") from None
        if self.batch_size.cuts_rate and self.learning_rate.policy != "fixed":
            raise ValueError(
                f"batch_size: {self.batch_size.schedule} cuts the learning rate itself, and would cut that of "
                f"{self.learning_rate.policy} again. Use the policy fixed, or another batch schedule."
            )
        self._schedule_free_stands_alone()
        for key, default in CAPSULES_ONLY.items():
            part = getattr(self, key)
            if not self.model.takes(key) and part != default:
                capable = " or ".join(name for name, model in MODELS.items() if key in model.parts)
                why = f"has no meaning for {self.model.name}"
                if self.model.imports:
                    why += ", which does not name it among what it offers"
                elif not self.model.parts:
                    why = f"is for capsules, and {self.model.name} has none"
                raise ValueError(f"{key}: {part.label} {why}. Leave it out, or use the model {capable}.")
        return self

    def _schedule_free_stands_alone(self) -> None:
        if not isinstance(self.optimizer, ScheduleFree):
            return
        if self.learning_rate.policy != "fixed" or self.batch_size.cuts_rate:
            schedule = self.batch_size.schedule if self.batch_size.cuts_rate else self.learning_rate.policy
            raise ValueError(
                f"optimizer: schedule_free averages instead of lowering the learning rate, and {schedule} would "
                "lower it too. Use the policy fixed (with warmup_images, if you like), or another optimizer."
            )
        if self.averaging != NoAveraging():
            raise ValueError(
                "averaging: schedule_free is evaluated at an average already. Leave averaging out, or use "
                "another optimizer."
            )
        if self.model.normalises_batches:
            raise ValueError(
                f"optimizer: schedule_free is evaluated at weights that no batch has passed through, and "
                f"{self.model.name} would normalise by the running means of others. Use another optimizer."
            )

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits that depend on the content alone; see ``Later`` for keys that are new."""
        text = json.dumps(self.id_content(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def but_for_epochs(self) -> str:
        """All of its content but for how long it trains, the same text for the same content."""
        return self.model_dump_json(exclude={"epochs"})

    @cached_property
    def label(self) -> str:
        """The recipe in a few words: model, policy, batch schedule, and what differs from the default of the rest."""
        parts = [self.model.label, self.learning_rate.label, f"batch {self.batch_size.label}"]
        warmup = self.learning_rate.warmup_images
        parts += [f"warm-up {warmup:,} images"] if warmup else []
        parts += [] if self.weight_sharing.is_none else [self.weight_sharing.label]
        parts += [] if self.loss == Margin() else [self.loss.label]
        parts += [] if self.initialisation == Initialisation() else [self.initialisation.label]
        parts += [] if self.optimizer == Adam() else [self.optimizer.label]
        parts += [] if self.averaging == NoAveraging() else [self.averaging.label]
        parts += [] if self.precision == "float32" else [self.precision]
        return " · ".join(parts)

    def _repr_html_(self) -> str:
        """Show the recipe in a notebook: in words, and as the file that makes it."""
        words = f"<p><b>{escape(self.label)}</b> · {self.epochs} epochs · recipe {self.id}</p>"
        return f"{words}<pre>{escape(write_yaml(self.model_dump(mode='json')))}</pre>"

    @override
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy the recipe; one that is changed has an id and a label of its own."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("id", "but_for_epochs", "label"):
            copied.__dict__.pop(name, None)
        return copied

    def average_shares(self, rates: Rates, images_seen: NDArray[np.int64]) -> Rates | None:
        """Give the weight of each step's result in the mean that is evaluated; None if there is no mean.

        Args:
            rates: Learning rate of each step.
            images_seen: After each step.
        """
        if isinstance(self.optimizer, ScheduleFree):
            return self.optimizer.average_shares(rates)
        return self.averaging.average_shares(images_seen)

    def size(self, image: ImageShape) -> NetworkSize | None:
        """Work out the network's sizes for images of this shape; None where code of the user's own decides them.

        Raises:
            RecipeError: The images or the sharing do not fit the model.
        """
        return self.model.size(image, self.weight_sharing)


BLOCKS: dict[str, str | None] = {
    name: next((mark.tag for mark in field.metadata if isinstance(mark, OneOf)), None)
    for name, field in Recipe.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
"""The sections of a recipe, each with the key that names its kind; None if there is one kind."""


def parse_recipe(content: object, source: str, *, recorded: bool = False) -> Recipe:
    """Make a recipe of what a file or a record holds; see ``Section.parse``."""
    return Recipe.parse(content, source, recorded=recorded)
