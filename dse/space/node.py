"""What every part of a recipe with open values can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from dse.errors import SpaceError
from dse.space.assignment import Assignment, Suggest


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
