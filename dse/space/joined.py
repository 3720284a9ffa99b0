"""A recipe's tree: blocks that are free of each other, and blocks that belong together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from dse.errors import SpaceError
from dse.space.assignment import Assignment, Suggest
from dse.space.tree import Alternatives, Group, Node

ONE_OF = "one_of"
"""The key of a space's recipe that holds, by a name of each, groups of blocks that belong together."""


@dataclass(frozen=True, slots=True)
class Joined(Node):
    """Blocks that every recipe has, and one of several groups of others; no block is in both.

    >>> from dse.space.tree import Choice, Given
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
