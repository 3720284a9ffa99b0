"""Loading a study, from its database or from the CSV files that were published."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dse.errors import SpaceError, StudyError
from dse.evidence.judge import judged
from dse.files import read_yaml
from dse.recipe.recipe import Recipe, parse_recipe
from dse.record.answer import Answer, complete_runs
from dse.record.environment import check_environment
from dse.record.published import read_tables
from dse.record.replicates import by_recipe
from dse.record.right import ReadRight
from dse.record.tables import StudyTables, make_tables, study_answer
from dse.record.trial import Trial
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
    if not keeps_study(folder) and storage is None:
        return judged(_published(folder))
    kept = _kept(folder, storage)
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


def summarise(folder: Path) -> Summary:
    """Read what a study amounts to, without its frames and what is drawn to judge them: in a third of the time.

    Raises:
        StudyError: There is no study, or it cannot be read.
    """
    if not keeps_study(folder):
        tables = _published(folder)
        states = Counter(tables.trials["state"].tolist())
        return Summary(tables.name, tables.space, states, tables.answer)
    kept = _kept(folder, None)
    answer = study_answer(
        by_recipe(kept.trials), complete_runs(kept.trials, kept.baseline_id), kept.space, kept.environment
    )
    return Summary(kept.name, kept.space, Counter(str(trial.state) for trial in kept.trials), answer)


class _Kept(NamedTuple):
    """What a storage keeps of a study."""

    name: str
    trials: Sequence[Trial]
    space: dict[str, Any]
    baseline_id: str
    environment: Mapping[str, Any]
    right: ReadRight


def _kept(folder: Path, storage: str | None) -> _Kept:
    study, where = open_study(folder, storage), where_kept(folder, storage)
    space = stored_space(study, where)
    with readable(where):
        reading = read_by_clock(study)
        environment = check_environment(study.user_attrs.get("environment", {}))
    described = reading.described(environment)
    return _Kept(
        study.study_name,
        reading.trials,
        space.dump(),
        space.baseline_recipe.id,
        described,
        kept_right(study, where),
    )


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
