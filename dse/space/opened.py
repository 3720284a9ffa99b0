"""Search spaces written in Python: what is left open, and parts of a recipe, as a file would hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dse.section import Section, given_keys
from dse.units import clipped


def choices(values: Sequence[object]) -> dict[str, Any]:
    """Leave a value of a search space open: it is one of several.

    Args:
        values: Numbers, words, or what else a file may hold there; at least one.

    >>> choices([32, 128])
    {'choices': [32, 128]}
    """
    return {"choices": values}


def between(low: float, high: float, *, log: bool = False, integer: bool = False) -> dict[str, Any]:
    """Leave a number of a search space open: it is drawn between two bounds, both included.

    Args:
        low: The lower bound.
        high: The upper bound.
        log: Whether it is drawn uniformly in the logarithm.
        integer: Whether it is a whole number.

    >>> between(0.0003, 0.003, log=True)
    {'low': 0.0003, 'high': 0.003, 'log': True}
    """
    marks = {"log": log, "integer": integer}
    return {"low": low, "high": high} | {key: mark for key, mark in marks.items() if mark is not False}


def as_in_a_file(content: object, place: str = "") -> Any:
    """Write what Python holds as a file does: parts of a recipe as the keys that were given, arrays as lists.

    Args:
        content: A value, or lists and groups of them.
        place: Where it stands, for the error's text.

    Raises:
        ValueError: A file can hold no such value.
    """
    if isinstance(content, Section):
        content = given_keys(content)
    if isinstance(content, np.ndarray | np.generic):
        content = content.tolist()
    if isinstance(content, Mapping):
        return {key: as_in_a_file(value, f"{place}.{key}") for key, value in content.items()}
    if isinstance(content, list | tuple | range):
        return [as_in_a_file(value, f"{place}[{i}]") for i, value in enumerate(content)]
    if isinstance(content, str):
        return str(content)
    if content is None or isinstance(content, int | float):
        return content
    raise ValueError(
        f"{place.removeprefix('.')}={clipped(repr(content))} is nothing that a file can hold. Use numbers, texts, "
        "True, False, None, lists, groups of keys, or parts of a recipe."
    )
