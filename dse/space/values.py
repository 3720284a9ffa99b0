"""The leaves of a recipe's tree: a value that is given, one of several, or a number between two."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from dse.errors import SpaceError
from dse.space.assignment import Assignment, Scalar, Suggest
from dse.space.node import Node


@dataclass(frozen=True, slots=True)
class Given(Node):
    """A value that the space gives: nothing is searched."""

    value: Any

    @property
    @override
    def size(self) -> float:
        return 1

    @override
    def draw(self, pick: Suggest) -> Any:
        return self.value

    @override
    def points(self) -> Iterator[tuple[Assignment, Any]]:
        yield {}, self.value

    @override
    def corners(self) -> Iterator[Any]:
        yield self.value

    @override
    def locate(self, content: Any, path: str) -> Assignment:
        if content != self.value:
            raise SpaceError(f"{path}={content!r}, but the space fixes it to {self.value!r}")
        return {}


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """One of several values.

    >>> Choice("batch_size.size", (32, 128)).open_values()
    {'batch_size.size': '32, 128'}
    """

    name: str
    values: tuple[Any, ...]

    @property
    def ids(self) -> list[Scalar]:
        """The values as a storage keeps them: numbers and words as they are, the rest as text."""
        scalar = (str, int, float, bool)
        return [value if isinstance(value, scalar) else json.dumps(value) for value in self.values]

    @property
    @override
    def size(self) -> float:
        return len(self.values)

    @override
    def draw(self, pick: Suggest) -> Any:
        return self.values[self.ids.index(pick.suggest_categorical(self.name, self.ids))]

    @override
    def points(self) -> Iterator[tuple[Assignment, Any]]:
        for identity, value in zip(self.ids, self.values, strict=True):
            yield {self.name: identity}, value

    @override
    def corners(self) -> Iterator[Any]:
        yield from self.values

    @override
    def locate(self, content: Any, path: str) -> Assignment:
        for identity, value in zip(self.ids, self.values, strict=True):
            if value == content and isinstance(value, bool) == isinstance(content, bool):
                return {self.name: identity}
        raise SpaceError(f"{path}={content!r}, but the choices are {list(self.values)}")

    @override
    def open_values(self) -> dict[str, str]:
        return {self.name: ", ".join(str(identity) for identity in self.ids)}


@dataclass(frozen=True, slots=True)
class Range(Node):
    """A number between two bounds, both included; uniform in the logarithm if ``log``."""

    name: str
    low: float
    high: float
    log: bool
    integer: bool

    @property
    @override
    def size(self) -> float:
        return self.high - self.low + 1 if self.integer else math.inf

    @override
    def draw(self, pick: Suggest) -> float:
        if self.integer:
            return pick.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return pick.suggest_float(self.name, self.low, self.high, log=self.log)

    @override
    def points(self) -> Iterator[tuple[Assignment, Any]]:
        if not self.integer:
            raise SpaceError(f"{self.name} is a range of real numbers, which cannot be listed. Use choices.")
        for value in range(int(self.low), int(self.high) + 1):
            yield {self.name: value}, value

    @override
    def corners(self) -> Iterator[Any]:
        yield self.low
        if self.integer and self.low + 1 < self.high:
            # No factor divides two neighbours, so one of them shows that a range does not fit a sharing.
            yield self.low + 1
        yield self.high

    @override
    def locate(self, content: Any, path: str) -> Assignment:
        number = isinstance(content, int | float) and not isinstance(content, bool)
        if not number or not self.low <= content <= self.high:
            raise SpaceError(f"{path}={content!r}, but the range is {self.low} to {self.high}")
        return {self.name: content}

    @override
    def open_values(self) -> dict[str, str]:
        return {self.name: f"{self.low} to {self.high}{', log' if self.log else ''}"}
