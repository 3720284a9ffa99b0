"""Loading a study, from its database or from the CSV files that were published."""

from __future__ import annotations

import json
from pathlib import Path

from dse.errors import SpaceError, StudyError
from dse.evidence.judge import judged
from dse.files import read_yaml
from dse.recipe.recipe import Recipe, parse_recipe
from dse.record.answer import complete_runs
from dse.record.environment import check_environment
from dse.record.published import read_tables
from dse.record.tables import StudyTables, make_tables
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.database import readable
from dse.study.folders import DATABASE, TRIALS_FILE
from dse.study.right import kept_right
from dse.study.shared import keeps_study, open_study, where_kept
from dse.study.storage import SPACE_FILE, stored_space
from dse.study.trials import read_by_clock, read_trials


def load_study(path: str | Path, storage: str | None = None) -> StudyTables:
    """Load a study's trials, curves and front as pandas frames.

    Args:
        path: The study's folder. ``study.db`` is read if it is there, else the storage that the folder remembers, else
            the published CSV files.
        storage: URL of the storage, instead of the one that the folder remembers.

    Raises:
        StudyError: There is no study, or it cannot be read.

    >>> load_study("results/mnist-dimensions")
    StudyTables('mnist-dimensions': 42 trials of 14 recipes, 9 points on the front, 0.06 of the baseline's time)
    """
    folder = Path(path)
    if keeps_study(folder) or storage is not None:
        study, where = open_study(folder, storage), where_kept(folder, storage)
        space = stored_space(study, where)
        with readable(where):
            reading = read_by_clock(study)
            environment = check_environment(study.user_attrs.get("environment", {}))
        tables = make_tables(
            name=study.study_name,
            trials=reading.trials,
            space=space.dump(),
            baseline_id=space.baseline_recipe.id,
            environment=reading.described(environment),
            right=kept_right(study, where),
        )
        return judged(tables)
    if (folder / TRIALS_FILE).exists():
        published = folder / SPACE_FILE
        if not published.exists():
            return judged(read_tables(folder, {}))
        space = parse_space(read_yaml(published, SpaceError), str(published), recorded=True)
        return judged(read_tables(folder, space.dump()))
    raise StudyError(
        f"{folder}: holds no study (neither {DATABASE} nor trials.csv). "
        "Name one below results/, or give its folder; `dse explore` makes one."
    )


def confirmable(folder: Path) -> SearchSpace:
    """Give the space of a study that fresh runs can be added to.

    Raises:
        StudyError: It has no database, or no run of its baseline is complete.
    """
    if not keeps_study(folder):
        raise StudyError(
            f"{folder}: has no database that fresh runs could be added to. `dse explore SPACE` makes one; with "
            f"--warm-start {folder.name} it begins with the front of these tables."
        )
    study, where = open_study(folder), where_kept(folder)
    space = stored_space(study, where)
    if complete_runs(read_trials(study), space.baseline_recipe.id) is None:
        raise StudyError(
            f"{where}: no run of the baseline is complete, and everything is compared with it. Resume the study with "
            "`dse explore` until one is."
        )
    return space


def front_recipes(tables: StudyTables) -> list[Recipe]:
    """Give the recipes of a study's front, each once, the fastest first."""
    contents = tables.trials.set_index("trial")["recipe"][tables.front["trial"]]
    recipes = [
        parse_recipe(json.loads(content), f"{tables.name}:{trial}", recorded=True)
        for trial, content in contents.items()
    ]
    return list({recipe.id: recipe for recipe in recipes}.values())


def starting_points(tables: StudyTables, space: SearchSpace) -> list[Recipe]:
    """Give the recipes of a study's front that are points of a space, the fastest first.

    Raises:
        StudyError: None is.
    """
    recipes = front_recipes(tables)
    found = [recipe for recipe in recipes if space.assignment_of(recipe) is not None]
    if not found:
        raise StudyError(
            f"--warm-start {tables.name}: none of the {len(recipes)} recipes on its front is a point of the space "
            f"{space.name}. Leave the option out, or open the space for them."
        )
    return found
