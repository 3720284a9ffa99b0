"""What lies at the path of the user's own images, before and after its pixels are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dse.data.strata import Labels

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Images of one part, training or test, whose pixels are not read yet.

    Attributes:
        where: File or folder that its labels come from, for error texts.
        labels: Classes counted from 0, shape (B,).
        pixels: Reads 0..255, shape (B, C, H, W).
    """

    where: str
    labels: Labels
    pixels: Callable[[], Pixels]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What lies at a path.

    Attributes:
        path: Where it lies.
        image: Channels, height and width of every image.
        train: The training part.
        test: The test part; None if there is none.
        missing_test: What would be the test part, for the text that says so.
        class_names: Names of the classes, if they have any.
    """

    path: Path
    image: tuple[int, int, int]
    train: Part
    test: Part | None
    missing_test: str
    class_names: tuple[str, ...] = ()

    @property
    def parts(self) -> list[Part]:
        """The parts that there are."""
        return [self.train] if self.test is None else [self.train, self.test]
