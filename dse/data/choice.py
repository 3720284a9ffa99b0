"""Which images a recipe is trained on, chosen on and tested on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, model_validator

from dse.data.datasets import DATASETS, Dataset, ImageShape, Protocol, Split, find_dataset, split_sizes
from dse.data.own.source import OwnFacts, OwnSource
from dse.errors import DataError
from dse.section import Section, is_recorded

Count = Annotated[int, Field(ge=1)]


class DataSection(Section):
    """Which images are trained on, chosen on and tested on: the section ``data`` of a search space's file.

    Of own images, at ``path``, the facts (shape, classes, counts) are read from the files if they are left out; with
    them a study, its plans and its report need the files no more.
    """

    refusal = DataError

    name: str = Field(
        default="digits",
        min_length=1,
        description=f"one of {', '.join(DATASETS)}, or with path any name for your own; default the path's",
    )
    path: str | None = Field(
        default=None,
        description="your own images: a folder of images by class, an .npz file, or a folder of idx files",
    )
    shape: Annotated[tuple[Count, Count, Count], Field(strict=False)] | None = Field(
        default=None, description="channels, height and width of your own images; default what the files hold"
    )
    classes: int | None = Field(
        default=None, ge=2, description="classes of your own images; default what the files hold"
    )
    counts: Annotated[tuple[Count, Count], Field(strict=False)] | None = Field(
        default=None,
        description="images in the training and the test part of your own; default what the files hold",
    )
    test_share: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        allow_inf_nan=False,
        description="share of your own images that becomes their test part, class by class, where they have none",
    )
    images: int | None = Field(
        default=None, ge=1, description="training images, drawn class by class; default all"
    )
    validation_images: int | None = Field(
        default=None, ge=1, description="images set aside to choose the best epoch (protocol holdout)"
    )
    test_images: int | None = Field(default=None, ge=1, description="test images; default all")
    split_seed: int = Field(default=0, ge=0, description="seed of the split and of the subsets")

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_path(cls, content: object) -> object:
        if isinstance(content, Mapping) and isinstance(content.get("path"), str):
            return {"name": Path(content["path"]).resolve().stem, **content}
        return content

    @model_validator(mode="after")
    def _complete(self, info: ValidationInfo) -> DataSection:
        """Fill in the facts of own images, once: what is read again later must be the same. A record has them."""
        own = self.own
        if own is None:
            for key in ("shape", "classes", "counts", "test_share"):
                if getattr(self, key) is not None:
                    raise ValueError(
                        f"{key}: is for your own images. Give their path, or leave it out: the data set "
                        f"{self.name} has it."
                    )
        elif None in (self.shape, self.classes, self.counts) and not is_recorded(info):
            facts = own.facts()
            image = facts.shape
            found = {
                "shape": (image.channels, image.height, image.width),
                "classes": image.classes,
                "counts": (facts.train_images, facts.test_images),
            }
            for key, value in found.items():
                if getattr(self, key) not in (None, value):
                    raise DataError(
                        f"{self.path}: holds images with {key} {_text(value)}, but the data's key {key} says "
                        f"{_text(getattr(self, key))}. Correct it, or leave it out."
                    )
                object.__setattr__(self, key, value)
        return self

    @property
    def own(self) -> OwnSource | None:
        """Where own images lie; None of a data set that dse knows."""
        if self.path is None:
            return None
        return OwnSource(Path(self.path).expanduser(), self.classes, self.test_share, self.split_seed)

    @property
    def facts(self) -> OwnFacts:
        """What the files of own images hold, or held when the section was made.

        Raises:
            DataError: The section is a record that does not say it.
        """
        if self.shape is None or self.classes is None or self.counts is None:
            raise DataError(
                f"data: shape, classes and counts of {self.path} are not recorded. Add all three."
            )
        return OwnFacts(ImageShape(*self.shape, self.classes), *self.counts)

    @property
    def dataset(self) -> Dataset:
        """Shape, counts and default split of the data set."""
        if self.path is None:
            return find_dataset(self.name)
        facts = self.facts
        validation = max(facts.shape.classes, facts.train_images // 10)
        tested = "" if self.test_share is None else f", {100 * self.test_share:g} % of each class for testing"
        return Dataset(
            self.name,
            facts.shape,
            facts.train_images,
            facts.test_images,
            validation,
            folder="",
            title=f"own images{tested}",
        )


class DataChoice(DataSection):
    """The same with the protocol: all that decides which image plays which part.

    >>> DataChoice(name="mnist").split
    Split(train_images=54000, validation_images=6000, test_images=10000)
    """

    protocol: Annotated[Protocol, Field(strict=False)] = Field(
        default=Protocol.HOLDOUT, description="holdout: a validation split chooses; paper: the test set does"
    )

    @property
    def split(self) -> Split:
        """How many images play which part.

        Raises:
            DataError: The data set is unknown, more images are asked for than it has, or fewer than one a class.
        """
        return split_sizes(self.dataset, self.protocol, self.images, self.validation_images, self.test_images)


def named_data(source: str, test_share: float | None = None) -> dict[str, Any]:
    """Give the keys of a data section for what a command line names.

    Args:
        source: The name of a data set, or the path of own images.
        test_share: Share of own images that becomes their test part.

    >>> named_data("mnist"), named_data("own.npz")
    ({'name': 'mnist'}, {'path': 'own.npz'})
    """
    is_path = source not in DATASETS and (
        os.sep in source or source.endswith(".npz") or Path(source).exists()
    )
    keys: dict[str, Any] = {"path" if is_path else "name": source}
    return keys if test_share is None else keys | {"test_share": test_share}


def _text(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)
