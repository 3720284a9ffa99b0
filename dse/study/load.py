"""Loading a study, from its database or from the CSV files that were published."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dse.errors import SpaceError, StudyError
from dse.evidence.judge import judged
from dse.files import read_yaml
from dse.recipe.recipe import Recipe, parse_recipe
from dse.record.answer import Answer, complete_runs
from dse.record.courses import by_course
from dse.record.published import read_tables
from dse.record.tables import StudyTables, make_tables, study_answer
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.collector import without_collector
from dse.study.folders import DATABASE, SPACE_FILE, TRIALS_FILE, keeps_study


@without_collector()
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
    if not keeps_study(folder) and storage is None:
        return judged(_published(folder))
    from dse.study.kept import read_kept  # here alone: published tables ask for no database

    kept = read_kept(folder, storage)
    return judged(
        make_tables(kept.name, kept.trials, kept.space, kept.baseline_id, kept.environment, right=kept.right)
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """What a study amounts to.

    Attributes:
        name: Of the study.
        space: The search space as it was explored.
        states: How many trials are in which state.
        answer: Without its interval.
    """

    name: str
    space: Mapping[str, Any]
    states: Mapping[str, int]
    answer: Answer


@without_collector()
def summarise(folder: Path) -> Summary:
    """Read what a study amounts to, without its frames and what is drawn to judge them: in a third of the time.

    Raises:
        StudyError: There is no study, or it cannot be read.
    """
    if not keeps_study(folder):
        tables = _published(folder)
        states = Counter(tables.trials["state"].tolist())
        return Summary(tables.name, tables.space, states, tables.answer)
    from dse.study.kept import read_kept

    kept = read_kept(folder)
    answer = study_answer(
        by_course(kept.trials, kept.space["objectives"]),
        complete_runs(kept.trials, kept.baseline_id),
        kept.space,
        kept.environment,
    )
    return Summary(kept.name, kept.space, Counter(str(trial.state) for trial in kept.trials), answer)


def _published(folder: Path) -> StudyTables:
    if not (folder / TRIALS_FILE).exists():
        raise StudyError(
            f"{folder}: holds no study (neither {DATABASE} nor trials.csv). "
            "Name one below results/, or give its folder; `dse explore` makes one."
        )
    published = folder / SPACE_FILE
    if not published.exists():
        return read_tables(folder, {})
    return read_tables(
        folder, parse_space(read_yaml(published, SpaceError), str(published), recorded=True).dump()
    )


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
