"""A recipe with some values left open: the tree of choices and ranges that recipes are drawn from.

The tree knows no recipe: it turns what a file holds (nested dictionaries) into nodes, and draws nested
dictionaries from them. Every open value has a name, its path in the file; below one of several
alternatives the path holds the alternative's label, so that a parameter exists only where it has a meaning.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from dse.errors import SpaceError

Scalar = str | int | float | bool | None
Assignment = dict[str, Scalar]


class Suggest(Protocol):
    """Whoever picks values; an Optuna trial is one."""

    def suggest_categorical(self, name: str, choices: list[Scalar]) -> Scalar:
        """Pick one of the choices."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Pick a number between the bounds."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Pick a whole number between the bounds."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value that the space gives: nothing is searched."""

    value: Any

    def draw(self, pick: Suggest) -> Any:
        """Give the value."""
        return self.value

    def points(self) -> Iterator[tuple[Assignment, Any]]:
        """Give the one point."""
        yield {}, self.value

    def corners(self) -> Iterator[Any]:
        """Give the value."""
        yield self.value

    def locate(self, content: Any, path: str) -> Assignment:
        """Check that the content is the value."""
        if content != self.value:
            raise SpaceError(f"{path}={content!r}, but the space fixes it to {self.value!r}")
        return {}

    def find(self, content: Any) -> Iterator[Assignment]:
        """Give the empty assignment if the content is the value."""
        if content == self.value:
            yield {}

    @property
    def size(self) -> float:
        """One."""
        return 1


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values."""

    name: str
    values: tuple[Any, ...]

    @property
    def ids(self) -> list[Scalar]:
        """The values as a storage keeps them: numbers and words as they are, the rest as text."""
        return [
            value if isinstance(value, str | int | float | bool) else json.dumps(value)
            for value in self.values
        ]

    def draw(self, pick: Suggest) -> Any:
        """Pick a value."""
        return self.values[self.ids.index(pick.suggest_categorical(self.name, self.ids))]

    def points(self) -> Iterator[tuple[Assignment, Any]]:
        """Give every value."""
        for identity, value in zip(self.ids, self.values, strict=True):
            yield {self.name: identity}, value

    def corners(self) -> Iterator[Any]:
        """Give every value."""
        yield from self.values

    def locate(self, content: Any, path: str) -> Assignment:
        """Find the content among the values."""
        for identity, value in zip(self.ids, self.values, strict=True):
            if value == content and isinstance(value, bool) == isinstance(content, bool):
                return {self.name: identity}
        raise SpaceError(f"{path}={content!r}, but the choices are {list(self.values)}")

    def find(self, content: Any) -> Iterator[Assignment]:
        """Give the value that is the content."""
        with suppress(SpaceError):
            yield self.locate(content, self.name)

    @property
    def size(self) -> float:
        """How many there are."""
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two bounds, both included; uniform in the logarithm if ``log``."""

    name: str
    low: float
    high: float
    log: bool
    integer: bool

    def draw(self, pick: Suggest) -> float:
        """Pick a number."""
        if self.integer:
            return pick.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return pick.suggest_float(self.name, self.low, self.high, log=self.log)

    def points(self) -> Iterator[tuple[Assignment, Any]]:
        """Give every whole number; a range of real numbers cannot be listed."""
        if not self.integer:
            raise SpaceError(f"{self.name} is a range of real numbers, which cannot be listed. Use choices.")
        for value in range(int(self.low), int(self.high) + 1):
            yield {self.name: value}, value

    def corners(self) -> Iterator[Any]:
        """Give both bounds."""
        yield self.low
        yield self.high

    def locate(self, content: Any, path: str) -> Assignment:
        """Check that the content is a number within the bounds."""
        if (
            not isinstance(content, int | float)
            or isinstance(content, bool)
            or not self.low <= content <= self.high
        ):
            raise SpaceError(f"{path}={content!r}, but the range is {self.low} to {self.high}")
        return {self.name: content}

    def find(self, content: Any) -> Iterator[Assignment]:
        """Give the number if it lies within the bounds."""
        with suppress(SpaceError):
            yield self.locate(content, self.name)

    @property
    def size(self) -> float:
        """How many whole numbers there are; infinite for real numbers."""
        return self.high - self.low + 1 if self.integer else math.inf


@dataclass(frozen=True, slots=True)
class Group:
    """A dictionary of nodes."""

    members: Mapping[str, Node]

    def draw(self, pick: Suggest) -> dict[str, Any]:
        """Draw every member."""
        return {key: member.draw(pick) for key, member in self.members.items()}

    def points(self) -> Iterator[tuple[Assignment, Any]]:
        """Give every combination."""
        for combination in itertools.product(*(list(member.points()) for member in self.members.values())):
            assignment = {name: value for part, _ in combination for name, value in part.items()}
            yield assignment, dict(zip(self.members, (content for _, content in combination), strict=True))

    def corners(self) -> Iterator[Any]:
        """Give every combination of the members' corners."""
        for combination in itertools.product(*(list(member.corners()) for member in self.members.values())):
            yield dict(zip(self.members, combination, strict=True))

    def locate(self, content: Any, path: str) -> Assignment:
        """Find every member; members that the content leaves out must be fixed by the space."""
        if not isinstance(content, Mapping):
            raise SpaceError(f"{path}={content!r}, but the space has a group of keys here")
        assignment: Assignment = {}
        for key, member in self.members.items():
            if key in content:
                assignment |= member.locate(content[key], f"{path}.{key}")
            elif member.size != 1:
                raise SpaceError(f"{path}.{key} is searched, so its value must be given")
        extra = [key for key in content if key not in self.members]
        if extra:
            raise SpaceError(f"{path}.{extra[0]}={content[extra[0]]!r}, but the space has no such key")
        return assignment

    def find(self, content: Any) -> Iterator[Assignment]:
        """Give every assignment that draws a part of the content; its other keys may hold anything."""
        if not isinstance(content, Mapping) or not self.members.keys() <= content.keys():
            return
        found = [list(member.find(content[key])) for key, member in self.members.items()]
        for combination in itertools.product(*found):
            yield {name: value for part in combination for name, value in part.items()}

    @property
    def size(self) -> float:
        """The product of the members' sizes."""
        return math.prod(member.size for member in self.members.values())


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One of several groups, each with parameters of its own."""

    name: str
    branches: Mapping[str, Group]

    def draw(self, pick: Suggest) -> dict[str, Any]:
        """Pick a group, then draw it."""
        label = pick.suggest_categorical(self.name, list(self.branches))
        return self.branches[str(label)].draw(pick)

    def points(self) -> Iterator[tuple[Assignment, Any]]:
        """Give every point of every group."""
        for label, branch in self.branches.items():
            for assignment, content in branch.points():
                yield {self.name: label, **assignment}, content

    def corners(self) -> Iterator[Any]:
        """Give the corners of every group."""
        for branch in self.branches.values():
            yield from branch.corners()

    def locate(self, content: Any, path: str) -> Assignment:
        """Find the group that holds the content."""
        reasons = []
        for label, branch in self.branches.items():
            try:
                return {self.name: label, **branch.locate(content, path)}
            except SpaceError as reason:
                reasons.append(f"not {label!r}: {reason}")
        raise SpaceError(f"{path} is none of the alternatives ({'; '.join(reasons)})")

    def find(self, content: Any) -> Iterator[Assignment]:
        """Give what each group finds."""
        for label, branch in self.branches.items():
            for assignment in branch.find(content):
                yield {self.name: label, **assignment}

    @property
    def size(self) -> float:
        """The sum of the groups' sizes."""
        return sum(branch.size for branch in self.branches.values())


Node = Given | Choice | Range | Group | Alternatives


def open_values(node: Node) -> dict[str, str]:
    """Say of every value that a tree leaves open what it may be, by its name.

    >>> open_values(Group({"size": Choice("batch_size.size", (32, 128))}))
    {'batch_size.size': '32, 128'}
    """
    if isinstance(node, Choice):
        return {node.name: ", ".join(str(identity) for identity in node.ids)}
    if isinstance(node, Range):
        return {node.name: f"{node.low} to {node.high}{', log' if node.log else ''}"}
    if isinstance(node, Alternatives):
        inner = [open_values(branch) for branch in node.branches.values()]
        return {node.name: ", ".join(node.branches)} | {
            name: text for part in inner for name, text in part.items()
        }
    if isinstance(node, Group):
        return {name: text for member in node.members.values() for name, text in open_values(member).items()}
    return {}
