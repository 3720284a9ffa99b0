"""A study on disk: an Optuna storage that holds everything, written as it happens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from dse.errors import StudyError
from dse.files import refuse_link, remove_unfinished
from dse.record.environment import check_environment
from dse.record.objectives import directions
from dse.record.tables import write_view
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.comparing import check_compares
from dse.study.database import DATABASE, FORMAT, open_database, readable, storage_at, writable
from dse.study.quiet import quiet_optuna
from dse.study.trials import read_trials
from dse.study.widening import carried_over, check_space

SPACE_FILE = "space.yaml"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_name(name: str) -> None:
    """Refuse a study name that is not a plain folder name.

    Raises:
        StudyError: It is a path, or has other characters than letters, digits, dot, dash and underscore.
    """
    if not _NAME.fullmatch(name):
        raise StudyError(
            f"the study name {name!r} is not a plain name: use letters, digits, '.', '-' and '_'. "
            "To choose another folder, give it with --results."
        )


@contextmanager
def opened(
    results: Path,
    name: str,
    space: SearchSpace,
    environment: Mapping[str, Any],
    *,
    widen: bool = False,
    any_device: bool = False,
) -> Iterator[optuna.Study]:
    """Create a study or resume one, and keep others from writing to it meanwhile.

    Args:
        results: Folder of all studies.
        name: Name of this one.
        space: What is explored.
        environment: Machine, device, versions and the data's fingerprint.
        widen: Whether a study of a space that this one contains is carried over into it.
        any_device: Whether a study is resumed on a device of another name than its own.

    Raises:
        StudyError: The name is a path; the folder cannot be written to; another dse explores it now; or it
            holds results that this space, data or device may not be mixed with.
        RunError: The database stayed locked, or the disk is full.
    """
    check_name(name)
    folder = results / name
    # Optuna logs every trial it creates or ends; the watcher of a study says that better.
    with _locked(folder), quiet_optuna():
        with writable(folder / DATABASE), _folder_written(folder):
            remove_unfinished(folder)
            study = _create_or_resume(folder, space, environment, widen=widen, any_device=any_device)
        with writable(folder / DATABASE):
            yield study


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    for name in (".lock", DATABASE, ".checkpoints"):
        refuse_link(folder / name, StudyError)
    lock = FileLock(folder / ".lock")
    with _folder_written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise StudyError(
                f"{folder}: another dse explore is writing to this study. Wait for it, or give this one another "
                "--name."
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _folder_written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as reason:
        raise StudyError(
            f"{folder}: cannot be written ({reason.strerror}). Choose another folder with --results."
        ) from None


def _create_or_resume(
    folder: Path, space: SearchSpace, environment: Mapping[str, Any], *, widen: bool, any_device: bool
) -> optuna.Study:
    if (folder / DATABASE).exists():
        study = open_database(folder)
        with readable(folder / DATABASE):
            read_trials(study)
            earlier = check_environment(study.user_attrs.get("environment", {}))
        check_compares(folder, earlier, environment, any_device=any_device)
        if environment.get("workers", 1) > earlier.get("workers", 1):
            earlier = earlier | {"workers": environment["workers"]}
            study.set_user_attr("environment", earlier)
        before = stored_space(study, folder)
        check_space(study, folder, before, space, widen)
        if space.explored != before.explored:
            make_database(
                folder,
                space,
                earlier,
                carried_over(study, before, space),
            )
            study = open_database(folder)
    elif any(folder.glob("*.csv")):
        raise StudyError(
            f"{folder} holds the tables of a study without its {DATABASE}, which a new study would overwrite. "
            "Give the new study another --name."
        )
    else:
        make_database(folder, space, environment, [])
        study = open_database(folder)
    write_view(folder / SPACE_FILE, space.to_yaml())
    return study


def make_database(
    folder: Path,
    space: SearchSpace,
    environment: Mapping[str, Any],
    trials: Sequence[FrozenTrial],
) -> None:
    """Make a study's database under another name first: nobody ever finds one that is half made."""
    unfinished = folder / f".{DATABASE}.unfinished"
    unfinished.unlink(missing_ok=True)
    storage = storage_at(unfinished, create=True)
    study = new_study(storage, folder.name, space, environment)
    storage.copy_trials(study._study_id, trials)
    storage.engine.dispose()
    unfinished.replace(folder / DATABASE)


def new_study(
    storage: BaseStorage, name: str, space: SearchSpace, environment: Mapping[str, Any]
) -> optuna.Study:
    """Create a study without trials in a storage of Optuna's: on disk, or in memory."""
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        directions=[
            StudyDirection.MAXIMIZE if maximise else StudyDirection.MINIMIZE
            for maximise in directions(space.objectives)
        ],
    )
    # Names for optuna-dashboard; Optuna still calls the method experimental.
    study.set_metric_names(list(space.objectives))
    study.set_user_attr("format", FORMAT)
    study.set_user_attr("space", space.dump())
    study.set_user_attr("environment", dict(environment))
    return study


def stored_space(study: optuna.Study, folder: Path) -> SearchSpace:
    """Give the space that a study explores."""
    return parse_space(study.user_attrs["space"], str(folder / DATABASE), recorded=True)
