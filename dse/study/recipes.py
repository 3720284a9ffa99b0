"""Recipes by name: of the paper, of a file, or of a trial."""

from __future__ import annotations

import json
from pathlib import Path

from dse.errors import StudyError
from dse.recipe.load import load_recipe
from dse.recipe.recipe import Recipe, parse_recipe


def find_recipe(name: str, results: Path, epochs: int | None = None) -> Recipe:
    """Find a recipe by its name, its YAML file, or the trial of a study that trained it.

    Args:
        name: ``paper/...``, a path that ends in .yaml or .yml, or ``STUDY:TRIAL``.
        results: Folder of all studies.
        epochs: Train for this many epochs instead.

    Raises:
        InputError: There is no such recipe, or it cannot be read.
    """
    study, colon, trial = name.rpartition(":")
    of_trial = colon and trial.isdigit() and not Path(name).is_file()
    recipe = _recipe_of_trial(study, int(trial), results) if of_trial else load_recipe(name)
    if epochs is None:
        return recipe
    return parse_recipe(recipe.model_dump() | {"epochs": epochs}, f"--epochs {epochs}")


def _recipe_of_trial(study: str, trial: int, results: Path) -> Recipe:
    from dse.study.load import (  # here alone: it takes a second to import Optuna and pandas
        find_study,
        load_study,
    )

    table = load_study(find_study(study, results)).trials.set_index("trial")
    if trial not in table.index:
        raise StudyError(
            f"study {study!r} has no trial {trial}; its trials are 0 to {max(table.index, default=-1)}."
        )
    recipe = parse_recipe(json.loads(str(table.loc[trial, "recipe"])), f"{study}:{trial}")
    if recipe.model.imports:
        raise StudyError(
            f"{study}:{trial}: the network is code ({recipe.model.label}), and no study's folder has code imported. If "
            "you trust it, copy the recipe from the trial's column `recipe` of trials.csv into a file, and name that."
        )
    return recipe
