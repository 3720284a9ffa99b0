"""A network of the user's own, named by its import path. Nothing is imported here: ``dse.networks`` does."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator
from typing_extensions import override

from dse.data.datasets import ImageShape
from dse.recipe.models.model import Model
from dse.recipe.weight_sharing import WeightSharing

GIVEN = frozenset({"shape", "classes", "weight_sharing"})
"""What dse itself calls a factory with."""

_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


class ImportedModel(Model):
    """A network that a function of the user's own makes.

    >>> ImportedModel(import_="nets:small", options={"width": 32}).label
    'small, width 32'
    """

    told_by: ClassVar[str] = "import"
    imports: ClassVar[bool] = True

    name: Literal["imported"] = "imported"
    import_: str = Field(
        alias="import",
        description="package.module:factory; the current directory counts as one of the places of packages",
        examples=["my_networks:small"],
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="what the factory is called with, beside shape and classes",
        examples=[{}, {"width": 32}, {"width": 8, "dropout": 0.5, "kernels": [3, 5]}],
    )
    offers: Annotated[tuple[Literal["weight_sharing"], ...], Field(strict=False)] = Field(
        default=(), description="blocks of a recipe that the factory is called with too: weight_sharing"
    )

    @field_validator("import_")
    @classmethod
    def _is_a_path(cls, value: str) -> str:
        if not _PATH.fullmatch(value):
            raise ValueError(
                f"{value!r} is no import path. Write package.module:factory, as in my_networks:small_net."
            )
        return value

    @field_validator("options")
    @classmethod
    def _options_are_free(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(GIVEN & value.keys()):
            raise ValueError(f"{taken[0]} is what dse calls the factory with. Give the option another name.")
        for key, option in value.items():
            if not all(_is_plain(part) for part in (option if isinstance(option, list) else [option])):
                raise ValueError(
                    f"{key}={option!r}, but an option is a word, a finite number, true, false, null, or a list of such."
                )
        return value

    @property
    @override
    def label(self) -> str:
        factory = self.import_.rpartition(":")[2]
        return ", ".join([factory, *(f"{key} {value}" for key, value in self.options.items())])

    @override
    def takes(self, part: str) -> bool:
        return part in self.offers

    @override
    def size(self, image: ImageShape, sharing: WeightSharing) -> None:
        """Its sizes are known only once its code is imported and the network built."""


def _is_plain(value: object) -> bool:
    return (
        value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    )
