"""The page's tables."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import pandas as pd

from dse.record.tables import StudyTables
from dse.report.figure_data import Baseline, failures, front_data, front_rows
from dse.report.noise import accuracy_noise
from dse.report.page.html_parts import Cell, Row, bars_table, table
from dse.report.wording import PAPER, TEST_CHOSE, is_share, value_text
from dse.study.importance import parameter_importance
from dse.units import count_text, points_text, words

Record = Mapping[Hashable, Any]


def front_table(tables: StudyTables) -> str:
    """The front."""
    rows = front_rows(tables)
    if rows.empty:
        return _note("There is no front yet.")
    data = front_data(tables)
    noise = accuracy_noise(tables, data.baseline.y) if data.baseline and is_share(data.y) else None
    error = noise.standard_error if noise else None
    notes = _compared(data.baseline, error) + _chosen(tables)
    names = ("train_seconds", "accuracy") if tables.front_of_curves else tables.objectives
    return _note(notes) + _front(rows, names, error)


def _compared(baseline: Baseline | None, error: float | None) -> str:
    if baseline is None:
        return "No baseline trial is complete, so nothing is compared."
    seeds = "" if len(baseline.trials) == 1 else f" (the mean of {len(baseline.trials)} seeds)"
    text = f"Compared with the baseline{seeds}."
    if error is not None:
        text += f" Differences below one standard error ({100 * error:.2f} points) are marked as noise."
    return text


def _chosen(tables: StudyTables) -> str:
    return f" Protocol paper: {TEST_CHOSE} of each accuracy." if tables.protocol == PAPER else ""


def _front(rows: pd.DataFrame, objectives: tuple[str, ...], error: float | None) -> str:
    compared = bool((rows["time_saved_percent"].notna() | rows["accuracy_gain"].notna()).any())
    # The test accuracy is another number only where a validation split chose.
    tested = not rows["test_accuracy"].equals(rows["accuracy"])
    headers = ["trial", "recipe", *(["time saved", "accuracy gained"] if compared else [])]
    headers += [
        *(words(name) for name in objectives),
        *(["test accuracy"] if tested else []),
        "stop after epoch",
        "seeds",
    ]
    lines = []
    for row in rows.to_dict("records"):
        cells = [_whole(row["trial"]), _recipe(row), *([_saved(row), _gain(row, error)] if compared else [])]
        cells += [_value(name, row) for name in (*objectives, *(["test_accuracy"] if tested else []))]
        lines.append(Row([*cells, _whole(row["epoch"]), _whole(row["seeds"])], bool(row["is_baseline"])))
    return table(headers, lines)


def failures_table(tables: StudyTables) -> str:
    """Trials that are not complete, with the reason."""
    rows = failures(tables)
    if rows.empty:
        return _note("Every trial is complete.")
    lines = [
        Row(
            [
                *_who(row),
                _state(row),
                _whole(row["epochs_done"]),
                Cell(str(row["reason"]), wide=True),
            ]
        )
        for row in rows.to_dict("records")
    ]
    return table(["trial", "recipe", "seed", "state", "epochs done", "reason"], lines)


def all_trials(tables: StudyTables) -> str:
    """Every trial, folded away."""
    if tables.trials.empty:
        return _note("The study has no trials yet.")
    tested = not tables.trials["test_accuracy"].equals(tables.trials["accuracy"])
    headers = ["trial", "recipe", "seed", "state", *(words(name) for name in tables.objectives)]
    headers += [*(["test accuracy"] if tested else []), "time ratio", "accuracy gained"]
    lines = []
    for row in tables.trials.to_dict("records"):
        cells = [*_who(row), _state(row)]
        cells += [_value(name, row) for name in tables.objectives]
        cells += [_value("test_accuracy", row)] if tested else []
        lines.append(Row([*cells, _ratio(row), _gain(row, None)], bool(row["is_baseline"])))
    summary = f"All {count_text(len(lines), 'trial')}.{_chosen(tables)}"
    return f"<details><summary>{escape(summary)}</summary>{table(headers, lines)}</details>"


def importance_table(tables: StudyTables) -> str:
    """Importance of each value of the recipe for each objective."""
    importance = parameter_importance(tables)
    if importance.empty:
        return _note(f"Not judged. {importance.attrs['reason']}")
    shares = importance.pivot(index="parameter", columns="objective", values="importance")
    shares = shares[[name for name in tables.objectives if name in shares]]
    shares = shares.loc[shares.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    note = (
        "How much each choice decides whether a trial is among the best in an objective (PED-ANOVA; each column adds "
        "up to 100 %). With few trials it is a rough guide; it says nothing about which value is better."
    )
    headers = ["", *(words(str(name)) for name in shares)]
    rows = [(_choice(str(name)), [float(share) for share in row]) for name, row in shares.iterrows()]
    return _note(note) + bars_table(headers, rows)


def _choice(name: str) -> str:
    named = {"policy": "learning-rate policy", "schedule": "batch schedule", "sharing": "weight sharing"}
    return named.get(name, words(name).replace(".", ": "))


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _who(row: Record) -> list[Cell]:
    return [_whole(row["trial"]), _recipe(row), _whole(row["seed"])]


def _recipe(row: Record) -> Cell:
    return Cell(str(row["label"]), tag="baseline" if row.get("is_baseline") else "", wide=True)


def _state(row: Record) -> Cell:
    return Cell(words(str(row["state"])))


def _whole(value: Any) -> Cell:
    return Cell("", number=True) if pd.isna(value) else Cell(f"{value:.0f}", float(value), number=True)


def _value(name: str, row: Record) -> Cell:
    text = value_text("accuracy" if name == "test_accuracy" else name, row[name])
    return Cell(text, float(row[name]) if text else None, number=True)


def _ratio(row: Record) -> Cell:
    ratio = row["time_ratio"]
    return Cell("", number=True) if pd.isna(ratio) else Cell(f"{ratio:.2f}", float(ratio), number=True)


def _saved(row: Record) -> Cell:
    saved = row["time_saved_percent"]
    if pd.isna(saved):
        return Cell("", number=True)
    return Cell(f"{saved:.1f} %".replace("-", "−"), float(saved), number=True)


def _gain(row: Record, error: float | None) -> Cell:
    gain = row["accuracy_gain"]
    if pd.isna(gain):
        return Cell("", number=True)
    tag = "noise" if error is not None and abs(gain) < error and not row.get("is_baseline") else ""
    return Cell(points_text(float(gain)), float(gain), tag=tag, number=True)
