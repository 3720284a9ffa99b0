"""Tables for terminals of any width: numbers are never cut, and words get lines of their own where they do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile, zip_longest

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

from dse.cli.terminal import visible

# Between columns, the widest first.
GAPS = (3, 2, 1)
INDENT = 4
# What a column of words is wrapped to at the least, where it is longer.
READABLE = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A row.

    Attributes:
        cells: What must stay whole, one for each column.
        words: What may stand above and below, one for each column of words.
        style: How it is drawn; empty if as all text.
    """

    cells: tuple[str, ...]
    words: tuple[str, ...] = ()
    style: str = ""


class Listing:
    """A table whose rows take a line each where they fit, and else have their words on lines of their own.

    The first of the words stand above the row, once where several rows share them; the others below it. Where not even
    the cells fit, a row is a paragraph of its columns' names and values.

    Args:
        columns: Names of the columns of cells.
        words: Names of the columns of words, to the right of them.
        left: Those of the columns of cells that hold words too.
        title: Above the table; empty for none.
    """

    def __init__(
        self, columns: Sequence[str], words: Sequence[str], left: Sequence[str] = (), title: str = ""
    ) -> None:
        self._columns = [column.replace("_", " ") for column in columns]
        self._words = list(words)
        self._left = [column in left for column in columns]
        self._title = title
        self._rows: list[Row] = []

    def add_row(self, cells: Sequence[str], words: Sequence[str], style: str = "") -> None:
        """Add a row, its control characters written out."""
        self._rows.append(Row(tuple(map(_line, cells)), tuple(map(_line, words)), style))

    def __len__(self) -> int:
        return len(self._rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        if self._title:
            yield Text(self._title, style="italic")
        yield from self._lines(console, options.max_width)

    def _lines(self, console: Console, width: int) -> Iterator[Text]:
        # A column that is empty in every row, such as the reasons of runs that came to their end, takes no room.
        cells = _in_use(len(self._columns), [row.cells for row in self._rows])
        words = [i for i in range(len(self._words)) if any(row.words[i] for row in self._rows)]
        names, left = [self._columns[i] for i in cells], [self._left[i] for i in cells]
        rows = [[row.cells[i] for i in cells] for row in self._rows]
        widths = [_widest([*name.split(), *(row[i] for row in rows)]) for i, name in enumerate(names)]
        beside = [_widest([self._words[i], *(row.words[i] for row in self._rows)]) for i in words]
        if _taken([*widths, *beside], GAPS[0]) <= width:
            shape = _Shape([*widths, *beside], [*left, *(True for _ in words)], GAPS[0])
            yield from shape.head([*names, *(self._words[i] for i in words)])
            for row, whole in zip(self._rows, rows, strict=True):
                yield shape.line([*whole, *(row.words[i] for i in words)], row.style)
            return
        gap = next((gap for gap in GAPS if _taken(widths, gap) <= width), None)
        narrow = None if gap is None else _Shape(widths, left, gap)
        if narrow is not None:
            yield from narrow.head(names)
        above = ""
        for row, whole in zip(self._rows, rows, strict=True):
            first, *below = row.words or ("",)
            if first != above:
                above = first
                yield from _wrapped(above, row.style, console, width, 1)
            if narrow is not None:
                yield narrow.line(whole, row.style)
            else:
                pairs = [f"{name} {cell}" for name, cell in zip(names, whole, strict=True) if cell]
                for line in _filled(pairs, width - INDENT):
                    yield from _wrapped(line, row.style, console, width, INDENT)
            for each in filter(None, below):
                yield from _wrapped(each, row.style, console, width, INDENT)


class Table:
    """A table whose words are wrapped beside its numbers, and which is a listing where they have no room.

    Args:
        columns: Names of the columns.
        words: For each whether it holds words, which begin on the left and may be wrapped.
        title: Above the table; empty for none.
    """

    def __init__(self, columns: Sequence[str], words: Sequence[bool], title: str = "") -> None:
        self._columns = [column.replace("_", " ") for column in columns]
        self._words = list(words)
        self._rows: list[list[str]] = []
        self.title = title

    def add_row(self, *cells: str) -> None:
        """Add a row, its control characters written out."""
        self._rows.append([_line(cell) for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text | Listing]:
        shown = _in_use(len(self._columns), self._rows)
        names, words = [self._columns[i] for i in shown], [self._words[i] for i in shown]
        rows = [[row[i] for i in shown] for row in self._rows]
        whole, least = [], []
        for i, name in enumerate(names):
            cells = [row[i] for row in rows]
            if words[i]:
                whole.append(_widest([name, *cells]))
                longest = _widest([part for text in [name, *cells] for part in text.split(" ")])
                least.append(max(longest, min(whole[-1], READABLE)))
            else:
                whole.append(_widest([*name.split(), *cells]))
                least.append(whole[-1])
        gap = next((gap for gap in GAPS if _taken(least, gap) <= options.max_width), None)
        if gap is None:
            yield self._listing(names, words, rows)
            return
        if self.title:
            yield Text(self.title, style="italic")
        widths = _widened(least, whole, options.max_width - _taken(least, gap))
        shape = _Shape(widths, words, gap)
        yield from shape.head(names)
        for row in rows:
            columns = [
                _stacked(cell, width) if is_words else [cell]
                for cell, is_words, width in zip(row, words, widths, strict=True)
            ]
            for line in zip_longest(*columns, fillvalue=""):
                yield shape.line(line)

    def _listing(self, names: Sequence[str], words: Sequence[bool], rows: Sequence[Sequence[str]]) -> Listing:
        """Let words that begin the row stand above it, and those that end it below."""
        last = len(words) - len(list(takewhile(bool, reversed(words))))
        first = int(words[0] and last > 0)
        inner = slice(first, last)
        listing = Listing(
            names[inner],
            [*names[:first], *names[last:]],
            [name for name, is_words in zip(names[inner], words[inner], strict=True) if is_words],
            self.title,
        )
        for row in rows:
            listing.add_row(row[inner], [*row[:first], *row[last:]])
        return listing


@dataclass(frozen=True, slots=True)
class _Shape:
    """How wide columns are, which of them begin on the left, and how far they are apart."""

    widths: Sequence[int]
    left: Sequence[bool]
    gap: int

    def line(self, cells: Sequence[str], style: str = "") -> Text:
        padded = (
            cell + " " * (width - cell_len(cell)) if to_left else " " * (width - cell_len(cell)) + cell
            for cell, width, to_left in zip(cells, self.widths, self.left, strict=True)
        )
        return Text(" " + (" " * self.gap).join(padded).rstrip(), style)

    def head(self, names: Sequence[str]) -> Iterator[Text]:
        """Draw the names of the columns, on as many lines as the longest takes, and a rule."""
        columns = [_stacked(name, width) for name, width in zip(names, self.widths, strict=True)]
        height = max(map(len, columns), default=0)
        columns = [[""] * (height - len(lines)) + lines for lines in columns]
        for line in zip(*columns, strict=True):
            yield self.line(line, "bold")
        yield Text(" " + "─" * (_taken(self.widths, self.gap) - 1))


def _in_use(count: int, rows: Sequence[Sequence[str]]) -> list[int]:
    """Give the columns in which any row has something; all where there is no row."""
    return [i for i in range(count) if not rows or any(row[i] for row in rows)]


def _widened(least: Sequence[int], whole: Sequence[int], room: int) -> list[int]:
    """Share room out among columns, as much to each as it can use.

    >>> _widened([5, 20, 20], [5, 22, 60], 30)
    [5, 22, 48]
    """
    widths = list(least)
    wanted = [each - own for each, own in zip(whole, least, strict=True)]
    for left, i in zip(
        range(len(least), 0, -1), sorted(range(len(least)), key=wanted.__getitem__), strict=True
    ):
        added = min(wanted[i], room // left)
        widths[i] += added
        room -= added
    return widths


def _widest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _filled(parts: Sequence[str], width: int) -> list[str]:
    """Put parts on as few lines as they fit on, none of them broken.

    >>> _filled(["trial 8", "epoch 1", "seeds 3"], 16)
    ['trial 8  epoch 1', 'seeds 3']
    """
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(f"{lines[-1]}  {part}") <= width:
            lines[-1] += f"  {part}"
        else:
            lines.append(part)
    return lines


def _line(text: str) -> str:
    return re.sub(r"[\n\t]+", " ", visible(text))


def _taken(widths: Sequence[int], gap: int) -> int:
    return 1 + sum(widths) + gap * (len(widths) - 1)


def _stacked(name: str, width: int) -> list[str]:
    """Break a name between words, so that each line fits.

    >>> _stacked("train seconds", 8)
    ['train', 'seconds']
    """
    lines: list[str] = []
    for word in name.split(" "):
        if lines and cell_len(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _wrapped(text: str, style: str, console: Console, width: int, indent: int) -> Iterator[Text]:
    for line in Text(text, style).wrap(console, max(1, width - indent)):
        line.rstrip()
        yield Text(" " * indent, style).append_text(line)
