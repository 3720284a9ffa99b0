"""How far apart two accuracies must be to mean anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dse.data.choice import DataChoice
from dse.data.datasets import Protocol
from dse.errors import DataError


def known_data(space: Mapping[str, Any], protocol: str) -> DataChoice | None:
    """Give the data of a recorded space; None if it does not name any whose facts are known."""
    data = space.get("data")
    if not isinstance(data, Mapping) or "name" not in data:
        return None
    try:
        choice = DataChoice.parse({**data, "protocol": protocol}, "data", recorded=True)
        choice.split  # noqa: B018 - it must exist
    except (DataError, ValueError):
        return None
    return choice


def choosing_images(space: Mapping[str, Any], protocol: str) -> int | None:
    """Count the images that an accuracy is measured on; None if unknown."""
    data = known_data(space, protocol)
    if data is None:
        return None
    split = data.split
    return split.test_images if protocol == Protocol.PAPER else split.validation_images


def standard_error(accuracy: float, images: int) -> float:
    """Binomial standard error of a share.

    If all images are right, or none, it is that of one image more of either kind: it is not zero.

    >>> round(standard_error(0.994, 10_000), 5), standard_error(1.0, 200) > 0
    (0.00077, True)
    """
    share = accuracy if 0 < accuracy < 1 else (accuracy * images + 1) / (images + 2)
    return math.sqrt(share * (1 - share) / images)
