"""Values packed for the page's script: what repeats is stored once, numbers of curves as bytes.

A study of 10,000 trials of 30 epochs has 300,000 points; written out, they alone would be larger than a page may be.
The page's study.js reads all of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

ABSENT = -1


def packed(values: ArrayLike, kind: str) -> str:
    """Write numbers one after the other, little-endian, in base 64.

    Args:
        values: The numbers.
        kind: As numpy names it: ``f4``, ``u2``, ``u1``.

    >>> packed([1, 2], "u2")
    'AQACAA=='
    """
    return base64.b64encode(np.asarray(values).astype(f"<{kind}").tobytes()).decode()


def coded(values: Iterable[object]) -> dict[str, list[Any]]:
    """Store different values once: ``values``, and for each its place there, ``of``.

    >>> coded(["a", "b", "a"])
    {'values': ['a', 'b'], 'of': [0, 1, 0]}
    """
    places: dict[Any, int] = {}
    of = [places.setdefault(value, len(places)) for value in values]
    return {"values": list(places), "of": of}


def coded_labels(labels: Iterable[str]) -> dict[str, list[Any]]:
    """Store the parts of labels once, which recipes share.

    >>> coded_labels(["tiny · fixed", "tiny · one cycle"])
    {'values': ['tiny', 'fixed', 'one cycle'], 'of': [[0, 1], [0, 2]]}
    """
    places: dict[str, int] = {}
    of = [[places.setdefault(part, len(places)) for part in label.split(" · ")] for label in labels]
    return {"values": list(places), "of": of}


def coded_contents(contents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Store nested contents by their keys: each different value of a key once.

    Returns:
        For each path of keys ``path``, its different ``values``, and the place ``of`` each content's value among
        them, -1 where it has no such key; ``of`` is left out where all have the same.

    >>> coded_contents([{"epochs": 5, "model": {"name": "a"}}, {"epochs": 5, "model": {"name": "b"}}])
    [{'path': ['epochs'], 'values': [5]}, {'path': ['model', 'name'], 'values': ['a', 'b'], 'of': [0, 1]}]
    """
    columns: dict[tuple[str, ...], tuple[dict[str, int], list[int]]] = {}
    for number, content in enumerate(contents):
        for path, leaf in _leaves(content):
            places, of = columns.setdefault(path, ({}, []))
            of.extend([ABSENT] * (number - len(of)))
            of.append(places.setdefault(json.dumps(leaf), len(places)))
    found = []
    for path, (places, of) in columns.items():
        of.extend([ABSENT] * (len(contents) - len(of)))
        column = {"path": list(path), "values": [json.loads(text) for text in places]}
        found.append(column if set(of) == {0} else column | {"of": of})
    return found


def _leaves(content: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value
