"""The front as text: the cells that a terminal shows, and tables for Markdown and LaTeX."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dse.record.objectives import OBJECTIVES
from dse.record.tables import StudyTables
from dse.report.wording import value_text
from dse.units import words

SPACE = "\u00a0"  # between a number and its unit, which stay on one line

_LATEX = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    SPACE: "~",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "−": "$-$",
    "→": r"$\rightarrow$",
    "–": "--",
    **{digit: f"$^{i}$" for i, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}
# What Markdown, or the HTML that it may hold, takes for more than text.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~$])")


@dataclass(frozen=True)
class FrontText:
    """The front in words and numbers.

    Attributes:
        columns: Names of the columns; the last is the recipe, and those that name words begin on the left.
        rows: A cell for each column, by rising train seconds; empty where there is nothing to say.
        answer: Which row is the answer, counted from 0; None if none is.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    answer: int | None

    @property
    def shown(self) -> list[int]:
        """Columns that say something in some row."""
        return [i for i, _ in enumerate(self.columns) if not self.rows or any(row[i] for row in self.rows)]

    def markdown(self) -> str:
        """Write a Markdown table, the answer in bold."""
        names = [self.columns[i] for i in self.shown]
        lines = [names, ["---" if is_words(name) else "---:" for name in names]]
        for number, row in enumerate(self.rows):
            cells = [_markdown(row[i]) for i in self.shown]
            lines.append([f"**{cell}**" if number == self.answer and cell else cell for cell in cells])
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def latex(self) -> str:
        """Write a LaTeX tabular of the package booktabs, the answer in bold."""
        names = [self.columns[i] for i in self.shown]
        shape = "".join("l" if is_words(name) else "r" for name in names[:-1]) + r"p{0.4\linewidth}"
        lines = [rf"\begin{{tabular}}{{{shape}}}", r"\toprule", _joined(names), r"\midrule"]
        for number, row in enumerate(self.rows):
            cells = [_latex(row[i]) for i in self.shown]
            bold = number == self.answer
            lines.append(_joined([rf"\textbf{{{cell}}}" if bold and cell else cell for cell in cells]))
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def is_words(column: str) -> bool:
    """Whether a column holds words, which begin on the left."""
    return column in ("verdict", "recipe")


def front_text(tables: StudyTables) -> FrontText:
    """Write a study's front; time saved is at the same accuracy as the baseline.

    Objectives that are means over several seeds have their standard deviation beside them. A point's epoch stands
    beside those of the whole recipe: a policy that anneals has another curve where it has another end.
    """
    names = tuple(dict.fromkeys(("train_seconds", "accuracy", *tables.objectives)))
    at = ["epoch"] if tables.front_of_curves else []
    judged = ["P(front)", "verdict"] if tables.evidence is not None and tables.front_of_curves else []
    fastest = tables.answer.fastest
    epochs = dict(zip(tables.trials["trial"], tables.trials["epochs"], strict=True))
    rows, answer = [], None
    for number, row in enumerate(tables.front.to_dict("records")):
        saved, gained = row["time_saved_percent"], row["accuracy_gain"]
        if fastest is not None and (fastest.recipe_id, fastest.epoch) == (row["recipe_id"], row["epoch"]):
            answer = number
        rows.append(
            (
                str(row["trial"]),
                *(f"{row[column]}/{epochs[row['trial']]}" for column in at),
                *(_mean(name, row) for name in names),
                str(row["seeds"]),
                f"{saved:.1f}{SPACE}%" if saved == saved else "",
                f"{100 * gained:+.2f}{SPACE}pt" if gained == gained else "",
                *([f"{row['p_front']:.2f}", row["verdict"]] if judged else []),
                row["label"],
            )
        )
    columns = ("trial", *at, *map(words, names), "seeds", "saved", "gained", *judged, "recipe")
    return FrontText(columns, tuple(rows), answer)


def _mean(name: str, row: Mapping[Any, Any]) -> str:
    """Write a mean over seeds with its standard deviation, if there is one."""
    text, deviation = value_text(name, row[name]).replace(" ", SPACE), row.get(f"{name}_sd")
    share = OBJECTIVES[name].unit == "share"
    # Calibrated seconds are the same for all seeds; that accuracies are is a finding.
    if not text or deviation is None or deviation != deviation or (deviation == 0 and not share):
        return text
    spread = f"{100 * deviation:.2f}" if share else f"{deviation:#.2g}".rstrip(".")
    return f"{text}{SPACE}±{SPACE}{spread}"


def _joined(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(re.split(r"[\r\n\t]+", text)))


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(re.split(r"[\r\n\t]+", text)), quote=False))
