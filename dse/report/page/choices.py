"""Which choices make the front, as a table of the page."""

from __future__ import annotations

from collections.abc import Sequence

from dse.record.tables import StudyTables
from dse.report.choices import choice_rows
from dse.report.dimensions import Dimension
from dse.report.page.table import Cell, Table, make_table
from dse.report.wording import value_text
from dse.units import words


def choices_table(tables: StudyTables, dimensions: Sequence[Dimension]) -> Table:
    """Which choices make the front: the values of each dimension, and the best that recipes with them reach."""
    rows = []
    for row in choice_rows(tables, dimensions):
        share = Cell(
            "" if row.front_share is None else f"{100 * row.front_share:.0f} %", row.front_share, number=True
        )
        cells = {
            "choice": Cell(row.dimension),
            "value": Cell(words(row.value)),
            "recipes": Cell(f"{row.recipes:,}", row.recipes, number=True),
            "share of the front": share,
            "best accuracy": _number("accuracy", row.accuracy),
            "least time to the baseline's accuracy": _number("train_seconds", row.seconds),
        }
        rows.append(("", cells))
    return make_table(rows)


def _number(name: str, value: float | None) -> Cell:
    return Cell(value_text(name, value), value, number=True)
