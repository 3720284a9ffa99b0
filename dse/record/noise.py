"""How far apart two accuracies must be to mean anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dse.data.choice import DataChoice
from dse.data.datasets import Protocol, Split
from dse.errors import DataError


def known_split(space: Mapping[str, Any], protocol: str) -> Split | None:
    """Look up how many images train, choose and test; None if the space does not name its data."""
    data = space.get("data")
    if not isinstance(data, Mapping) or "name" not in data:
        return None
    try:
        return DataChoice(**data, protocol=Protocol(protocol)).split
    except (DataError, ValueError):
        return None


def choosing_images(space: Mapping[str, Any], protocol: str) -> int | None:
    """Count the images that an accuracy is measured on; None if unknown."""
    split = known_split(space, protocol)
    if split is None:
        return None
    return split.test_images if protocol == Protocol.PAPER else split.validation_images


def standard_error(accuracy: float, images: int) -> float:
    """Binomial standard error of a share.

    If all images are right, or none, it is that of one image more of either kind: it is not zero.

    >>> round(standard_error(0.994, 10_000), 5), standard_error(1.0, 200) > 0
    (0.00077, True)
    """
    share = accuracy if 0 < accuracy < 1 else (accuracy * images + 1) / (images + 2)
    return math.sqrt(share * (1 - share) / images)
