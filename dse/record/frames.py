"""Trials and curves as pandas frames; docs/results.md documents every column."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import pandas as pd

from dse.recipe.recipe import Recipe
from dse.record.clock import is_disturbed
from dse.record.front import RECIPE_WORDS, compare, recipe_words
from dse.record.objectives import OBJECTIVES
from dse.record.replicates import Replicates
from dse.record.run import EPOCH_COLUMNS, EpochRow
from dse.record.trial import Trial

CLOCKS = ["measured_seconds", "calibrated_seconds"]
CURVE_COLUMNS = ["trial", *EPOCH_COLUMNS, *CLOCKS, "accuracy", "best_accuracy"]
OF_CLOCKS = [*CLOCKS, "calibration_error"]
MEASURED = [
    *(*OF_CLOCKS, "disturbed", "setup_seconds", "eval_seconds"),
    *("best_epoch", "validation_accuracy", "test_accuracy"),
]
COMPARED = ["on_front", "is_baseline", "seconds_to_baseline_accuracy", "time_ratio", "accuracy_gain"]
FLOATS = [
    *(*OF_CLOCKS, "possible_accuracy", "possible_seconds", "setup_seconds", "seconds_to_target"),
    *COMPARED[2:],
]
WHOLE_NUMBERS = ["best_epoch", "epoch", "seeds", "parameters", "train_flops"]


def trials_frame(
    trials: Iterable[Trial],
    on_front: frozenset[str],
    baseline_id: str,
    baseline: Replicates | None,
    noise_floor: float | None = None,
) -> pd.DataFrame:
    """Make one row a trial, with its comparison to the baseline.

    Args:
        trials: In their order.
        on_front: Ids of the recipes on the front.
        baseline_id: Id of the recipe that others are compared with.
        baseline: Its complete runs.
        noise_floor: Of the study's clock, as a share; None if unknown.
    """
    trials = list(trials)
    recipes = {trial.recipe.id: trial.recipe for trial in trials}
    contents = {recipe_id: _recipe_columns(recipe) for recipe_id, recipe in recipes.items()}
    rows = [
        contents[trial.recipe.id]
        | _trial_row(trial, on_front, baseline_id, baseline)
        | {"disturbed": is_disturbed(trial, noise_floor)}
        for trial in trials
    ]
    recipe_columns = columns_of(list(recipes.values()))
    columns = [
        *(
            "trial",
            *RECIPE_WORDS,
            *recipe_columns,
            "seed",
            "purpose",
            "attempt",
            "resumed_epochs",
            "state",
            "reason",
        ),
        *(*OBJECTIVES, *MEASURED, "possible_accuracy", "possible_seconds", *COMPARED),
        *("started", "device", "engine", "recipe"),
    ]
    frame = pd.DataFrame(rows, columns=columns)
    types = {column: _type_of(row.get(column) for row in rows) for column in recipe_columns}
    return typed(frame.astype({column: each for column, each in types.items() if each}))


def columns_of(recipes: Sequence[Recipe]) -> list[str]:
    """Name every value that these recipes are told apart by, in the order of a recipe's keys.

    Keys that came later (``dse.section.Later``) are among them where some recipe has another value than the default.
    """
    recipes = [Recipe(), *recipes]
    counted = {key for recipe in recipes for key in flat(recipe.id_content())}
    named = dict.fromkeys(key for recipe in recipes for key in flat(recipe.model_dump(mode="json")))
    return [key for key in named if key in counted]


def _type_of(values: Iterable[object]) -> str:
    """Choose the type of a column with gaps: that of its values, or words where they differ; else empty."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return "Int64"
    if kinds == {bool}:
        return "boolean"
    return "str" if str in kinds else ""


def _recipe_columns(recipe: Recipe) -> dict[str, Any]:
    content = recipe.model_dump(mode="json")
    return {
        **recipe_words(recipe),
        **flat(content),
        "recipe": json.dumps(content, separators=(",", ":")),
    }


def _trial_row(
    trial: Trial, on_front: frozenset[str], baseline_id: str, baseline: Replicates | None
) -> dict[str, Any]:
    recipe = trial.recipe
    row: dict[str, Any] = {
        "trial": trial.number,
        "seed": trial.seed,
        "purpose": trial.purpose,
        "attempt": trial.attempt,
        "resumed_epochs": trial.run.resumed_epochs,
        "state": str(trial.state),
        "reason": trial.run.reason,
        "setup_seconds": trial.run.setup_seconds,
        "on_front": recipe.id in on_front,
        "is_baseline": recipe.id == baseline_id,
        "started": trial.started,
        "device": trial.device,
        "engine": trial.run.engine,
        "possible_accuracy": trial.possible_accuracy,
        "possible_seconds": trial.possible_seconds,
        **trial.measures,
    }
    if trial.run.curve:
        best = trial.run.best
        row |= {
            "measured_seconds": trial.run.measured_seconds,
            "calibrated_seconds": trial.run.calibrated_seconds,
            "calibration_error": trial.calibration_error,
            "eval_seconds": trial.run.eval_seconds,
            "best_epoch": best.epoch,
            "validation_accuracy": best.validation_accuracy,
            "test_accuracy": best.test_accuracy,
            **_against(trial, best, baseline),
        }
    return row


def _against(trial: Trial, best: EpochRow, baseline: Replicates | None) -> dict[str, float]:
    if baseline is None:
        return {}
    level = float(baseline.accuracies[-1])
    gain = {"accuracy_gain": best.accuracy - level}
    reached = Replicates((trial,)).epoch_reaching(level)
    if reached is None:
        return gain
    seconds = trial.run.curve[reached - 1].train_seconds
    return gain | {
        "seconds_to_baseline_accuracy": seconds,
        "time_ratio": compare(seconds, level, baseline)[0],
    }


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give columns with gaps the types that they have without: whole numbers, truth values, words."""
    types: dict[str, Any] = {column: "Int64" for column in WHOLE_NUMBERS if column in frame}
    types |= {column: float for column in FLOATS if column in frame}
    types |= {column: bool for column in ("on_front", "is_baseline") if column in frame}
    types |= {"disturbed": "boolean"} if "disturbed" in frame else {}
    for column in ("reason", "engine"):  # empty where there is nothing to say
        if column in frame:
            frame[column] = frame[column].astype("str").fillna("")
    return frame.astype(types)


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name every value of nested dictionaries by its path; lists become JSON.

    >>> flat({"batch_size": {"schedule": "constant", "size": 128}})
    {'batch_size.schedule': 'constant', 'batch_size.size': 128}
    """
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = json.dumps(value) if isinstance(value, list) else value
    return found


def curves_frame(trials: Iterable[Trial]) -> pd.DataFrame:
    """Make one row an epoch of each trial."""
    trials = list(trials)
    rows = [row for trial in trials for row in trial.run.curve]
    # A column after the other: a dictionary for each row would take several times the memory and the time.
    numbers = [trial.number for trial in trials for _ in trial.run.curve]
    columns = {name: list(map(attrgetter(name), rows)) for name in CURVE_COLUMNS[1:-1]}
    frame = pd.DataFrame({"trial": numbers, **columns}, columns=CURVE_COLUMNS)
    for name in ("validation_accuracy", "calibrated_seconds"):
        frame[name] = frame[name].astype(float)
    frame["best_accuracy"] = frame.groupby("trial")["accuracy"].cummax() if rows else frame["accuracy"]
    return frame
