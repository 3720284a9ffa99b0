"""What colours, shapes, fills and lines of a figure stand for, as data that the page draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dse.report.encoding import FILLED, Channel, Encoding
from dse.units import words

_CORNERS = {
    "square": (4, 45, 1.15),
    "diamond": (4, 0, 1.25),
    "triangle-up": (3, -90, 1.2),
    "triangle-down": (3, 90, 1.2),
    "pentagon": (5, -90, 1.1),
    "hexagon": (6, 0, 1.1),
}


@dataclass(frozen=True)
class Mark:
    """A sign and its meaning.

    Attributes:
        text: The meaning.
        colour: As CSS writes it; that of the legend if empty.
        corners: Of a polygon, as SVG writes them; a circle if empty.
        filled: Whether its inside is coloured.
        line: Class in style.css of a line, which the sign then is.
    """

    text: str
    colour: str = ""
    corners: str = ""
    filled: bool = True
    line: str = ""


@dataclass(frozen=True)
class Group:
    """Marks of one kind, below their name."""

    name: str
    marks: tuple[Mark, ...]


def point_legend(encoding: Encoding, lines: Sequence[Mark]) -> list[Group]:
    """Explain the markers of a figure and its lines."""
    groups = [
        _group(encoding.colour, lambda text, colour: Mark(text, colour)),
        _group(encoding.shape, lambda text, shape: Mark(text, corners=corners(shape))),
        _group(encoding.fill, lambda text, fill: Mark(text, filled=fill == FILLED)),
        Group("", tuple(lines)),
    ]
    return [group for group in groups if group.marks]


def line_legend(encoding: Encoding, lines: Sequence[Mark]) -> list[Group]:
    """Explain the colours of a figure that has lines only, and the other lines."""
    colours = _group(encoding.colour, lambda text, colour: Mark(text, colour, line="heavy"))
    return [group for group in (colours, Group("", tuple(lines))) if group.marks]


def _group(channel: Channel, mark: Callable[[str, str], Mark]) -> Group:
    return Group(channel.title, tuple(mark(words(value), sign) for value, sign in channel.signs))


def corners(shape: str) -> str:
    """Give the corners of a marker in a square of 14 units, as the figures draw it; none of a circle.

    >>> corners("diamond"), corners("circle")
    ('13.0,7.0 7.0,13.0 1.0,7.0 7.0,1.0', '')
    """
    if shape == "circle":
        return ""
    if shape == "star":
        points = [(36.0 * k - 90, 6.2 if k % 2 == 0 else 2.6) for k in range(10)]
    else:
        count, turn, size = _CORNERS[shape]
        points = [(turn + 360 * k / count, 4.8 * size) for k in range(count)]
    return " ".join(
        f"{7 + radius * math.cos(math.radians(angle)):.1f},{7 + radius * math.sin(math.radians(angle)):.1f}"
        for angle, radius in points
    )
