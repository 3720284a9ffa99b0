"""Which images were right after an epoch: what a paired comparison needs, and what cannot be measured afterwards."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

# More images than any data set has here: what claims more is refused before room is made for it.
MOST_IMAGES = 10_000_000


@dataclass(frozen=True, slots=True)
class Marks:
    """One bit an image, in the order of the data set: whether its class was predicted right.

    Attributes:
        count: How many images there are.
        packed: The bits, eight a byte, as ``numpy.packbits`` packs them; the last byte is filled up with zeros.
    """

    count: int
    packed: bytes

    @classmethod
    def of(cls, right: Bools) -> Self:
        """Pack which images were right; shape (images,).

        >>> marks = Marks.of(np.array([True, False, True]))
        >>> marks.share, marks.unpacked().tolist()
        (0.6666666666666666, [True, False, True])
        """
        return cls(len(right), np.packbits(right).tobytes())

    def unpacked(self) -> Bools:
        """Give which images were right; shape (images,)."""
        return np.unpackbits(np.frombuffer(self.packed, np.uint8), count=self.count).astype(bool)

    @property
    def share(self) -> float:
        """The accuracy that they make."""
        return int.from_bytes(self.packed).bit_count() / self.count

    def encoded(self) -> list[int | str]:
        """Write them as JSON holds them: the count, and the bits of the wrong ones, compressed, in base 64."""
        wrong = np.packbits(~self.unpacked()).tobytes()
        return [self.count, base64.b64encode(zlib.compress(wrong, 9)).decode()]

    @classmethod
    def decoded(cls, content: object) -> Self:
        """Read what ``encoded`` wrote.

        Raises:
            ValueError: It is something else.
        """
        match content:
            case [int(count), str(text)] if 1 <= count <= MOST_IMAGES:
                wrong = _inflated(text, (count + 7) // 8)
                return cls.of(np.unpackbits(np.frombuffer(wrong, np.uint8), count=count) == 0)
        raise ValueError(f"{content!r:.80} is no count of images with their bits")


@dataclass(frozen=True, slots=True)
class Right:
    """Which images were right after one epoch of a run.

    Attributes:
        validation: Of the validation images; None where none were set aside.
        test: Of the test images.
    """

    validation: Marks | None
    test: Marks

    @property
    def choosing(self) -> Marks:
        """Of the images that choose: the validation images or, where none were set aside, the test images."""
        return self.test if self.validation is None else self.validation

    def encoded(self) -> dict[str, list[int | str] | None]:
        """Write them as JSON holds them."""
        return {
            "validation": None if self.validation is None else self.validation.encoded(),
            "test": self.test.encoded(),
        }

    @classmethod
    def decoded(cls, content: object) -> Self:
        """Read what ``encoded`` wrote.

        Raises:
            ValueError: It is something else.
        """
        if not isinstance(content, Mapping):
            raise ValueError(f"{content!r:.80} says of no images whether they were right")
        validation = content.get("validation")
        return cls(
            None if validation is None else Marks.decoded(validation), Marks.decoded(content.get("test"))
        )

    def check(self, validation_accuracy: float | None, test_accuracy: float) -> None:
        """Refuse images that do not make these accuracies.

        Raises:
            ValueError: They make others.
        """
        for name, marks, accuracy in (
            ("validation_accuracy", self.validation, validation_accuracy),
            ("test_accuracy", self.test, test_accuracy),
        ):
            share = None if marks is None else marks.share
            if share != accuracy:
                raise ValueError(f"{name}={accuracy}, but of the images {share} were right")


RightImages = Mapping[tuple[int, int], Right]
"""By number of the trial and epoch; an epoch that was recorded without its images is not there."""

ReadRight = Callable[[Collection[int]], RightImages]
"""Reads the images of the trials with these numbers: those of all trials of a large study take a gigabyte."""


def no_right(numbers: Collection[int]) -> RightImages:
    """Read nothing: no images were recorded."""
    return {}


def _inflated(text: str, size: int) -> bytes:
    try:
        content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    except (zlib.error, binascii.Error) as reason:
        raise ValueError(f"the bits of the images cannot be read ({reason})") from None
    if len(content) != size:
        raise ValueError(f"there are bits of {8 * len(content)} images where {size} bytes are expected")
    return content
