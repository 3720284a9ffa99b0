"""How tables and values look on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dse.units import value_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPE_WIDTH = 160


def plain_table(*columns: str, title: str | None = None) -> Table:
    """Make a table for the terminal: few lines, numbers to the right, words to the left and wrapped."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        words = column in ("recipe", "state", "what for", "files", "data set", "name", "result")
        table.add_column(
            column.replace("_", " "), justify="left" if words else "right", ratio=1 if words else None
        )
    return table


def console() -> Console:
    """Give the console that tables are printed to: as wide as the terminal, or wide enough for a pipe."""
    from rich.console import Console

    found = Console()
    return found if found.is_terminal else Console(width=PIPE_WIDTH)


def format_value(name: str, value: object) -> str:
    """Write an objective's value as the report does, on one line."""
    from dse.record.objectives import OBJECTIVES

    return value_text(value, OBJECTIVES[name].unit).replace(" ", "\u00a0")
