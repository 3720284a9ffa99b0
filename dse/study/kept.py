"""What a storage keeps of a study, read whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dse.errors import StudyError
from dse.record.answer import complete_runs
from dse.record.environment import check_environment
from dse.record.right import ReadRight
from dse.record.trial import Trial
from dse.space.search_space import SearchSpace
from dse.study.bulk import storage_of
from dse.study.database import readable
from dse.study.folders import keeps_study
from dse.study.right import kept_right
from dse.study.shared import open_study, where_kept
from dse.study.storage import stored_space
from dse.study.trials import read_by_clock, read_trials


class Kept(NamedTuple):
    """What a storage keeps of a study."""

    name: str
    trials: Sequence[Trial]
    space: dict[str, Any]
    baseline_id: str
    environment: Mapping[str, Any]
    right: ReadRight


def read_kept(folder: Path, storage: str | None = None) -> Kept:
    """Read a folder's study from its storage.

    Args:
        folder: The study's.
        storage: URL of the storage, instead of the one that the folder remembers.

    Raises:
        StudyError: There is none, or it cannot be read.
    """
    study, where = open_study(folder, storage), where_kept(folder, storage)
    space = stored_space(study, where)
    with readable(where):
        reading = read_by_clock(study, storage_of(study).read_trials(study._study_id))
        environment = check_environment(study.user_attrs.get("environment", {}))
    described = reading.described(environment)
    return Kept(
        study.study_name,
        reading.trials,
        space.dump(),
        space.baseline_recipe.id,
        described,
        kept_right(study, where),
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
