"""Text in CSV files: what a spreadsheet would take for a formula is written as text, and read back as it was."""

from __future__ import annotations

import re
from itertools import chain

import numpy as np
import pandas as pd

# What begins a formula, in its wide form too; leading white space of these kinds hides one.
_BEGINS = "=+\\-@\t\r\n＝＋－＠"
_FORMULA = re.compile(f"'*[{_BEGINS}]")
_ESCAPED = re.compile(f"'+[{_BEGINS}]")
_QUOTED = re.compile(r'[,"\r\n]')
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

    ``DataFrame.to_csv`` and ``csv.writer`` write the same, and make a text of every cell: here it is made once for all
    cells of a column that hold the same.
    """
    rows = zip(*(_cells(frame[name]) for name in frame), strict=True)
    return "".join([",".join(row) + "\n" for row in chain([map(_quoted, frame.columns)], rows)])


def _cells(column: pd.Series) -> list[str]:
    places, values = pd.factorize(column)
    said = [_quoted(escaped(value)) if isinstance(value, str) else str(value) for value in values.tolist()]
    # What is missing has the place -1.
    cells: list[str] = np.array([*said, ""], dtype=object)[places].tolist()
    return cells


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
