"""How far apart two accuracies must be to mean anything."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dse.data.datasets import Protocol, Split, find_dataset, split_sizes
from dse.errors import DataError
from dse.record.tables import StudyTables


@dataclass(frozen=True)
class Noise:
    """The binomial standard error of an accuracy.

    Attributes:
        images: Images that the accuracy is measured on.
        standard_error: Its standard error, a share.
    """

    images: int
    standard_error: float


def known_split(tables: StudyTables) -> Split | None:
    """Tell how many images train, choose and test, if the study's space says which data it used."""
    data = tables.space.get("data")
    if not isinstance(data, dict) or "name" not in data:
        return None
    try:
        return split_sizes(
            find_dataset(str(data["name"])),
            Protocol(tables.protocol),
            data.get("images"),
            data.get("validation_images"),
            data.get("test_images"),
        )
    except (DataError, ValueError):
        return None


def accuracy_noise(tables: StudyTables, accuracy: float) -> Noise | None:
    """Work out the standard error of an accuracy on the images that choose; None if their number is unknown.

    If all images are right, or none, the error is that of one image more of either kind: it is not zero.
    """
    split = known_split(tables)
    if split is None:
        return None
    images = split.test_images if tables.protocol == Protocol.PAPER else split.validation_images
    return Noise(images, standard_error(accuracy, images))


def standard_error(accuracy: float, images: int) -> float:
    """Binomial standard error of a share.

    >>> round(standard_error(0.994, 10_000), 5), standard_error(1.0, 200) > 0
    (0.00077, True)
    """
    share = accuracy if 0 < accuracy < 1 else (accuracy * images + 1) / (images + 2)
    return math.sqrt(share * (1 - share) / images)
