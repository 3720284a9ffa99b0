"""A study that was published as CSV files, read back as trials."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dse.errors import StudyError
from dse.recipe.recipe import parse_recipe
from dse.record.environment import engine_name
from dse.record.front import RECIPE_WORDS
from dse.record.objectives import OBJECTIVES
from dse.record.run import EpochRow, Outcome, Run
from dse.record.tables import StudyTables, make_tables
from dse.record.trial import Trial

TEXTS = [*RECIPE_WORDS, "state", "reason", "started", "device", "engine", "recipe"]
EPOCH_COLUMNS = [field.name for field in dataclasses.fields(EpochRow)]
WHOLE_EPOCH_COLUMNS = ["epoch", "batch_size", "steps", "images_seen"]


def read_tables(folder: Path, space: Mapping[str, Any]) -> StudyTables:
    """Read a study from trials.csv and curves.csv; its front is computed from them.

    Args:
        folder: Holds both files, and environment.json if the machine is known.
        space: The search space, as its file beside them holds it; without one the front is of train seconds
            and accuracy.

    Raises:
        StudyError: A file is missing, cannot be read, or holds what is no trial.
    """
    needed = ["trial", "recipe_id", "recipe", "seed", "state", *OBJECTIVES]
    trials = _read_csv(folder / "trials.csv", needed)
    curves = _read_csv(folder / "curves.csv", ["trial", *EPOCH_COLUMNS])
    _check_numbers(curves, folder / "curves.csv")
    environment = folder / "environment.json"
    rows = _curves(curves)
    baselines = [row["recipe_id"] for row in trials.to_dict("records") if row.get("is_baseline")]
    return make_tables(
        name=folder.resolve().name,
        trials=[_trial(row, rows.get(int(row["trial"]), ()), folder) for row in trials.to_dict("records")],
        space={"objectives": ["train_seconds", "accuracy"], "protocol": "holdout", "target": None}
        | dict(space),
        baseline_id=next(iter(baselines), ""),
        environment=json.loads(environment.read_text()) if environment.exists() else {},
    )


def _trial(row: Mapping[Any, Any], curve: Sequence[EpochRow], folder: Path) -> Trial:
    def value(name: str, missing: Any = None) -> Any:
        found = row.get(name)
        return missing if found is None or pd.isna(found) else found

    where = f"{folder / 'trials.csv'}: trial {row['trial']}"
    try:
        return Trial(
            number=int(row["trial"]),
            recipe=parse_recipe(json.loads(row["recipe"]), where),
            seed=int(row["seed"]),
            run=Run(
                curve=tuple(curve),
                outcome=Outcome(row["state"]),
                reason=value("reason", ""),
                setup_seconds=value("setup_seconds"),
                engine=engine_name(value("engine", "")),
            ),
            measures={name: value(name) for name in OBJECTIVES},
            started=value("started", ""),
            device=value("device", ""),
            possible_accuracy=value("possible_accuracy"),
            possible_seconds=value("possible_seconds"),
            attempt=int(value("attempt", 1)),
        )
    except (ValueError, TypeError) as reason:
        raise StudyError(
            f"{where} cannot be read ({reason}). Publish the study's files as dse wrote them."
        ) from None


def _curves(rows: pd.DataFrame) -> dict[int, list[EpochRow]]:
    """Read each trial's curve, in the order of its epochs."""
    ordered = rows.sort_values("epoch", kind="stable")
    columns: dict[str, list[Any]] = {name: ordered[name].tolist() for name in EPOCH_COLUMNS}
    columns |= {name: ordered[name].astype(int).tolist() for name in WHOLE_EPOCH_COLUMNS}
    columns["validation_accuracy"] = [
        None if pd.isna(each) else each for each in columns["validation_accuracy"]
    ]
    curves: dict[int, list[EpochRow]] = {}
    for trial, *values in zip(ordered["trial"], *columns.values(), strict=True):
        curves.setdefault(int(trial), []).append(EpochRow(*values))
    return curves


def _check_numbers(curves: pd.DataFrame, path: Path) -> None:
    """Refuse what is no finite number; only a validation accuracy may be missing."""
    for column in EPOCH_COLUMNS:
        wrong = ~np.isfinite(pd.to_numeric(curves[column], errors="coerce").to_numpy(dtype=float))
        if column == "validation_accuracy":
            wrong &= curves[column].notna().to_numpy()
        if wrong.any():
            row = curves[wrong].to_dict("records")[0]
            raise StudyError(
                f"{path}: {column} of trial {row['trial']}, epoch {row['epoch']} is {row[column]}, but it must be a "
                "finite number. Correct the file, or leave the trial out."
            )


def _read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        # Only the empty cell is missing: "none" is a word of the weight sharing.
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(TEXTS, "str"))
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as reason:
        raise StudyError(
            f"{path}: cannot be read ({reason}). Publish trials.csv and curves.csv together."
        ) from None
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise StudyError(
            f"{path}: lacks the column {missing[0]}. docs/results.md lists what each file must hold."
        )
    return frame
