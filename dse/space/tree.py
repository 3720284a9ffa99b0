"""A recipe with some values left open: the tree of choices and ranges that recipes are drawn from.

The tree knows no recipe: it draws nested dictionaries. Every open value has a name, its path in the file; below one
of several alternatives the path holds the alternative's label, so that a parameter exists only where it has a meaning.
"""

from __future__ import annotations

import itertools
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from typing_extensions import override

from dse.errors import SpaceError
from dse.space.assignment import Assignment, Scalar, Suggest

Value = TypeVar("Value")


class Node(ABC):
    """A part of a recipe, some of its values left open."""

    __slots__ = ()

    @property
    @abstractmethod
    def size(self) -> float:
        """How many different contents it can have; infinite if a range of real numbers is left open."""

    @abstractmethod
    def draw(self, pick: Suggest) -> Any:
        """Give one content, its open values as they are picked."""

    @abstractmethod
    def points(self) -> Iterator[tuple[Assignment, Any]]:
        """Give every content, with the open values that make it.

        Raises:
            SpaceError: A range of real numbers is left open.
        """

    @abstractmethod
    def corners(self) -> Iterator[Any]:
        """Give contents in which every value and every bound occurs."""

    @abstractmethod
    def locate(self, content: Any, path: str) -> Assignment:
        """Give the open values that make a content.

        Raises:
            SpaceError: There are none; ``path`` says in its text where the content stands.
        """

    def find(self, content: Any) -> Iterator[Assignment]:
        """Give all open values that make a content, whose groups may hold further keys."""
        with suppress(SpaceError):
            yield self.locate(content, "")

    def open_values(self) -> dict[str, str]:
        """Say of every open value what it may be, by its name."""
        return {}


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


@dataclass(frozen=True, slots=True)
class Group(Node):
    """A dictionary of nodes. What is located in it leaves out nothing that is open."""

    members: Mapping[str, Node]

    @property
    @override
    def size(self) -> float:
        return math.prod(member.size for member in self.members.values())

    @override
    def draw(self, pick: Suggest) -> dict[str, Any]:
        return {key: member.draw(pick) for key, member in self.members.items()}

    @override
    def points(self) -> Iterator[tuple[Assignment, Any]]:
        for combination in itertools.product(*(list(member.points()) for member in self.members.values())):
            assignment = _merged(part for part, _ in combination)
            yield assignment, dict(zip(self.members, (content for _, content in combination), strict=True))

    @override
    def corners(self) -> Iterator[Any]:
        for combination in itertools.product(*(list(member.corners()) for member in self.members.values())):
            yield dict(zip(self.members, combination, strict=True))

    @override
    def locate(self, content: Any, path: str) -> Assignment:
        if not isinstance(content, Mapping):
            raise SpaceError(f"{path}={content!r}, but the space has a group of keys here")
        assignment: Assignment = {}
        for key, member in self.members.items():
            if key in content:
                assignment |= member.locate(content[key], f"{path}.{key}")
            elif member.size != 1:
                raise SpaceError(f"{path}.{key} is searched, so its value must be given")
            else:
                assignment |= next(member.points())[0]
        extra = [key for key in content if key not in self.members]
        if extra:
            raise SpaceError(f"{path}.{extra[0]}={content[extra[0]]!r}, but the space has no such key")
        return assignment

    @override
    def find(self, content: Any) -> Iterator[Assignment]:
        if isinstance(content, Mapping) and self.members.keys() <= content.keys():
            found = [list(member.find(content[key])) for key, member in self.members.items()]
            yield from (_merged(combination) for combination in itertools.product(*found))

    @override
    def open_values(self) -> dict[str, str]:
        return _merged(member.open_values() for member in self.members.values())


@dataclass(frozen=True, slots=True)
class Alternatives(Node):
    """One of several groups, each with parameters of its own."""

    name: str
    branches: Mapping[str, Group]

    @property
    @override
    def size(self) -> float:
        return sum(branch.size for branch in self.branches.values())

    @override
    def draw(self, pick: Suggest) -> dict[str, Any]:
        label = pick.suggest_categorical(self.name, list(self.branches))
        return self.branches[str(label)].draw(pick)

    @override
    def points(self) -> Iterator[tuple[Assignment, Any]]:
        for label, branch in self.branches.items():
            for assignment, content in branch.points():
                yield {self.name: label, **assignment}, content

    @override
    def corners(self) -> Iterator[Any]:
        for branch in self.branches.values():
            yield from branch.corners()

    @override
    def locate(self, content: Any, path: str) -> Assignment:
        reasons = []
        for label, branch in self.branches.items():
            try:
                return {self.name: label, **branch.locate(content, path)}
            except SpaceError as reason:
                reasons.append(f"not {label!r}: {reason}")
        raise SpaceError(f"{path} is none of the alternatives ({'; '.join(reasons)})")

    @override
    def find(self, content: Any) -> Iterator[Assignment]:
        for label, branch in self.branches.items():
            for assignment in branch.find(content):
                yield {self.name: label, **assignment}

    @override
    def open_values(self) -> dict[str, str]:
        inner = _merged(branch.open_values() for branch in self.branches.values())
        return {self.name: ", ".join(self.branches)} | inner


def _merged(parts: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    return {name: value for part in parts for name, value in part.items()}
