"""Pieces of the page: tables, legend, facts. Everything that a user wrote is escaped here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from dse.report.encoding import Encoding
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
class Cell:
    """A table's cell.

    Attributes:
        text: What is read; not escaped yet.
        value: What it is sorted by; the text if None.
        tag: A remark after the text.
        number: Whether it stands to the right.
        wide: Whether it holds a phrase, which should not break after every word.
    """

    text: str
    value: float | None = None
    tag: str = ""
    number: bool = False
    wide: bool = False

    def html(self) -> str:
        """Write the cell."""
        kind = ' class="n"' if self.number else ' class="wide"' if self.wide else ""
        missing = self.value is None or math.isnan(self.value)
        key = (' data-v=""' if missing else f' data-v="{self.value:.10g}"') if self.number else ""
        tag = f' <span class="tag">{escape(self.tag)}</span>' if self.tag else ""
        return f"<td{kind}{key}>{escape(self.text)}{tag}</td>"


@dataclass(frozen=True)
class Row:
    """A table's row; ``baseline`` gives it a tint."""

    cells: Sequence[Cell]
    baseline: bool = False

    def html(self) -> str:
        """Write the row."""
        kind = ' class="baseline"' if self.baseline else ""
        return f"<tr{kind}>{''.join(cell.html() for cell in self.cells)}</tr>"


def table(headers: Sequence[str], rows: Sequence[Row]) -> str:
    """Write a table that sorts by a click on a header; a column of numbers stands to the right."""
    numbers = [cell.number for cell in rows[0].cells] if rows else [False] * len(headers)
    head = "".join(
        f"<th{' class=n' if number else ''} scope=col><button type=button>{escape(header)}</button></th>"
        for header, number in zip(headers, numbers, strict=True)
    )
    body = "\n".join(row.html() for row in rows)
    return (
        f'<div class="scroll"><table class="sortable"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def bars_table(headers: Sequence[str], rows: Iterable[tuple[str, Sequence[float | None]]]) -> str:
    """Write a table of shares between 0 and 1, each with a bar."""
    head = "".join(f"<th scope=col>{escape(header)}</th>" for header in headers)
    body = "\n".join(
        f"<tr><td>{escape(name)}</td>{''.join(_bar(share) for share in shares)}</tr>" for name, shares in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _bar(share: float | None) -> str:
    if share is None or math.isnan(share):
        return "<td>–</td>"
    width = f'<span class="bar"><i style="width:{100 * share:.1f}%"></i></span>'
    return f"<td style=white-space:nowrap>{width}{100 * share:.0f} %</td>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Write facts, each below its name; those that are not known are left out."""
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(fact)}</dd></div>" for name, fact in pairs if fact
    )
    return f'<dl class="facts">{items}</dl>'


def terms(pairs: Iterable[tuple[str, str]]) -> str:
    """Write definitions."""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs)
    return f'<dl class="terms">{items}</dl>'


def legend(encoding: Encoding, lines: Sequence[tuple[str, str]] = (), markers: bool = True) -> str:
    """Write what colours, shapes, fills and lines stand for.

    Args:
        encoding: What stands for what.
        lines: Style (``solid``, ``dotted``, ``heavy`` or ``light``) and meaning of each line.
        markers: Whether the figure has markers; without, only colours and lines are explained.
    """
    groups = [
        (
            "policy",
            [(glyph("circle", colour), words(policy)) for policy, colour in encoding.colours.items()]
            if markers
            else [(_stroke(colour, 3), words(policy)) for policy, colour in encoding.colours.items()],
        )
    ]
    if markers:
        shapes = [(glyph(shape, "var(--soft)"), words(name)) for name, shape in encoding.shapes.items()]
        fills = [(glyph("circle", "var(--soft)"), "none"), (glyph("circle", "var(--soft)", False), "shared")]
        groups += [
            ("batch schedule", shapes),
            ("weight sharing", [pair for i, pair in enumerate(fills) if bool(i) in encoding.shares]),
        ]
    if lines:
        groups.append(("", [(_LINES[style], text) for style, text in lines]))
    return f'<div class="legend">{"".join(_group(*group) for group in groups)}</div>'


def _group(name: str, entries: Iterable[tuple[str, str]]) -> str:
    head = f"<b>{escape(name)}</b>" if name else ""
    return f"<div>{head}{''.join(f'<span>{mark}{escape(text)}</span>' for mark, text in entries)}</div>"


def _stroke(colour: str, width: float, dash: str = "", opacity: float = 1) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<svg width="26" height="12" aria-hidden="true"><path d="M1 6H25" stroke="{colour}" '
        f'stroke-width="{width}" opacity="{opacity}"{dashes}/></svg>'
    )


_LINES = {
    "solid": _stroke("var(--ink)", 1.5),
    "dotted": _stroke("var(--faint)", 1.8, "2 3"),
    "dashed": _stroke("var(--ink)", 1, "4 3", 0.6),
    "heavy": _stroke("var(--soft)", 3),
    "light": _stroke("var(--soft)", 1, opacity=0.5),
}


def glyph(shape: str, colour: str, filled: bool = True) -> str:
    """Draw a marker as SVG, as the figures draw it."""
    fill = colour if filled else "none"
    if shape == "circle":
        path = f'<circle cx="7" cy="7" r="4.6" fill="{fill}" stroke="{colour}" stroke-width="1.6"/>'
    else:
        path = f'<polygon points="{_points(shape)}" fill="{fill}" stroke="{colour}" stroke-width="1.6"/>'
    return f'<svg width="14" height="14" aria-hidden="true">{path}</svg>'


def _points(shape: str) -> str:
    if shape == "star":
        corners = [(36.0 * k - 90, 6.2 if k % 2 == 0 else 2.6) for k in range(10)]
    else:
        count, turn, size = _CORNERS[shape]
        corners = [(turn + 360 * k / count, 4.8 * size) for k in range(count)]
    return " ".join(
        f"{7 + radius * math.cos(math.radians(angle)):.1f},{7 + radius * math.sin(math.radians(angle)):.1f}"
        for angle, radius in corners
    )
