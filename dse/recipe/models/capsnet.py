"""CapsNet (Sabour, Frosst & Hinton 2017), with the weight sharing of Marchisio et al. 2019."""

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

Preset = Literal["full", "small", "tiny"]
Squash = Literal["exact", "approximate"]

KERNEL = 9
PRIMARY_STRIDE = 2


class CapsNetModel(Model):
    """A CapsNet in one of three sizes."""

    parts = frozenset({"weight_sharing", "loss", "initialisation"})

    name: Literal["capsnet"] = "capsnet"
    preset: Preset = Field(
        default="full", description="full: the paper's; small: 64 filters, 8 types; tiny: 32 filters, 4 types"
    )
    routing_iterations: int = Field(default=3, ge=1, le=10, description="iterations of routing by agreement")
    squash: Squash = Field(default="exact", description="how capsule lengths are bounded")

    @property
    @override
    def label(self) -> str:
        parts: list[str] = [self.preset]
        parts += [f"{self.routing_iterations} routing"] if self.routing_iterations != 3 else []
        parts += ["approximate squash"] if self.squash == "approximate" else []
        return ", ".join(parts)

    @override
    def size(self, image: ImageShape, sharing: WeightSharing) -> CapsNetSize:
        filters, types, hidden = _PRESETS[self.preset]
        return CapsNetSize(image, sharing, filters, types, hidden, self.routing_iterations, self.squash)


_PRESETS: dict[Preset, tuple[int, int, tuple[int, int]]] = {
    "full": (256, 32, (512, 1024)),
    "small": (64, 8, (512, 1024)),
    "tiny": (32, 4, (64, 128)),
}


@dataclass(frozen=True, slots=True)
class CapsNetSize:
    """Every size of a CapsNet on images of one shape.

    Attributes:
        filters: Channels of the first convolution, before sharing.
        types: Primary capsule types, each ``primary_size`` numbers at every position of the grid.
        grid: Height and width of the primary capsules' grid.
        hidden: Widths of the decoder's two hidden layers.
        routing_iterations: Iterations of routing by agreement.
        squash: How capsule lengths are bounded.
        class_size: Numbers in a class capsule.
    """

    image: ImageShape
    sharing: WeightSharing
    filters: int
    types: int
    hidden: tuple[int, int]
    routing_iterations: int = 3
    squash: Squash = "exact"
    primary_size: int = 8
    class_size: int = 16

    def __post_init__(self) -> None:
        for side, pixels in (("height", self.image.height), ("width", self.image.width)):
            smallest = 2 * KERNEL - 1
            if pixels < smallest:
                raise RecipeError(
                    f"images of {self.image} leave no capsules: two {KERNEL}x{KERNEL} convolutions need a {side} "
                    f"of at least {smallest}, not {pixels}. Upscale the images, or use the model lenet5."
                )
        for key, factor, channels in (
            ("convolution", self.sharing.convolution, self.filters),
            ("primary_capsules", self.sharing.primary_capsules, self.types * self.primary_size),
        ):
            if channels % factor:
                raise RecipeError(
                    f"weight_sharing.{key}={factor} does not divide the {channels} channels of this preset. "
                    f"Choose a divisor of {channels}."
                )

    @property
    def convolved(self) -> tuple[int, int]:
        """Height and width after the first convolution."""
        return self.image.height - KERNEL + 1, self.image.width - KERNEL + 1

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the grid of primary capsules."""
        height, width = self.convolved
        return (height - KERNEL) // PRIMARY_STRIDE + 1, (width - KERNEL) // PRIMARY_STRIDE + 1

    @property
    def positions(self) -> int:
        """Primary capsules of each type."""
        return self.grid[0] * self.grid[1]

    @property
    def primary_channels(self) -> tuple[int, int]:
        """Channels in and out that the primary convolution is computed with; sharing makes them fewer."""
        channels = self.types * self.primary_size
        return self.filters // self.sharing.convolution, channels // self.sharing.primary_capsules

    @property
    def decoder_widths(self) -> tuple[int, ...]:
        """Numbers that the decoder is fed, its hidden layers', and those that it gives; none without a decoder."""
        if self.sharing.decoder == "none":
            return ()
        inputs = self.class_size * (1 if self.sharing.decoder == "reduced" else self.image.classes)
        return (inputs, *self.hidden, self.image.pixels)

    @property
    def parameters(self) -> int:
        """Trained weights. The coupling coefficients, which the paper adds, are not trained."""
        filters = self.filters // self.sharing.convolution
        convolution = filters * (self.image.channels * KERNEL**2 + 1)
        channels = self.types * self.primary_size
        primary = channels // self.sharing.primary_capsules * self.filters * KERNEL**2 + channels
        matrices = self.types * (1 if self.sharing.class_capsules == "per_type" else self.positions)
        outputs = self.image.classes * self.class_size
        class_capsules = matrices * self.primary_size * outputs + outputs
        decoder = sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(self.decoder_widths))
        return convolution + primary + class_capsules + decoder

    @property
    def multiplications(self) -> int:
        """Multiplications of one forward pass of one image, as this library computes it.

        Convolutions, class-capsule matrices, routing sums and decoder; sums and squashing are left out.
        """
        filters = self.filters // self.sharing.convolution
        height, width = self.convolved
        convolution = height * width * filters * self.image.channels * KERNEL**2
        channels = self.types * self.primary_size // self.sharing.primary_capsules
        primary = self.positions * channels * filters * KERNEL**2
        outputs = self.image.classes * self.class_size
        agreements = self.routing_iterations - 1
        if self.sharing.class_capsules == "per_type":
            matrix = self.types * self.primary_size * outputs
            weighted_sum = self.types * self.positions * self.primary_size * self.image.classes
            routing = (self.routing_iterations + agreements) * (matrix + weighted_sum)
        else:
            capsules = self.types * self.positions
            routing = capsules * outputs * (self.primary_size + self.routing_iterations + agreements)
        decoder = sum(fan_in * fan_out for fan_in, fan_out in itertools.pairwise(self.decoder_widths))
        return convolution + primary + routing + decoder
