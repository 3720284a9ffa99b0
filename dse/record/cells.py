"""Text in CSV files: what a spreadsheet would take for a formula is written as text, and read back as it was."""

from __future__ import annotations

import csv
import re
from typing import Any

import pandas as pd

# What begins a formula, in its wide form too; leading white space of these kinds hides one.
_BEGINS = "=+\\-@\t\r\n＝＋－＠"
_FORMULA = re.compile(f"'*[{_BEGINS}]")
_ESCAPED = re.compile(f"'+[{_BEGINS}]")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


def escaped(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would compute; numbers stay what they are.

    >>> escaped("=1+1"), escaped("-0.5"), escaped("'=1"), escaped("plain")
    ("'=1+1", '-0.5', "''=1", 'plain')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unescaped(text: str) -> str:
    """Undo ``escaped``.

    >>> unescaped("'=1+1"), unescaped("-0.5"), unescaped("'tis")
    ('=1+1', '-0.5', "'tis")
    """
    return text[1:] if _ESCAPED.match(text) else text


def to_csv(frame: pd.DataFrame) -> str:
    """Write a frame as CSV, without its index; what is missing is empty.

    ``DataFrame.to_csv`` writes the same, and spends most of its time on making texts of columns, part by part.
    """
    lines = _Lines()
    # The writer quotes what holds a part of the end that it knows, and ``\r`` must be.
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(frame.columns)
    writer.writerows(zip(*(_cells(frame[name]) for name in frame), strict=True))
    return "".join([line.removesuffix("\r\n") + "\n" for line in lines])


def _cells(column: pd.Series) -> list[Any]:
    values = column.tolist()
    if pd.api.types.is_string_dtype(column.dtype):
        known = {value: escaped(value) for value in set(values) if isinstance(value, str)}
        values = [known.get(value, value) for value in values]
    if column.hasnans:
        values = ["" if missing else value for value, missing in zip(values, column.isna(), strict=True)]
    return values


class _Lines(list[str]):
    """Takes what a writer writes, a row at a time."""

    write = list.append
