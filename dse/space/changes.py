"""A search space with some of its keys replaced, as a command line or a caller asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dse.data.choice import named_data
from dse.space.load import load_space, parse_space
from dse.space.search_space import SearchSpace


def changed(space: SearchSpace, changes: Mapping[str, Any]) -> SearchSpace:
    """Give a space with some of its keys replaced, checked as it is then.

    Raises:
        SpaceError: It makes no sound study.
    """
    if not changes:
        return space
    asked = ", ".join(f"{key}={value!r}" for key, value in changes.items())
    return parse_space(space.dump() | dict(changes), f"{space.name} with {asked}")


def read_space(
    name: str, changes: Mapping[str, Any], dataset: str | None, test_share: float | None = None
) -> SearchSpace:
    """Read a search space with some of its keys replaced, and check it as it is then.

    Args:
        name: A file, or the name of a space that comes with dse.
        changes: Top-level keys to replace; None leaves one as it is.
        dataset: Data set to use instead, or the path of own images.
        test_share: Share of these that becomes their test part, if they have none.

    Raises:
        SpaceError: There is no such file, or it makes no sound study.
    """
    space = load_space(name)
    asked = {key: value for key, value in changes.items() if value is not None}
    if dataset is not None:
        subsets = {"images", "validation_images", "test_images", "split_seed"}
        asked["data"] = space.data.model_dump(include=subsets) | named_data(dataset, test_share)
    return changed(space, asked)
