"""Which images a recipe is trained on, chosen on and tested on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dse.data.datasets import DATASETS, Dataset, Protocol, Split, find_dataset, split_sizes
from dse.errors import DataError
from dse.section import Section


class DataSection(Section):
    """Which images are trained on, chosen on and tested on: the section ``data`` of a search space's file."""

    refusal = DataError

    name: str = Field(default="digits", description=f"one of {', '.join(DATASETS)}")
    images: int | None = Field(
        default=None, ge=1, description="training images, drawn class by class; default all"
    )
    validation_images: int | None = Field(
        default=None, ge=1, description="images set aside to choose the best epoch (protocol holdout)"
    )
    test_images: int | None = Field(default=None, ge=1, description="test images; default all")
    split_seed: int = Field(default=0, ge=0, description="seed of the split and of the subsets")

    @property
    def dataset(self) -> Dataset:
        """The data set's facts."""
        return find_dataset(self.name)


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
