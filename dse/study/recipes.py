"""Recipes by name: of the paper, of a file, or of a trial."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import StudyError
from dse.recipe.load import load_recipe
from dse.recipe.recipe import Recipe, parse_recipe
from dse.study.folders import find_study

if TYPE_CHECKING:
    import pandas as pd


def find_recipe(name: str, results: Path, epochs: int | None = None) -> Recipe:
    """Find a recipe by its name, its YAML file, or the trial of a study that trained it.

    Args:
        name: ``paper/...``, a path that ends in .yaml or .yml, or ``STUDY:TRIAL``.
        results: Folder of all studies.
        epochs: Train for this many epochs instead.

    Raises:
        InputError: There is no such recipe, or it cannot be read.
    """
    recipe, study = written_recipe(name, results)
    if study and recipe.model.imports:
        raise StudyError(
            f"{name}: the network is code ({recipe.model.label}), and no study's folder has code imported. If you "
            f"trust it, write the recipe out with `dse recipe {name} > FILE.yaml`, and name that file."
        )
    if epochs is None:
        return recipe
    return parse_recipe(recipe.model_dump() | {"epochs": epochs}, f"--epochs {epochs}")


def written_recipe(name: str, results: Path) -> tuple[Recipe, str]:
    """Find a recipe to show it, not to train it: no code is imported for it, wherever it was found.

    Args:
        name: As of ``find_recipe``.
        results: Folder of all studies.

    Returns:
        The recipe, and the study that trained it; empty if it comes from elsewhere.

    Raises:
        InputError: There is no such recipe, or it cannot be read.
    """
    study, colon, trial = name.rpartition(":")
    if not colon or not trial.isdigit() or Path(name).is_file():
        return load_recipe(name), ""
    return _recipe_of_trial(study, int(trial), results), study


def _recipe_of_trial(study: str, trial: int, results: Path) -> Recipe:
    from dse.study.load import load_study  # here alone: it takes a second to import Optuna and pandas

    table = load_study(find_study(study, results)).trials.set_index("trial")
    if trial not in table.index:
        raise StudyError(
            f"study {study!r} has no trial {trial}; its trials are 0 to {max(table.index, default=-1)}."
        )
    return recipe_of(table, trial, study)


def recipe_of(trials: pd.DataFrame, trial: int, study: str) -> Recipe:
    """Read the recipe of a trial.

    Args:
        trials: Of the study, with their numbers as index.
        trial: Number of one of them.
        study: Its name, for the error's text.
    """
    return parse_recipe(json.loads(str(trials.loc[trial, "recipe"])), f"{study}:{trial}", recorded=True)
