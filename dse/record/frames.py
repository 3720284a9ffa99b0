"""Trials and curves as pandas frames; docs/results.md documents every column."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from dse.recipe.recipe import Recipe
from dse.record.clock import is_disturbed
from dse.record.epoch import EPOCH_COLUMNS, EpochRow
from dse.record.front import RECIPE_WORDS, compare, recipe_words
from dse.record.objectives import OBJECTIVES
from dse.record.replicates import Replicates
from dse.record.trial import Trial

CLOCKS = ["measured_seconds", "calibrated_seconds"]
CURVE_COLUMNS = ["trial", *EPOCH_COLUMNS, *CLOCKS, "accuracy", "best_accuracy"]
OF_CLOCKS = [*CLOCKS, "calibration_error"]
MEASURED = [
    *(*OF_CLOCKS, "disturbed", "setup_seconds", "eval_seconds"),
    *("best_epoch", "validation_accuracy", "test_accuracy"),
]
COMPARED = ["on_front", "is_baseline", "seconds_to_baseline_accuracy", "time_ratio", "accuracy_gain"]
# What columns hold, where values are missing too; all others, but those of a recipe's values, hold real numbers.
TYPES = {
    **dict.fromkeys(("trial", "seed", "attempt", "resumed_epochs"), "int64"),
    **dict.fromkeys(("best_epoch", "epoch", "seeds"), "Int64"),
    **{name: "Int64" for name, each in OBJECTIVES.items() if each.unit in ("count", "flops")},
    **dict.fromkeys((*RECIPE_WORDS, "purpose", "state", "reason", "verdict"), "str"),
    **dict.fromkeys(("started", "device", "engine", "recipe"), "str"),
    **dict.fromkeys(("on_front", "is_baseline"), "bool"),
    "disturbed": "boolean",
}
CURVE_TYPES = {name: "int64" for name in ("trial", "epoch", "batch_size", "steps", "images_seen")}


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
    usual = _recipe_columns(Recipe())
    types = {
        column: _type_of([row.get(column) for row in rows] or [usual.get(column)])
        for column in recipe_columns
    }
    return typed(pd.DataFrame(rows, columns=columns), types)


def columns_of(recipes: Sequence[Recipe]) -> list[str]:
    """Name every value that these recipes are told apart by, in the order of a recipe's keys.

    Keys that came later (``dse.section.Later``) are among them where some recipe has another value than the default.
    """
    recipes = [Recipe(), *recipes]
    counted = {key for recipe in recipes for key in flat(recipe.id_content())}
    named = dict.fromkeys(key for recipe in recipes for key in flat(recipe.model_dump(mode="json")))
    return [key for key in named if key in counted]


def _type_of(values: Iterable[object]) -> str:
    """Choose the type of a column with gaps: that of its values, or words where they differ."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return "Int64"
    if kinds == {bool}:
        return "boolean"
    return "float64" if kinds <= {int, float} else "str"


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


def typed(frame: pd.DataFrame, of_recipes: Mapping[str, str] = MappingProxyType({})) -> pd.DataFrame:
    """Give columns the types of what they hold, whatever is missing: the same for every study.

    Args:
        frame: Trials or points.
        of_recipes: Types of the columns that hold values of recipes.
    """
    types = {
        column: of_recipes.get(column) or TYPES.get(column, "float64") for column in map(str, frame.columns)
    }
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
    values: dict[str, Iterable[Any]] = {"trial": (trial.number for trial in trials for _ in trial.run.curve)}
    values |= {name: map(attrgetter(name), rows) for name in CURVE_COLUMNS[1:-1]}
    frame = pd.DataFrame(
        {
            name: np.fromiter(each, CURVE_TYPES.get(name, "float64"), len(rows))
            for name, each in values.items()
        }
    )
    return frame.assign(best_accuracy=frame.groupby("trial")["accuracy"].cummax())
