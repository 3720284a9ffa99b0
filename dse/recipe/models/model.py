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
        imports: Whether it is code of the user's own: its sizes are known only once that is imported.
    """

    refusal = RecipeError
    parts: ClassVar[frozenset[str]] = frozenset()
    normalises_batches: ClassVar[bool] = False
    imports: ClassVar[bool] = False

    name: str

    @property
    @abstractmethod
    def label(self) -> str:
        """The model in a few words."""

    def takes(self, part: str) -> bool:
        """Tell whether a key of a recipe that speaks of capsules has a meaning for this model."""
        return part in self.parts

    @abstractmethod
    def size(self, image: ImageShape, sharing: WeightSharing) -> NetworkSize | None:
        """Work out the network's sizes.

        Args:
            image: Shape of the images.
            sharing: Which weights are shared; none of a model without capsules.

        Returns:
            The sizes; None of a model that ``imports``, see ``dse.networks.build``.

        Raises:
            RecipeError: The images or the sharing do not fit the model.
        """
