"""Trials, curves and front of a study as pandas frames; docs/results.md tells every column."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dse.errors import StudyError
from dse.files import write_atomically
from dse.pareto import front_mask, rank
from dse.recipe.recipe import Recipe
from dse.record.objectives import OBJECTIVES, directions
from dse.record.run import EpochRow
from dse.record.trial import Trial

RECIPE_WORDS = ["recipe_id", "label", "policy", "schedule", "sharing"]
CURVE_COLUMNS = ["trial", *(row.name for row in dataclasses.fields(EpochRow)), "accuracy", "best_accuracy"]
TEXTS = [*RECIPE_WORDS, "state", "reason", "started", "device", "engine", "recipe", "front"]
POSSIBLE = ["possible_accuracy", "possible_seconds"]
WHOLE_NUMBERS = [
    *("model.routing_iterations", "learning_rate.decay_steps", "weight_sharing.convolution"),
    *("batch_size.size", "batch_size.start", "batch_size.growth", "batch_size.period"),
    *("weight_sharing.primary_capsules", "best_epoch", "epoch", "parameters", "train_flops", "rank"),
]
FRONT_COLUMNS = [
    "front",
    "trial",
    "epoch",
    *RECIPE_WORDS,
    "seed",
    *OBJECTIVES,
    "test_accuracy",
    "time_ratio",
    "time_saved_percent",
    "accuracy_gain",
]


@dataclass(frozen=True)
class StudyTables:
    """A study as three frames, whatever they were read from.

    Attributes:
        name: Name of the study.
        objectives: Names of the objectives, as in ``dse.record.objectives.OBJECTIVES``.
        protocol: ``holdout`` or ``paper``.
        target: Accuracy for ``seconds_to_target``, if the study has one.
        trials: One row a trial.
        curves: One row an epoch of each trial.
        front: The trial front and the anytime front.
        environment: Machine, device and versions.
        space: The search space as it was explored.
    """

    name: str
    objectives: tuple[str, ...]
    protocol: str
    target: float | None
    trials: pd.DataFrame
    curves: pd.DataFrame
    front: pd.DataFrame
    environment: dict[str, Any] = field(default_factory=dict)
    space: dict[str, Any] = field(default_factory=dict)


def make_tables(
    name: str,
    trials: Sequence[Trial],
    space: Mapping[str, Any],
    baseline_id: str,
    environment: Mapping[str, Any],
) -> StudyTables:
    """Lay a study's trials out as frames.

    Args:
        name: Name of the study.
        trials: All its trials, in their order.
        space: The search space as ``SearchSpace.dump`` gives it.
        baseline_id: Recipe id of the baseline.
        environment: Machine, device and versions.
    """
    objectives = tuple(space["objectives"])
    curves = curves_frame(trials)
    table = trials_frame(trials, objectives, baseline_id)
    return StudyTables(
        name=name,
        objectives=objectives,
        protocol=space["protocol"],
        target=space["target"],
        trials=table,
        curves=curves,
        front=front_frame(table, curves, objectives, space["target"]),
        environment=dict(environment),
        space=dict(space),
    )


def trials_frame(trials: Iterable[Trial], objectives: Sequence[str], baseline_id: str) -> pd.DataFrame:
    """Make one row a trial, with rank and comparison to the baseline."""
    rows = [_trial_row(trial, baseline_id) for trial in trials]
    recipe_columns = dict.fromkeys(_flat(Recipe().model_dump(mode="json")))
    recipe_columns |= dict.fromkeys(key for row in rows for key in _flat(json.loads(row["recipe"])))
    measured = ["setup_seconds", "eval_seconds", "best_epoch", "validation_accuracy", "test_accuracy"]
    ranked = ["on_front", "rank", "is_baseline", "time_ratio", "accuracy_gain"]
    columns = [
        *("trial", *RECIPE_WORDS, *recipe_columns, "seed", "state", "reason"),
        *(*OBJECTIVES, *measured, *POSSIBLE, *ranked, "started", "device", "engine", "recipe"),
    ]
    frame = pd.DataFrame(rows, columns=columns)
    frame = _typed(frame)
    complete = (frame["state"] == "complete").to_numpy(dtype=bool)
    points = frame.loc[complete, list(objectives)].to_numpy(dtype=float)
    frame["on_front"] = False
    frame.loc[complete, "on_front"] = front_mask(points, directions(objectives))
    frame["rank"] = pd.array([pd.NA] * len(frame), dtype="Int64")
    frame.loc[complete, "rank"] = rank(points, directions(objectives))
    _compare_with_baseline(frame, frame[complete & frame["is_baseline"].to_numpy(dtype=bool)], objectives)
    return frame


def _trial_row(trial: Trial, baseline_id: str) -> dict[str, Any]:
    recipe = trial.recipe
    row: dict[str, Any] = {
        "trial": trial.number,
        **recipe_words(recipe),
        **_flat(recipe.model_dump(mode="json")),
        "seed": trial.seed,
        "state": str(trial.state),
        "reason": trial.reason,
        "setup_seconds": trial.setup_seconds,
        "is_baseline": recipe.id == baseline_id,
        "started": trial.started,
        "device": trial.device,
        "engine": trial.engine,
        "possible_accuracy": trial.possible_accuracy,
        "possible_seconds": trial.possible_seconds,
        "recipe": json.dumps(recipe.model_dump(mode="json"), separators=(",", ":")),
    }
    row |= dict(trial.measures)
    if trial.curve:
        best = max(trial.curve, key=lambda epoch: epoch.accuracy)
        row |= {
            "eval_seconds": trial.curve[-1].eval_seconds,
            "best_epoch": best.epoch,
            "validation_accuracy": best.validation_accuracy,
            "test_accuracy": best.test_accuracy,
        }
    return row


def recipe_words(recipe: Recipe) -> dict[str, str]:
    """Say in a few words what a recipe is, a column each."""
    return {
        "recipe_id": recipe.id,
        "label": recipe.label,
        "policy": recipe.learning_rate.policy,
        "schedule": recipe.batch_size.label,
        "sharing": recipe.weight_sharing.label,
    }


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give columns with gaps the types that they have without: whole numbers, truth values, words."""
    types: dict[str, Any] = {column: "Int64" for column in WHOLE_NUMBERS if column in frame}
    types |= {"learning_rate.staircase": "boolean"} if "learning_rate.staircase" in frame else {}
    for column in ("learning_rate.cycle_epochs", "batch_size.stages"):  # numbers and words, or lists
        if column in frame:
            frame[column] = frame[column].map(str, na_action="ignore").astype("str")
    for column in ("reason", "engine"):  # empty where there is nothing to say
        if column in frame:
            frame[column] = frame[column].astype("str").fillna("")
    # Columns without any value would be of type object.
    types |= {column: float for column in POSSIBLE if column in frame}
    return frame.astype(types)


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = json.dumps(value) if isinstance(value, list) else value
    return flat


def curves_frame(trials: Iterable[Trial]) -> pd.DataFrame:
    """Make one row an epoch of each trial."""
    rows = [
        {"trial": trial.number, **dataclasses.asdict(epoch), "accuracy": epoch.accuracy}
        for trial in trials
        for epoch in trial.curve
    ]
    frame = pd.DataFrame(rows, columns=CURVE_COLUMNS)
    frame["validation_accuracy"] = frame["validation_accuracy"].astype(float)
    frame["best_accuracy"] = frame.groupby("trial")["accuracy"].cummax() if rows else frame["accuracy"]
    return frame


def front_frame(
    trials: pd.DataFrame, curves: pd.DataFrame, objectives: Sequence[str], target: float | None
) -> pd.DataFrame:
    """Make the trial front and the anytime front, one below the other, each by rising train seconds."""
    on_front = trials[trials["on_front"].astype(bool)].assign(
        front="trial", epoch=lambda rows: rows["best_epoch"]
    )
    fronts = [
        on_front.sort_values(["train_seconds", "trial"]),
        _anytime_front(trials, curves, objectives, target),
    ]
    baseline = trials[(trials["state"] == "complete") & trials["is_baseline"].astype(bool)]
    anytime = fronts[1]
    _compare_with_baseline(anytime, baseline, objectives, default_time="train_seconds")
    frame = pd.concat([part for part in fronts if len(part)] or [on_front], ignore_index=True)
    frame["time_saved_percent"] = 100 * (1 - frame["time_ratio"].astype(float))
    return _typed(frame.reindex(columns=FRONT_COLUMNS))


def _anytime_front(
    trials: pd.DataFrame, curves: pd.DataFrame, objectives: Sequence[str], target: float | None
) -> pd.DataFrame:
    """Every epoch of every curve is a point: this recipe, stopped after this epoch."""
    recipe = trials[["trial", *RECIPE_WORDS, "seed", "epochs", "parameters", "train_flops"]]
    points = curves.merge(recipe.rename(columns={"epochs": "all_epochs"}), on="trial")
    if points.empty:
        return points.assign(front="anytime")
    first_best = points["accuracy"] == points["best_accuracy"]
    best_row = points.index.to_series().where(first_best).groupby(points["trial"]).ffill().astype(int)
    points = points.assign(
        front="anytime",
        final_accuracy=points["accuracy"],
        accuracy=points["best_accuracy"],
        seconds_to_best=points["train_seconds"].to_numpy()[best_row],
        test_accuracy=points["test_accuracy"].to_numpy()[best_row],
        train_flops=points["train_flops"] * points["epoch"] // points["all_epochs"],
    )
    if target is not None:
        reached = points["train_seconds"].where(points["accuracy"] >= target)
        points["seconds_to_target"] = reached.groupby(points["trial"]).transform("min").where(reached.notna())
    axes = ["train_seconds", "accuracy", *(["parameters"] if "parameters" in objectives else [])]
    on_front = front_mask(points[axes].to_numpy(dtype=float), directions(axes))
    return points[on_front].sort_values(["train_seconds", "trial"])


def time_objective(objectives: Sequence[str]) -> str | None:
    """Name the first objective that counts seconds."""
    return next((name for name in objectives if OBJECTIVES[name].is_time), None)


def accuracy_objective(objectives: Sequence[str]) -> str | None:
    """Name the first objective that is an accuracy."""
    return next((name for name in objectives if name.endswith("accuracy")), None)


def _compare_with_baseline(
    frame: pd.DataFrame, baseline: pd.DataFrame, objectives: Sequence[str], default_time: str | None = None
) -> None:
    """Add the columns that compare with the mean of the baseline's complete trials."""
    time = default_time or time_objective(objectives) or "train_seconds"
    accuracy = "accuracy" if default_time else accuracy_objective(objectives) or "accuracy"
    frame["time_ratio"] = (
        frame[time].astype(float) / baseline[time].astype(float).mean() if len(baseline) else np.nan
    )
    frame["accuracy_gain"] = (
        frame[accuracy].astype(float) - baseline[accuracy].astype(float).mean() if len(baseline) else np.nan
    )


def write_tables(tables: StudyTables, folder: Path) -> list[Path]:
    """Write the frames as CSV files; each replaces its elder only when it is whole.

    Raises:
        StudyError: The folder cannot be written to.
    """
    written = []
    for name in ("trials", "curves", "front"):
        path = folder / f"{name}.csv"
        write_view(path, getattr(tables, name).to_csv(index=False, lineterminator="\n"))
        written.append(path)
    write_view(folder / "environment.json", json.dumps(tables.environment, indent=2) + "\n")
    return written


def write_view(path: Path, content: str | bytes) -> None:
    """Write one of the files that are made from a study; it is whole or not there.

    Raises:
        StudyError: The folder is read-only or full.
    """
    try:
        write_atomically(path, content)
    except OSError as reason:
        raise StudyError(
            f"{path}: cannot be written ({reason.strerror}). Free the disk or the folder's rights, then go on; "
            "nothing that is in study.db is lost."
        ) from None


def read_tables(folder: Path, space: Mapping[str, Any]) -> StudyTables:
    """Read the frames of a study that was published as CSV files.

    Args:
        folder: Holds trials.csv, curves.csv and front.csv.
        space: The search space, as its file beside them holds it; without one the front is of train seconds
            and accuracy.

    Raises:
        StudyError: A file is missing, cannot be read, or lacks a column.
    """
    trials = _read_csv(
        folder / "trials.csv", ["trial", *RECIPE_WORDS, "seed", "state", "recipe", *OBJECTIVES]
    )
    curves = _read_csv(folder / "curves.csv", CURVE_COLUMNS)
    front = _read_csv(folder / "front.csv", FRONT_COLUMNS)
    environment = folder / "environment.json"
    return StudyTables(
        name=folder.resolve().name,
        objectives=tuple(space.get("objectives", ("train_seconds", "accuracy"))),
        protocol=str(space.get("protocol", "holdout")),
        target=space.get("target"),
        trials=_typed(trials).astype({"on_front": bool, "is_baseline": bool}),
        curves=curves,
        front=_typed(front),
        environment=json.loads(environment.read_text()) if environment.exists() else {},
        space=dict(space),
    )


def _read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        # Only the empty cell is missing: "none" is a word of the weight sharing.
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(TEXTS, "str"))
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as reason:
        raise StudyError(
            f"{path}: cannot be read ({reason}). Publish the study's three CSV files together."
        ) from None
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise StudyError(
            f"{path}: lacks the column {missing[0]}. docs/results.md tells what each file must hold."
        )
    return frame
