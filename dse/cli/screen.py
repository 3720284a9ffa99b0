"""A study at work as it fits a terminal of any height."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from dse.cli.listing import Listing

RECENT = 6
FRONT_ROWS = 10
# How many trials and points of the front are shown, from the most down: what the terminal's height has room for is.
ROWS = [
    *((RECENT, front) for front in range(FRONT_ROWS, 2, -1)),
    *((recent, 3) for recent in range(RECENT - 1, 1, -1)),
    *((2, 2), (1, 2), (1, 1), (1, 0), (0, 0)),
]


@dataclass(frozen=True)
class StudyScreen:
    """A study as it fits a terminal: its status is the last line, whatever else has to go.

    Attributes:
        answer: What it answers so far.
        status: How far it is.
        recent: Lists its latest trials, at most so many.
        front: Lists its front, at most so many points.
    """

    answer: str
    status: str
    recent: Callable[[int], Listing]
    front: Callable[[int], Listing]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        room = console.height
        free = options.update(height=None)
        status = console.render_lines(self.status, free, pad=False)[:room]
        answer = (
            console.render_lines(self.answer, free, pad=False)[: room - len(status)] if self.answer else []
        )
        lines = [*answer, *self._tables(console, free, room - len(answer) - len(status)), *status]
        for i, line in enumerate(lines):
            yield from line
            if i < len(lines) - 1:
                yield Segment.line()

    def _tables(self, console: Console, options: ConsoleOptions, room: int) -> list[list[Segment]]:
        for recent, front in ROWS:
            tables = [self.recent(recent), self.front(front)]
            lines = [
                line
                for table in tables
                if len(table)
                for line in ([], *console.render_lines(table, options, pad=False))
            ]
            if len(lines) <= room:
                return [*lines, []] if lines and len(lines) < room else lines
        return []
