"""What all models share: settings in a recipe, and sizes that follow from them without torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from dse.data.datasets import ImageShape
from dse.errors import RecipeError
from dse.recipe.weight_sharing import WeightSharing
from dse.section import Section


class NetworkSize(Protocol):
    """Every size of a network on images of one shape."""

    @property
    def image(self) -> ImageShape:
        """Shape of the images that the sizes are for."""

    @property
    def parameters(self) -> int:
        """How many weights are trained."""

    @property
    def multiplications(self) -> int:
        """Multiplications of one forward pass of one image, as this library computes it."""


class Model(Section, ABC):
    """A network's settings, from which its sizes follow.

    Attributes:
        parts: Keys of a recipe that speak of capsules and have a meaning for this model.
        normalises_batches: Whether it gathers running means over the batches that it is trained on.
    """

    refusal = RecipeError
    parts: ClassVar[frozenset[str]] = frozenset()
    normalises_batches: ClassVar[bool] = False

    name: str

    @property
    @abstractmethod
    def label(self) -> str:
        """The model in a few words."""

    @abstractmethod
    def size(self, image: ImageShape, sharing: WeightSharing) -> NetworkSize:
        """Work out the network's sizes.

        Args:
            image: Shape of the images.
            sharing: Which weights are shared; none of a model without capsules.

        Raises:
            RecipeError: The images or the sharing do not fit the model.
        """
