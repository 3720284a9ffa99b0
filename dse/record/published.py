"""A study that was published as CSV files, read back as trials; files of others are checked cell by cell."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from dse.errors import InputError, StudyError
from dse.files import read_bytes, read_text
from dse.recipe.recipe import Recipe, parse_recipe
from dse.record.cells import unescaped
from dse.record.environment import check_environment, engine_name
from dse.record.epoch import EPOCH_COLUMNS, LATER_COLUMNS, EpochRow, rows_of
from dse.record.front import RECIPE_WORDS
from dse.record.objectives import OBJECTIVES
from dse.record.right_file import published_right
from dse.record.run import Outcome, Run
from dse.record.tables import StudyTables, make_tables
from dse.record.trial import EXPLORE, Trial
from dse.units import clipped

WHOLE_COLUMNS = ("trial", "epoch", "batch_size", "steps", "images_seen")
NEEDED = [
    *("trial", *RECIPE_WORDS, "seed", "state", "recipe"),
    *(name for name in OBJECTIVES if name not in LATER_COLUMNS),
]
# Others, such as a column for each value of a recipe, are computed.
READ_IF_THERE = [
    *(
        "is_baseline",
        "reason",
        "setup_seconds",
        "engine",
        "resumed_epochs",
        "started",
        "device",
        "attempt",
        "purpose",
    ),
    *("possible_accuracy", "possible_seconds", "calibration_error"),
    *LATER_COLUMNS,
]
CLOCKS = ("measured_seconds", "calibrated_seconds")
NEEDED_OF_CURVES = ["trial", *(name for name in EPOCH_COLUMNS if name not in LATER_COLUMNS)]

# Ten thousand trials of thirty epochs have 50 MB.
LARGEST_TABLE = 500_000_000

Row = Mapping[Any, str]
Value = TypeVar("Value")


def read_tables(folder: Path, space: Mapping[str, Any]) -> StudyTables:
    """Read a study from trials.csv and curves.csv; its front is computed from them.

    Args:
        folder: Holds both files, environment.json if the machine is known, and right.npz if the images are.
        space: The search space, as its file beside them holds it; without one the front is of train seconds
            and accuracy.

    Raises:
        StudyError: A file is missing or cannot be read, a cell holds what it cannot, or the files do not fit.
    """
    rows = _read_csv(folder / "trials.csv", NEEDED, READ_IF_THERE)
    curves = _curves(folder / "curves.csv")
    recipes: dict[str, Recipe] = {}
    trials = []
    for row in _records(rows):
        # Recipes that come again, with another seed, are one object: it knows its id already.
        trial = _trial(row, curves, recipes.get(row["recipe"]), folder / "trials.csv")
        recipes[row["recipe"]] = trial.recipe
        trials.append(trial)
    _check_keys(trials, curves, folder)
    flags = rows["is_baseline"] if "is_baseline" in rows else [""] * len(trials)
    baselines = {trial.recipe.id for trial, flag in zip(trials, flags, strict=True) if flag == "True"}
    if len(baselines) > 1:
        raise StudyError(
            f"{folder / 'trials.csv'}: is_baseline names {len(baselines)} recipes, but there is one."
        )
    return make_tables(
        name=folder.resolve().name,
        trials=trials,
        space={"objectives": ["train_seconds", "accuracy"], "protocol": "holdout", "target": None}
        | dict(space),
        baseline_id=next(iter(baselines), ""),
        environment=_environment(folder / "environment.json"),
        right=published_right(folder, trials),
    )


def _trial(row: Row, curves: Mapping[int, tuple[EpochRow, ...]], recipe: Recipe | None, path: Path) -> Trial:
    where = f"{path}: trial {clipped(row['trial'])}"
    try:
        number = _whole(row, "trial")
        trial = Trial(
            number=number,
            recipe=recipe or parse_recipe(json.loads(row["recipe"]), where, recorded=True),
            seed=_whole(row, "seed"),
            run=Run(
                curve=curves.get(number, ()),
                outcome=Outcome(row["state"]),
                reason=_text(row, "reason"),
                setup_seconds=_maybe(_real, row, "setup_seconds"),
                engine=engine_name(_text(row, "engine")),
                resumed_epochs=_maybe(_whole, row, "resumed_epochs") or 0,
            ),
            measures={name: _maybe(_measure, row, name) for name in OBJECTIVES},
            started=_text(row, "started"),
            device=_text(row, "device"),
            possible_accuracy=_maybe(_real, row, "possible_accuracy"),
            possible_seconds=_maybe(_real, row, "possible_seconds"),
            calibration_error=_maybe(_real, row, "calibration_error"),
            attempt=_whole(row, "attempt") if row.get("attempt") else 1,
            purpose=_text(row, "purpose") or EXPLORE,
        )
        trial.check()
    except InputError:
        raise
    except (ValueError, TypeError, RecursionError) as reason:
        raise StudyError(
            f"{where} cannot be read ({clipped(str(reason))}). Publish the study's files as dse wrote them."
        ) from None
    return trial


def _curves(path: Path) -> dict[int, tuple[EpochRow, ...]]:
    """Read the epochs of each trial."""
    cells = _read_csv(path, NEEDED_OF_CURVES, (*CLOCKS, *LATER_COLUMNS))
    try:
        epochs = _epochs(cells)
    except ValueError:
        epochs = [_epoch(row, path) for row in _records(cells)]  # says which row cannot be read
    found: dict[int, list[EpochRow]] = {}
    for number, epoch in epochs:
        found.setdefault(number, []).append(epoch)
    return {number: tuple(sorted(rows, key=lambda row: row.epoch)) for number, rows in found.items()}


def _epochs(cells: pd.DataFrame) -> list[tuple[int, EpochRow]]:
    """Read the epochs with the numbers of their trials, a column after the other and each text once."""
    columns: dict[str, list[Any]] = {}
    for name in ("trial", *EPOCH_COLUMNS, *CLOCKS):
        if name in cells:
            places, texts = pd.factorize(cells[name])
            values = [_cell({name: text}, name) for text in texts]
            columns[name] = np.array(values, dtype=object)[places].tolist()
        else:
            columns[name] = [None] * len(cells)
    rows = rows_of({name: columns[name] for name in EPOCH_COLUMNS})
    timed = map(EpochRow.beside, rows, *(columns[name] for name in CLOCKS))
    return list(zip(columns["trial"], timed, strict=True))


def _epoch(row: Row, path: Path) -> tuple[int, EpochRow]:
    try:
        epoch = EpochRow.parse({name: _cell(row, name) for name in EPOCH_COLUMNS})
        return _whole(row, "trial"), epoch.beside(*(_cell(row, name) for name in CLOCKS))
    except ValueError as reason:
        raise StudyError(
            f"{path}: trial {clipped(row['trial'])}, epoch {clipped(row['epoch'])}: {reason}. Correct the file, or "
            "leave the trial out."
        ) from None


def _cell(row: Row, name: str) -> float | int | None:
    return _whole(row, name) if name in WHOLE_COLUMNS else _maybe(_real, row, name)


def _records(frame: pd.DataFrame) -> Iterator[Row]:
    """Give the rows, a dictionary each, as pandas does in several times the time."""
    columns = [frame[name].to_numpy(dtype=object) for name in frame]
    return (dict(zip(frame, row, strict=True)) for row in zip(*columns, strict=True))


def _check_keys(trials: Sequence[Trial], curves: Mapping[int, object], folder: Path) -> None:
    numbers = [trial.number for trial in trials]
    if len(set(numbers)) < len(numbers):
        repeated = next(number for number in numbers if numbers.count(number) > 1)
        raise StudyError(f"{folder / 'trials.csv'}: trial {repeated} stands there twice. Leave one out.")
    if unknown := sorted(curves.keys() - set(numbers)):
        raise StudyError(
            f"{folder / 'curves.csv'}: trial {unknown[0]} is not in trials.csv. Publish both files together."
        )


def _environment(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return check_environment(json.loads(read_text(path, StudyError)))
    except (ValueError, RecursionError) as reason:
        raise StudyError(
            f"{path}: cannot be read ({clipped(str(reason))}). Correct it, or leave it out."
        ) from None


def _read_csv(path: Path, columns: Sequence[str], others: Sequence[str] = ()) -> pd.DataFrame:
    """Read the cells of these columns as text, of others if they are there; an empty one is the empty text."""
    wanted = {*columns, *others}
    content = read_bytes(path, StudyError, LARGEST_TABLE)
    try:
        frame = pd.read_csv(
            io.BytesIO(content), keep_default_na=False, dtype="str", usecols=wanted.__contains__
        )
    except ValueError as reason:
        raise StudyError(
            f"{path}: cannot be read ({clipped(str(reason))}). Publish trials.csv and curves.csv together."
        ) from None
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise StudyError(
            f"{path}: lacks the column {missing[0]}. docs/results.md lists what each file must hold."
        )
    return frame.fillna("")  # a row that is cut short


def _maybe(read: Callable[[Row, str], Value], row: Row, name: str) -> Value | None:
    return read(row, name) if row.get(name) else None


def _text(row: Row, name: str) -> str:
    return unescaped(row.get(name, ""))


def _real(row: Row, name: str) -> float:
    try:
        value = float(row[name])
    except ValueError:
        raise ValueError(f"{name}={clipped(repr(row[name]))} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{name}={value} is no finite number")
    return value


def _whole(row: Row, name: str) -> int:
    value = _real(row, name)
    if not value.is_integer() or abs(value) > 2**53:
        raise ValueError(f"{name}={clipped(repr(row[name]))} is no whole number")
    return int(value)


def _measure(row: Row, name: str) -> float | int:
    return _whole(row, name) if OBJECTIVES[name].unit in ("count", "flops") else _real(row, name)
