"""LeNet-5 (LeCun et al. 1998), the paper's comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from dse.data.datasets import ImageShape
from dse.recipe.models.model import Model
from dse.recipe.weight_sharing import WeightSharing


class LeNet5Model(Model):
    """LeNet-5, the paper's comparison: images resized to 32x32, ReLU, maximum pooling.

    >>> LeNet5Model().label
    'lenet5'
    """

    name: Literal["lenet5"] = "lenet5"

    @property
    @override
    def label(self) -> str:
        return self.name

    @override
    def size(self, image: ImageShape, sharing: WeightSharing) -> LeNet5Size:
        return LeNet5Size(image)


@dataclass(frozen=True, slots=True)
class LeNet5Size:
    """Every size of LeNet-5 (LeCun et al. 1998) on images of one shape, resized to 32x32."""

    image: ImageShape
    side: int = 32
    channels: tuple[int, int, int] = (6, 16, 120)
    hidden: int = 84
    kernel: int = 5

    @property
    def parameters(self) -> int:
        """How many weights are trained."""
        first, second, third = self.channels
        convolutions = sum(
            out * (fan_in * self.kernel**2 + 1)
            for fan_in, out in ((self.image.channels, first), (first, second), (second, third))
        )
        return convolutions + (third + 1) * self.hidden + (self.hidden + 1) * self.image.classes

    @property
    def multiplications(self) -> int:
        """Multiplications of one forward pass of one image."""
        first, second, third = self.channels
        convolutions = (28 * 28 * self.image.channels * first + 10 * 10 * first * second + second * third) * (
            self.kernel**2
        )
        return convolutions + third * self.hidden + self.hidden * self.image.classes
