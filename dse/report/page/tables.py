"""The page's tables as data: the front compared with the baseline, recipes, trials, failures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from dse.evidence.reproduction import reproduction
from dse.record.clock import noise_floor_of
from dse.record.noise import choosing_images, standard_error
from dse.record.tables import StudyTables
from dse.report.page.table import Cell, Table, make_table
from dse.report.recipes import failures, recipe_rows
from dse.report.reproduction import measure_texts
from dse.report.wording import is_share, value_text
from dse.units import points_text, words

Record = Mapping[Hashable, Any]

# More rows take a browser longer than the figures; all are in trials.csv.
MOST_ROWS = 400


def front_table(tables: StudyTables) -> Table:
    """Every point of the front, compared with the baseline at the same accuracy; the answer's is marked."""
    error, floor = baseline_error(tables), noise_floor_of(tables.environment)
    baseline = set(tables.baseline_points["recipe_id"])
    fastest = tables.answer.fastest
    answer = fastest and (fastest.recipe_id, fastest.epoch)
    shown = dict.fromkeys(("train_seconds", "accuracy", *tables.objectives))
    rows = []
    for row in tables.front.to_dict("records"):
        kind = "answer" if answer == (row["recipe_id"], row["epoch"]) else ""
        kind = "baseline" if row["recipe_id"] in baseline else kind
        stop = f"{row['trial']}.{row['epoch']}" if tables.front_of_curves else f"{row['trial']}"
        cells = {"trial": replace(_whole(row["trial"]), pin=stop), "recipe": _recipe(row, kind)}
        if tables.front_of_curves:
            cells["stop after epoch"] = _whole(row["epoch"])
        cells |= {words(name): _mean(name, row) for name in shown}
        cells |= {"seeds": _whole(row["seeds"])}
        cells |= {"time saved": _saved(row, floor), "points gained": _gain(row, error)}
        cells |= _tested(tables, row)
        if tables.evidence is not None:
            cells |= {"P(front)": _probability(row["p_front"]), "verdict": Cell(row["verdict"])}
        rows.append((kind, cells))
    return make_table(rows)


def baseline_error(tables: StudyTables) -> float | None:
    """Standard error of the baseline's accuracy; None if there is no baseline, or its images are not known."""
    images = choosing_images(tables.space, tables.protocol)
    if images is None or tables.answer.baseline is None:
        return None
    return standard_error(tables.answer.baseline.accuracy, images)


@dataclass(frozen=True)
class ReproductionView:
    """The paper's rows beside ours.

    Attributes:
        scale: What is smaller than in the paper; empty if nothing is.
        table: A row for each of the paper's rows and measures.
    """

    scale: str
    table: Table


def reproduction_view(tables: StudyTables) -> ReproductionView | None:
    """Lay the paper's rows beside the study's; None if it has none of them."""
    found = reproduction(tables)
    if found is None:
        return None
    titles = ("row", "measure", "paper", "ours", "95 % interval", "runs", "verdict")
    rows = [("", dict(zip(titles, map(Cell, line), strict=True))) for line in measure_texts(found)]
    return ReproductionView(found.scale, make_table(rows))


def recipes_table(tables: StudyTables) -> Table:
    """Every recipe, by the mean of its runs."""
    recipes, rows = recipe_rows(tables), []
    some_others = (recipes["others"] != "").any()
    for row in most_telling(recipes).to_dict("records"):
        name = tables.judged_as.get(row["recipe_id"])
        pin = "" if name is None else f"{tables.recipes[name].first.number}"
        cells = {"trial": replace(_whole(row["trial"]), pin=pin), "recipe": _recipe(row, _kind(row))}
        cells |= {"front": Cell("●" if row["on_front"] else "")}
        cells |= {"runs": _whole(row["runs"])}
        cells |= {"not complete": Cell(row["others"])} if some_others else {}
        cells |= {words(name): _mean(name, row) for name in tables.objectives}
        rows.append((_kind(row), cells | _tested(tables, row)))
    return make_table(rows, len(recipes))


def most_telling(rows: pd.DataFrame) -> pd.DataFrame:
    """Choose what a page has room for, in its order: baseline and front, then the most accurate."""
    if len(rows) <= MOST_ROWS:
        return rows
    first = rows[rows["is_baseline"] | rows["on_front"]].head(MOST_ROWS)
    rest = rows.drop(first.index).nlargest(MOST_ROWS - len(first), "accuracy")
    return pd.concat([first, rest]).sort_index()


def trials_table(tables: StudyTables) -> Table:
    """Every trial by itself, whatever its outcome."""
    rows = []
    for row in most_telling(tables.trials).to_dict("records"):
        cells = {**_who(row), "state": _state(row)}
        cells |= {words(name): _value(name, row[name]) for name in tables.objectives}
        rows.append((_kind(row), cells | _tested(tables, row)))
    return make_table(rows, len(tables.trials))


def failures_table(tables: StudyTables) -> Table:
    """Trials that failed, with the reason."""
    found, rows = failures(tables), []
    for row in found.head(MOST_ROWS).to_dict("records"):
        cells = {**_who(row), "state": _state(row)}
        cells |= {"epochs done": _whole(row["epochs_done"]), "reason": Cell(str(row["reason"]), wide=True)}
        rows.append((_kind(row), cells))
    return make_table(rows, len(found))


def _who(row: Record) -> dict[str, Cell]:
    return {
        "trial": _whole(row["trial"]),
        "recipe": _recipe(row, _kind(row)),
        "seed": _whole(row["seed"]),
    }


def _kind(row: Record) -> str:
    return "baseline" if row["is_baseline"] else ""


def _recipe(row: Record, kind: str) -> Cell:
    return Cell(str(row["label"]), tag=kind, wide=True)


def _tested(tables: StudyTables, row: Record) -> dict[str, Cell]:
    """The test accuracy where it is another number: a validation split chose."""
    if tables.protocol == "paper":
        return {}
    return {"test accuracy": _value("accuracy", row["test_accuracy"])}


def _whole(value: Any) -> Cell:
    return Cell("", number=True) if pd.isna(value) else Cell(f"{value:.0f}", float(value), number=True)


def _value(name: str, value: Any) -> Cell:
    text = value_text(name, value)
    return Cell(text, float(value) if text else None, number=True)


def _state(row: Record) -> Cell:
    return Cell(words(str(row["state"])), tag="disturbed" if row.get("disturbed") is True else "")


def _mean(name: str, row: Record) -> Cell:
    """A mean over seeds, with its standard deviation if that is known and not zero."""
    cell, deviation = _value(name, row[name]), row.get(f"{name}_sd")
    if not cell.text or deviation is None or pd.isna(deviation) or deviation == 0:
        return cell
    text = f"{100 * deviation:.2f}" if is_share(name) else f"{deviation:#.2g}".rstrip(".")
    return Cell(cell.text, cell.value, tag=f"± {text}", number=True)


def _probability(value: float) -> Cell:
    return Cell("", number=True) if pd.isna(value) else Cell(f"{value:.2f}", float(value), number=True)


def _saved(row: Record, floor: float | None) -> Cell:
    saved = row["time_saved_percent"]
    if pd.isna(saved):
        return Cell("", number=True)
    tag = "noise" if floor is not None and abs(saved) < 100 * floor else ""
    return Cell(f"{saved:.1f} %".replace("-", "−"), float(saved), tag=tag, number=True)


def _gain(row: Record, error: float | None) -> Cell:
    gain = row["accuracy_gain"]
    if pd.isna(gain):
        return Cell("", number=True)
    tag = "noise" if error is not None and abs(gain) < error else ""
    return Cell(points_text(float(gain)).removesuffix(" points"), float(gain), tag=tag, number=True)
