"""A table of the page: columns, rows and cells, as the templates lay them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column's title, and whether its cells are numbers, which stand to the right."""

    title: str
    number: bool = False


@dataclass(frozen=True)
class Cell:
    """A table's cell.

    Attributes:
        text: What is read.
        value: What a number is sorted by; None if it is missing.
        tag: A remark after the text.
        number: Whether it stands to the right.
        wide: Whether it holds a phrase, which should not break after every word.
        pin: The stop whose card a click shows, as the page's address names it; empty if there is none.
    """

    text: str
    value: float | None = None
    tag: str = ""
    number: bool = False
    wide: bool = False
    pin: str = ""

    @property
    def sort_key(self) -> str:
        """The value as the page's script sorts it; empty comes last."""
        return "" if self.value is None else f"{self.value:.10g}"


@dataclass(frozen=True)
class Row:
    """A table's row.

    Attributes:
        cells: One for each column.
        kind: ``baseline`` or ``answer``, which style.css sets off, or empty.
    """

    cells: tuple[Cell, ...]
    kind: str


@dataclass(frozen=True)
class Table:
    """A table that sorts by a click on a title; of no row, it has no column either.

    Attributes:
        columns: Its columns.
        rows: Its rows, as many as a page can hold.
        total: How many there are.
    """

    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    total: int = 0


def make_table(rows: Sequence[tuple[str, Mapping[str, Cell]]], total: int = 0) -> Table:
    """Make a table of rows, each with its kind and its cells by the title of their column.

    Args:
        rows: What is shown.
        total: How many rows there are, if that is more.
    """
    if not rows:
        return Table()
    columns = tuple(Column(title, cell.number) for title, cell in rows[0][1].items())
    return Table(columns, tuple(Row(tuple(cells.values()), kind) for kind, cells in rows), total or len(rows))
