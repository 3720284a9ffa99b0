"""A recipe with some values left open: the tree of choices and ranges that recipes are drawn from.

The tree knows no recipe: it draws nested dictionaries. Every open value has a name, its path in the file; below one
of several alternatives the path holds the alternative's label, so that a parameter exists only where it has a meaning.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from typing_extensions import override

from dse.errors import SpaceError
from dse.space.assignment import Assignment, Suggest
from dse.space.node import Node

ONE_OF = "one_of"
"""The key of a space's recipe that holds, by a name of each, groups of blocks that belong together."""

Value = TypeVar("Value")


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


@dataclass(frozen=True, slots=True)
class Joined(Node):
    """Blocks that every recipe has, and one of several groups of others; no block is in both.

    >>> from dse.space.values import Choice, Given
    >>> ways = Alternatives("one_of", {"a": Group({"x": Given(1)}), "b": Group({"x": Given(2), "y": Given(3)})})
    >>> tree = Joined(Group({"z": Choice("z", (8, 9))}), ways)
    >>> tree.size, [content for _, content in tree.points()][-1]
    (4, {'z': 9, 'x': 2, 'y': 3})
    """

    common: Group
    ways: Alternatives

    @property
    @override
    def size(self) -> float:
        return self.common.size * self.ways.size

    @override
    def draw(self, pick: Suggest) -> dict[str, Any]:
        return self.common.draw(pick) | self.ways.draw(pick)

    @override
    def points(self) -> Iterator[tuple[Assignment, Any]]:
        for (one, common), (other, way) in itertools.product(self.common.points(), list(self.ways.points())):
            yield one | other, common | way

    @override
    def corners(self) -> Iterator[Any]:
        for group in plain_groups(self):
            yield from group.corners()

    @override
    def locate(self, content: Any, path: str) -> Assignment:
        if not isinstance(content, Mapping):
            raise SpaceError(f"{path}={content!r}, but the space has a group of keys here")
        common, way = self._apart(content)
        return self.common.locate(common, path) | self.ways.locate(way, path)

    @override
    def find(self, content: Any) -> Iterator[Assignment]:
        common, way = self._apart(content)
        for one, other in itertools.product(list(self.common.find(common)), list(self.ways.find(way))):
            yield one | other

    @override
    def open_values(self) -> dict[str, str]:
        return self.common.open_values() | self.ways.open_values()

    def _apart(self, content: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        common = {key: value for key, value in content.items() if key in self.common.members}
        return common, {key: value for key, value in content.items() if key not in common}


def plain_groups(tree: Group | Joined) -> list[Group]:
    """Give every way that a recipe can be as one group of all its blocks."""
    if isinstance(tree, Group):
        return [tree]
    return [Group({**tree.common.members, **way.members}) for way in tree.ways.branches.values()]


def _merged(parts: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    return {name: value for part in parts for name, value in part.items()}
