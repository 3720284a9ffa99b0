"""A study on disk: an Optuna storage that holds everything, written as it happens."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial

from dse.errors import DamagedError, StudyError
from dse.files import refuse_link, remove_unfinished
from dse.record.environment import check_environment, workers_of
from dse.record.tables import write_view
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.address import Address, find_address, remember, remembered
from dse.study.comparing import check_compares
from dse.study.database import (
    copy_database,
    open_database,
    readable,
    server_writable,
    storage_at,
    writable,
)
from dse.study.folders import DATABASE, SPACE_FILE, STORAGE_FILE
from dse.study.quiet import quiet_optuna
from dse.study.salvage import salvaged_trials
from dse.study.shared import find_shared, make_shared
from dse.study.studies import new_study
from dse.study.trials import epochs_reached, is_drawn, read_trials
from dse.study.widening import carried_over, check_space

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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a study is to explore now, and where; see ``opened``."""

    space: SearchSpace
    environment: Mapping[str, Any]
    widen: bool
    any_device: bool


@contextmanager
def opened(
    results: Path,
    name: str,
    space: SearchSpace,
    environment: Mapping[str, Any],
    *,
    widen: bool = False,
    any_device: bool = False,
    storage: str | None = None,
) -> Iterator[optuna.Study]:
    """Create a study or resume one, and keep others from writing to it meanwhile.

    Args:
        results: Folder of all studies.
        name: Name of this one.
        space: What is explored.
        environment: Machine, device, versions and the data's fingerprint.
        widen: Whether a study of a space that this one contains is carried over into it.
        any_device: Whether a study is resumed on a device of another name than its own.
        storage: URL of the storage that keeps it; the one that the folder remembers, or a file in it, if None.

    Raises:
        StudyError: The name is a path; the folder cannot be written to; another dse explores it now; or it
            holds results that this space, data or device may not be mixed with.
        RunError: The database stayed locked, its server stayed away, or the disk is full.
    """
    check_name(name)
    folder = results / name
    wanted = _Wanted(space, environment, widen, any_device)
    # Optuna logs every trial it creates or ends; the watcher of a study says that better.
    with _locked(folder), quiet_optuna():
        address = find_address(folder, storage)
        if address is not None:
            with _shared(folder, address, wanted) as study:
                yield study
            return
        with writable(folder / DATABASE), _folder_written(folder):
            remove_unfinished(folder)
            study = _create_or_resume(folder, wanted)
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


@contextmanager
def _shared(folder: Path, address: Address, wanted: _Wanted) -> Iterator[optuna.Study]:
    """Create or resume a study on a server, as its one driver."""
    from dse.study.server import driver_storage

    if (folder / DATABASE).exists():
        raise StudyError(
            f"{folder} has a study of its own in {DATABASE}. Leave --storage out, or give the new study another --name."
        )
    known = remembered(folder)
    with driver_storage(address) as storage, server_writable(address):
        study = find_shared(address, storage)
        if study is None:
            if known is not None and known.url != address.url:
                raise StudyError(
                    f"{address}: there is no such study, but {folder / STORAGE_FILE} names one: {known}. Move it "
                    "there, leave --storage out, or give the new study another --name."
                )
            _refuse_tables(folder, str(address))
            with _folder_written(folder):
                study = make_shared(address, storage, wanted.space, wanted.environment)
        else:
            before, _ = _checked(study, folder, address, wanted)
            if wanted.space.explored != before.explored:
                moved = carried_over(study, before, wanted.space)
                storage.rewrite_trials(study._study_id, moved, {"space": wanted.space.dump()})
                study = optuna.load_study(study_name=address.study, storage=storage)
        with _folder_written(folder):
            remove_unfinished(folder)
        remember(folder, address)
        write_view(folder / SPACE_FILE, wanted.space.to_yaml())
        yield study


def _create_or_resume(folder: Path, wanted: _Wanted) -> optuna.Study:
    path, space = folder / DATABASE, wanted.space
    if path.exists():
        try:
            study = open_database(folder)
            before, _ = _checked(study, folder, path, wanted)
        except DamagedError as damage:
            raise _saved_elsewhere(folder, wanted, damage) from None
        if space.explored != before.explored:
            _widen_database(folder, study, space, carried_over(study, before, space))
            study = open_database(folder)
    else:
        _refuse_tables(folder, DATABASE)
        make_database(folder, space, wanted.environment, [])
        study = open_database(folder)
    write_view(folder / SPACE_FILE, space.to_yaml())
    return study


def _saved_elsewhere(folder: Path, wanted: _Wanted, damage: DamagedError) -> StudyError:
    """Save what can be read of a damaged database as a study of its own, and say where."""
    other = folder.with_name(f"{folder.name}-salvaged")
    resume = f"The same command with --name {other.name} resumes it."
    if other.exists():
        return StudyError(f"{damage} What could be read of it was saved as the study {other}. {resume}")
    trials = salvaged_trials(folder / DATABASE, wanted.space)
    drawn = sum(is_drawn(trial) for trial in trials)
    if not drawn:
        return damage
    other.mkdir()
    if (folder / ".checkpoints").is_dir():
        shutil.copytree(folder / ".checkpoints", other / ".checkpoints")
    make_database(other, wanted.space, wanted.environment, trials)
    epochs = sum(map(epochs_reached, trials))
    return StudyError(
        f"{damage} What can be read of it, {drawn} trials with {epochs} epochs, is saved as the study {other}; the "
        f"damaged file is as it was. {resume}"
    )


def _checked(
    study: optuna.Study, folder: Path, where: Path | Address, wanted: _Wanted
) -> tuple[SearchSpace, Mapping[str, Any]]:
    """Give a study's space and environment, if it may be resumed as it is wanted."""
    with readable(where):
        read_trials(study)
        earlier = check_environment(study.user_attrs.get("environment", {}))
    check_compares(folder, earlier, wanted.environment, any_device=wanted.any_device)
    before = stored_space(study, where)
    check_space(study, folder, before, wanted.space, wanted.widen)
    if workers_of(wanted.environment) > workers_of(earlier):
        earlier = earlier | {"workers": workers_of(wanted.environment)}
        study.set_user_attr("environment", earlier)
    return before, earlier


def _refuse_tables(folder: Path, database: str) -> None:
    if any(folder.glob("*.csv")):
        raise StudyError(
            f"{folder} holds the tables of a study without its {database}, which a new study would overwrite. "
            "Give the new study another --name."
        )


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


def _widen_database(
    folder: Path, study: optuna.Study, space: SearchSpace, trials: Sequence[FrozenTrial]
) -> None:
    """Give a study's database another space and its trials as points of it, under another name first."""
    unfinished = folder / f".{DATABASE}.unfinished"
    copy_database(folder / DATABASE, unfinished)
    storage = storage_at(unfinished)
    storage.rewrite_trials(study._study_id, trials, {"space": space.dump()})
    storage.engine.dispose()
    unfinished.replace(folder / DATABASE)


def stored_space(study: optuna.Study, where: object) -> SearchSpace:
    """Give the space that a study explores; ``where`` it is kept is for the error's text."""
    return parse_space(study.user_attrs["space"], str(where), recorded=True)
