"""CapsNet (Sabour, Frosst & Hinton 2017), with the weight sharing of Marchisio et al. 2019."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import override

from dse.data.datasets import ImageShape
from dse.errors import RecipeError
from dse.recipe.models.model import Model
from dse.recipe.weight_sharing import WeightSharing
from dse.section import Later

Width = Annotated[int, Field(ge=1, le=16384)]
Preset = Literal["full", "small", "tiny"]
Squash = Literal["exact", "approximate"]

KERNEL = 9
# With Adam and gradients 8 GB: what is larger is a slip, which would end in want of memory.
MOST_PARAMETERS = 500_000_000

_PRESETS: dict[str, dict[str, Any]] = {
    "full": {"filters": 256, "types": 32, "decoder_hidden": (512, 1024)},
    "small": {"filters": 64, "types": 8, "decoder_hidden": (512, 1024)},
    "tiny": {"filters": 32, "types": 4, "decoder_hidden": (64, 128)},
}


def _of_preset(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda values: _PRESETS[values["preset"]][key]


class CapsNetModel(Model):
    """A CapsNet of any size. A preset names three of the sizes, and each can be given by itself.

    >>> CapsNetModel(preset="tiny", types=6, primary_kernel=5).label
    'tiny, 6 types, 5x5 kernel'
    """

    parts = frozenset({"weight_sharing", "loss", "initialisation"})

    name: Literal["capsnet"] = "capsnet"
    preset: Preset = Field(
        default="full", description="full: the paper's; small: 64 filters, 8 types; tiny: 32 filters, 4 types"
    )
    routing_iterations: int = Field(default=3, ge=1, le=10, description="iterations of routing by agreement")
    squash: Squash = Field(default="exact", description="how capsule lengths are bounded")
    filters: Annotated[int, Later()] = Field(
        default_factory=_of_preset("filters"),
        ge=1,
        le=4096,
        description="channels of the first convolution; by default the preset's",
    )
    types: Annotated[int, Later()] = Field(
        default_factory=_of_preset("types"),
        ge=1,
        le=1024,
        description="types of primary capsules, 8 numbers each; by default the preset's",
    )
    primary_kernel: Annotated[int, Later()] = Field(
        default=9, ge=1, le=64, description="side of the kernels that make the primary capsules"
    )
    primary_stride: Annotated[int, Later()] = Field(
        default=2, ge=1, le=64, description="pixels between two positions of the primary capsules"
    )
    class_size: Annotated[int, Later()] = Field(
        default=16, ge=1, le=1024, description="numbers of a class capsule"
    )
    decoder_hidden: Annotated[tuple[Width, ...], Later()] = Field(
        default_factory=_of_preset("decoder_hidden"),
        min_length=1,
        max_length=4,
        strict=False,
        description="widths of the decoder's hidden layers; by default the preset's",
    )

    @property
    @override
    def label(self) -> str:
        parts: list[str] = [self.preset]
        own = self.id_content()
        parts += [f"{self.filters} filters"] if "filters" in own else []
        parts += [f"{self.types} type{'' if self.types == 1 else 's'}"] if "types" in own else []
        parts += [f"{self.primary_kernel}x{self.primary_kernel} kernel"] if "primary_kernel" in own else []
        parts += [f"stride {self.primary_stride}"] if "primary_stride" in own else []
        parts += [f"class capsules of {self.class_size}"] if "class_size" in own else []
        parts += [f"decoder {'-'.join(map(str, self.decoder_hidden))}"] if "decoder_hidden" in own else []
        parts += [f"{self.routing_iterations} routing"] if self.routing_iterations != 3 else []
        parts += ["approximate squash"] if self.squash == "approximate" else []
        return ", ".join(parts)

    @override
    def size(self, image: ImageShape, sharing: WeightSharing) -> CapsNetSize:
        return CapsNetSize(
            image,
            sharing,
            self.filters,
            self.types,
            self.decoder_hidden,
            self.routing_iterations,
            self.squash,
            primary_kernel=self.primary_kernel,
            primary_stride=self.primary_stride,
            class_size=self.class_size,
        )


@dataclass(frozen=True, slots=True)
class CapsNetSize:
    """Every size of a CapsNet on images of one shape.

    Attributes:
        filters: Channels of the first convolution, before sharing.
        types: Primary capsule types, each ``primary_size`` numbers at every position of the grid.
        grid: Height and width of the primary capsules' grid.
        decoder_hidden: Widths of the decoder's hidden layers.
        routing_iterations: Iterations of routing by agreement.
        squash: How capsule lengths are bounded.
        primary_kernel: Side of the primary convolution's kernels.
        primary_stride: Its stride.
        class_size: Numbers in a class capsule.
    """

    image: ImageShape
    sharing: WeightSharing
    filters: int
    types: int
    decoder_hidden: tuple[int, ...]
    routing_iterations: int = 3
    squash: Squash = "exact"
    primary_kernel: int = 9
    primary_stride: int = 2
    primary_size: int = 8
    class_size: int = 16

    def __post_init__(self) -> None:
        kernel, stride = self.primary_kernel, self.primary_stride
        smallest = KERNEL + kernel - 1
        for side, pixels in (("height", self.image.height), ("width", self.image.width)):
            if pixels < smallest:
                cure = f"choose a primary_kernel of at most {pixels - KERNEL + 1}"
                raise RecipeError(
                    f"model: images of {self.image} leave no capsules: convolutions of {KERNEL}x{KERNEL} and "
                    f"{kernel}x{kernel} need a {side} of at least {smallest}, not {pixels}. Upscale the images, or "
                    f"{cure if pixels >= KERNEL else 'use the model lenet5'}."
                )
        if stride > max(self.convolved):
            raise RecipeError(
                f"model.primary_stride={stride} steps over the whole {'x'.join(map(str, self.convolved))} map of the "
                f"first convolution. Use at most {max(self.convolved)}."
            )
        for key, factor, channels in (
            ("convolution", self.sharing.convolution, self.filters),
            ("primary_capsules", self.sharing.primary_capsules, self.types * self.primary_size),
        ):
            if channels % factor:
                raise RecipeError(
                    f"weight_sharing.{key}={factor} does not divide the {channels} channels of this network. "
                    f"Choose a divisor of {channels}."
                )
        if self.parameters > MOST_PARAMETERS:
            raise RecipeError(
                f"model: a network of {self.parameters:,} weights is too large; at most {MOST_PARAMETERS:,} are "
                "trained. Choose fewer filters or types, smaller class capsules or a narrower decoder, or share "
                "matrices (class_capsules: per_type)."
            )

    @property
    def convolved(self) -> tuple[int, int]:
        """Height and width after the first convolution."""
        return self.image.height - KERNEL + 1, self.image.width - KERNEL + 1

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the grid of primary capsules."""
        height, width = ((side - self.primary_kernel) // self.primary_stride + 1 for side in self.convolved)
        return height, width

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
        return (inputs, *self.decoder_hidden, self.image.pixels)

    @property
    def parameters(self) -> int:
        """Trained weights. The coupling coefficients, which the paper adds, are not trained."""
        filters = self.filters // self.sharing.convolution
        convolution = filters * (self.image.channels * KERNEL**2 + 1)
        channels = self.types * self.primary_size
        primary = channels // self.sharing.primary_capsules * self.filters * self.primary_kernel**2 + channels
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
        primary = self.positions * channels * filters * self.primary_kernel**2
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
