"""A recipe: one point of the design space."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dse.data.datasets import ImageShape
from dse.errors import RecipeError
from dse.files import read_yaml
from dse.recipe.batch_size import BatchSize, Constant
from dse.recipe.learning_rate import Fixed, LearningRate
from dse.recipe.model import CapsNetModel, CapsNetSize, LeNet5Size, Model, capsnet_size
from dse.recipe.weight_sharing import WeightSharing

Precision = Literal["float32", "tf32", "bfloat16"]


class Recipe(BaseModel):
    """How to train one network: model, learning-rate policy, batch schedule, weight sharing, precision, epochs.

    A recipe is frozen and complete: what a file leaves out is filled in when it is read, and never later.

    >>> Recipe().learning_rate.policy, Recipe().batch_size.label, Recipe().epochs
    ('fixed', '128', 30)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    model: Model = Field(default_factory=CapsNetModel)
    learning_rate: LearningRate = Field(default_factory=Fixed)
    batch_size: BatchSize = Field(default_factory=Constant)
    weight_sharing: WeightSharing = Field(default_factory=WeightSharing)
    precision: Precision = Field(
        default="float32",
        description="what convolutions and matrix products of a training step are computed in",
    )
    epochs: int = Field(default=30, ge=1, description="passes over the training images")

    @model_validator(mode="after")
    def _parts_fit(self) -> Recipe:
        try:
            self.batch_size.stages_over(self.epochs)
        except ValueError as reason:
            raise ValueError(f"batch_size: {reason}") from None
        if self.model.name == "lenet5" and not self.weight_sharing.is_none:
            raise ValueError(
                f"weight_sharing: {self.weight_sharing.label} is for capsules, and lenet5 has none. "
                "Leave it out, or use the model capsnet."
            )
        return self

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that depend on the content alone.

        Full precision counts as nothing, so a recipe keeps the id it had before there was a choice.
        """
        content = self.model_dump(exclude={"precision"} if self.precision == "float32" else None)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """The recipe in a few words: model, policy, batch schedule, and what differs from the default of the rest."""
        parts = [self.model.label, self.learning_rate.label, f"batch {self.batch_size.label}"]
        parts += [] if self.weight_sharing.is_none else [self.weight_sharing.label]
        parts += [] if self.precision == "float32" else [self.precision]
        return " · ".join(parts)

    def size(self, image: ImageShape) -> CapsNetSize | LeNet5Size:
        """Work out the network's sizes for images of this shape.

        Raises:
            RecipeError: The images leave no capsules, or a sharing factor does not divide its channels.
        """
        if isinstance(self.model, CapsNetModel):
            return capsnet_size(self.model.preset, image, self.weight_sharing)
        return LeNet5Size(image)


def parse_recipe(content: object, source: str) -> Recipe:
    """Make a recipe of what a file holds.

    Args:
        content: Nested dictionaries and lists, as YAML or JSON gives them.
        source: Where it comes from, for the error's text.

    Raises:
        RecipeError: A key is unknown, or a value is of the wrong type or out of its limits.
    """
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{source}: " + "; ".join(validation_messages(error))) from None


def validation_messages(error: ValidationError) -> list[str]:
    """Say what pydantic found in the words of the file: key, value, limit."""
    return [_message(details) for details in error.errors()]


def _message(details: Any) -> str:
    # Discriminated unions put the chosen tag into the location; the file's user wrote no such key.
    tags = {"capsnet", "lenet5", "fixed", "exponential_decay", "one_cycle", "warm_restarts", "constant", "stages",
            "adabatch"}  # fmt: skip
    location: list[str] = []
    for i, part in enumerate(details["loc"]):
        follows_union = bool(location) and location[-1] in ("model", "learning_rate", "batch_size") and i == 1
        if isinstance(part, int):
            location[-1] = f"{location[-1]}[{part}]" if location else f"[{part}]"
        elif not (follows_union and part in tags) and part not in ("float", "int", "literal['per_stage']"):
            location.append(str(part))
    key = ".".join(location) or "the whole"
    text = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        return f"{key}: unknown key. Remove it or correct its spelling"
    if details["type"] == "value_error":
        return f"{key}: {text}" if location else text
    if details["type"] == "union_tag_invalid":
        tag = details["ctx"]["discriminator"].strip("'")
        return f"{key}.{tag}={details['ctx']['tag']!r} is unknown. Choose one of {details['ctx']['expected_tags']}"
    if details["type"] == "union_tag_not_found":
        return f"{key}: the key {details['ctx']['discriminator']} is missing"
    return f"{key}={details['input']!r}: {text}"


def load_recipe(path: Path) -> Recipe:
    """Read a recipe from a YAML file.

    Raises:
        RecipeError: The file cannot be read, or holds no recipe.
    """
    return parse_recipe(read_yaml(path, RecipeError), str(path))
