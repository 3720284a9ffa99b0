"""What reaches the terminal, and how it looks there: the one place where text from elsewhere is made harmless."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from dse.units import value_text, without_passwords

if TYPE_CHECKING:
    from rich.console import Console

    from dse.cli.listing import Table

PIPE_WIDTH = 160

# Columns that hold words, and may be wrapped.
WORDS = (
    "recipe",
    "state",
    "what for",
    "files",
    "data set",
    "name",
    "result",
    "study",
    "data",
    "answer",
    "better",
)

# Controls (escape sequences begin with one), invisible formats (some turn the direction of writing around), halves of
# characters (what no encoding knows), and separators that terminals do not agree on.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str) -> str:
    r"""Write control characters of a text out, line ends and tabs left as they are; leave passwords of URLs out.

    >>> visible("\x1b[31mred\n")
    '\\x1b[31mred\n'
    """
    text = without_passwords(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each.encode("unicode_escape").decode()
        if each not in "\n\t" and unicodedata.category(each) in _INVISIBLE
        else each
        for each in text
    )


def say(text: object, *, err: bool = False) -> None:
    """Print a line, its control characters made visible; nobody minds if the terminal is gone."""
    output = LastingStream(sys.stderr if err else sys.stdout)
    output.write(visible(str(text)) + "\n")
    output.flush()


class LastingStream:
    """An output that may go away, as a terminal or a pipe does: what is written afterwards is lost, without an error.

    Args:
        stream: Where the output goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = False

    def write(self, text: str) -> int:
        """Write a text, as far as anybody can see it."""
        if self._lost:
            return len(text)
        try:
            return self._stream.write(text)
        except OSError:
            self._lose()
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            return self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        try:
            if not self._lost:
                self._stream.flush()
        except OSError:
            self._lose()

    def _lose(self) -> None:
        self._lost = True
        # Python flushes the lost stream once more at its exit, and would complain.
        with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)


def plain_table(*columns: str, title: str = "") -> Table:
    """Make a table for the terminal: numbers to the right and whole, words to the left and wrapped."""
    from dse.cli.listing import Table

    return Table(columns, [column in WORDS for column in columns], title)


def console(*, errors: bool = False) -> Console:
    """Give the console that is printed to: as wide as the terminal, or wide enough for a pipe.

    Text is shown as it is: brackets are no markup, and control characters are written out.

    Args:
        errors: Whether it is the standard error, since the output is for a program.
    """
    from rich.console import Console
    from rich.text import Text

    class PlainConsole(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            """Turn text, and every cell of a table, into what is drawn."""
            return super().render_str(visible(text), **{**options, "markup": False, "emoji": False})

    # Rich asks a stream for writing, flushing and what it is, no more.
    output: Any = LastingStream(sys.stderr if errors else sys.stdout)
    found = PlainConsole(file=output, markup=False, highlight=False, emoji=False)
    if not found.is_terminal:
        found = PlainConsole(file=output, markup=False, highlight=False, emoji=False, width=PIPE_WIDTH)
    return found


def print_sentence(output: Console, text: str, indent: int = 0) -> None:
    """Print a sentence: wrapped between words on a terminal, else one line, however long.

    Args:
        output: Where to.
        text: The sentence.
        indent: Spaces before each of its lines.
    """
    from rich.padding import Padding

    if output.is_terminal:
        output.print(Padding(text, (0, 0, 0, indent)))
    else:
        output.print(" " * indent + text, soft_wrap=True)


def format_value(name: str, value: object) -> str:
    """Write an objective's value as the report does, on one line."""
    from dse.record.objectives import OBJECTIVES

    return value_text(value, OBJECTIVES[name].unit).replace(" ", "\u00a0")
