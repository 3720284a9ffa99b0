"""Reading search spaces from files and records."""

from __future__ import annotations

from pathlib import Path

from dse.errors import DataError, SpaceError
from dse.files import read_yaml
from dse.space.search_space import SearchSpace
from dse.space.shipped import find_space


def load_space(source: str | Path) -> SearchSpace:
    """Read a search space.

    Args:
        source: A YAML file, or the name of a space that comes with dse.

    Raises:
        SpaceError: There is no such file, it cannot be read, or what it holds makes no sound study.

    >>> load_space("quickstart").data.name
    'digits'
    """
    path = find_space(source)
    return parse_space(read_yaml(path, SpaceError), str(path))


def parse_space(content: object, source: str, *, recorded: bool = False) -> SearchSpace:
    """Make a search space of what a file holds, and check every recipe that can come of it.

    Args:
        content: Nested dictionaries and lists.
        source: Where it comes from, for the error's text.
        recorded: Whether a study recorded it, which checked it before; then only that its baseline can be read.

    Raises:
        SpaceError: A key is unknown, a value of the wrong type or out of its limits, a choice empty, a range
            upside down, a batch larger than the data, a schedule that does not cover the epochs, a baseline
            that is no point of the space.
    """
    if not isinstance(content, dict):
        raise SpaceError(f"{source}: holds no keys. A search space needs at least name, recipe and baseline.")
    try:
        return SearchSpace.parse(content, source, recorded=recorded)
    except DataError as error:  # of the files of own images
        raise DataError(f"{source}: data: {error}") from None
