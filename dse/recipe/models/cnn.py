"""A plain small convolutional network: what a front of capsules is measured against."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

from pydantic import Field
from typing_extensions import override

from dse.data.datasets import ImageShape
from dse.errors import RecipeError
from dse.recipe.models.model import Model
from dse.recipe.weight_sharing import WeightSharing


class CnnModel(Model):
    """Three 3x3 convolutions, each with ReLU and maximum pooling, and one linear layer.

    >>> CnnModel().label
    'cnn'
    """

    name: Literal["cnn"] = "cnn"
    filters: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="channels of the first convolution; the second has twice, the third four times as many",
    )

    @property
    @override
    def label(self) -> str:
        return self.name if self.filters == 32 else f"{self.name}, {self.filters} filters"

    @override
    def size(self, image: ImageShape, sharing: WeightSharing) -> CnnSize:
        return CnnSize(image, (self.filters, 2 * self.filters, 4 * self.filters))


@dataclass(frozen=True, slots=True)
class CnnSize:
    """Every size of the plain network on images of one shape.

    Attributes:
        channels: Of each convolution; each keeps height and width, and the pooling after it halves them.
    """

    image: ImageShape
    channels: tuple[int, int, int]
    kernel: int = 3

    def __post_init__(self) -> None:
        smallest = 1 << len(self.channels)
        if min(self.image.height, self.image.width) < smallest:
            raise RecipeError(
                f"images of {self.image} leave nothing after {len(self.channels)} poolings, which need at least "
                f"{smallest}x{smallest} pixels. Upscale the images, or use the model lenet5."
            )

    @property
    def features(self) -> int:
        """Numbers that the linear layer is fed."""
        shrunk = 1 << len(self.channels)
        return self.channels[-1] * (self.image.height // shrunk) * (self.image.width // shrunk)

    @property
    def parameters(self) -> int:
        """How many weights are trained."""
        widths = itertools.pairwise((self.image.channels, *self.channels))
        convolutions = sum(fan_out * (fan_in * self.kernel**2 + 1) for fan_in, fan_out in widths)
        return convolutions + (self.features + 1) * self.image.classes

    @property
    def multiplications(self) -> int:
        """Multiplications of one forward pass of one image."""
        widths = enumerate(itertools.pairwise((self.image.channels, *self.channels)))
        convolutions = sum(
            (self.image.height >> i) * (self.image.width >> i) * fan_in * fan_out * self.kernel**2
            for i, (fan_in, fan_out) in widths
        )
        return convolutions + self.features * self.image.classes
