"""Efficient-CapsNet (Mazzia, Salvetti & Chiaberge 2021): few weights, and attention in place of routing iterations."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from dse.data.datasets import ImageShape
from dse.errors import RecipeError
from dse.recipe.models.model import Model
from dse.recipe.weight_sharing import WeightSharing

# Channels, kernel and stride of the convolutions, none padded; then kernel of the depthwise one.
CONVOLUTIONS = ((32, 5, 1), (64, 3, 1), (64, 3, 1), (128, 3, 2))
DEPTHWISE_KERNEL = 9
SMALLEST = 27


class EfficientCapsNetModel(Model):
    """Four convolutions, capsules by a depthwise one, and self-attention routing without iterations.

    >>> EfficientCapsNetModel().label
    'efficient'
    """

    parts = frozenset({"weight_sharing", "loss"})
    normalises_batches = True

    name: Literal["efficient_capsnet"] = "efficient_capsnet"

    @property
    @override
    def label(self) -> str:
        return "efficient"

    @override
    def size(self, image: ImageShape, sharing: WeightSharing) -> EfficientCapsNetSize:
        return EfficientCapsNetSize(image, sharing)


@dataclass(frozen=True, slots=True)
class EfficientCapsNetSize:
    """Every size of Efficient-CapsNet on images of one shape.

    Attributes:
        types: Primary capsules at each position.
        primary_size: Numbers of a primary capsule.
        class_size: Numbers of a class capsule.
        hidden: Widths of the decoder's hidden layers.
    """

    image: ImageShape
    sharing: WeightSharing
    types: int = 16
    primary_size: int = 8
    class_size: int = 16
    hidden: tuple[int, int] = (512, 1024)

    def __post_init__(self) -> None:
        for side, pixels in (("height", self.image.height), ("width", self.image.width)):
            if pixels < SMALLEST:
                raise RecipeError(
                    f"images of {self.image} leave no capsules: efficient_capsnet needs a {side} of at least "
                    f"{SMALLEST}, not {pixels}. Upscale the images, or use the model cnn."
                )
        if self.sharing != WeightSharing(decoder=self.sharing.decoder) or self.sharing.decoder == "reduced":
            raise RecipeError(
                f"weight_sharing: {self.sharing.label} is for capsnet: efficient_capsnet can only leave its decoder "
                "out (decoder: none)."
            )

    @property
    def maps(self) -> tuple[tuple[int, int], ...]:
        """Height and width after each convolution, the depthwise one included."""
        height, width = self.image.height, self.image.width
        found = []
        for _, kernel, stride in (*CONVOLUTIONS, (0, DEPTHWISE_KERNEL, 1)):
            height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
            found.append((height, width))
        return tuple(found)

    @property
    def capsules(self) -> int:
        """Primary capsules of an image."""
        height, width = self.maps[-1]
        return height * width * self.types

    @property
    def decoder_widths(self) -> tuple[int, ...]:
        """Widths of the decoder from the class capsules to the pixels; none without a decoder."""
        if self.sharing.decoder == "none":
            return ()
        return (self.image.classes * self.class_size, *self.hidden, self.image.pixels)

    @property
    def parameters(self) -> int:
        """Trained weights: 161,824 on MNIST, as published, and those of the decoder."""
        channels = (self.image.channels, *(count for count, _, _ in CONVOLUTIONS))
        # Each convolution has biases, and a batch normalisation with two numbers a channel.
        convolutions = sum(
            fan_out * (fan_in * kernel**2 + 3)
            for (fan_in, fan_out), (_, kernel, _) in zip(
                itertools.pairwise(channels), CONVOLUTIONS, strict=True
            )
        )
        depthwise = channels[-1] * (DEPTHWISE_KERNEL**2 + 1)
        attention = self.image.classes * self.capsules * (self.primary_size * self.class_size + 1)
        decoder = sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(self.decoder_widths))
        return convolutions + depthwise + attention + decoder

    @property
    def multiplications(self) -> int:
        """Multiplications of one forward pass of one image: convolutions, votes, attention and decoder."""
        channels = (self.image.channels, *(count for count, _, _ in CONVOLUTIONS))
        convolutions = sum(
            height * width * fan_in * fan_out * kernel**2
            for (fan_in, fan_out), (_, kernel, _), (height, width) in zip(
                itertools.pairwise(channels), CONVOLUTIONS, self.maps[:-1], strict=True
            )
        )
        height, width = self.maps[-1]
        depthwise = height * width * channels[-1] * DEPTHWISE_KERNEL**2
        # Votes by matrices, their products with the sum of all, and their weighted sum.
        votes = self.image.classes * self.capsules * self.class_size * (self.primary_size + 2)
        decoder = sum(fan_in * fan_out for fan_in, fan_out in itertools.pairwise(self.decoder_widths))
        return convolutions + depthwise + votes + decoder
