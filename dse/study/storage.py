"""A study on disk: an Optuna storage that holds everything, written as it happens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from dse.errors import StudyError
from dse.record.environment import engine_name
from dse.record.objectives import directions
from dse.record.tables import write_view
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.quiet import quiet_optuna
from dse.study.widening import carried_over, check_space

DATABASE = "study.db"
SPACE_FILE = "space.yaml"
OTHER_NAME = "Give the new study another --name."

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
    results: Path, name: str, space: SearchSpace, environment: Mapping[str, Any], *, widen: bool = False
) -> Iterator[optuna.Study]:
    """Create a study or resume one, and keep others from writing to it meanwhile.

    Args:
        results: Folder of all studies.
        name: Name of this one.
        space: What is explored.
        environment: Machine, device, versions and the data's fingerprint.
        widen: Whether a study of a space that this one contains is carried over into it.

    Raises:
        StudyError: The name is a path; the folder cannot be written to; another dse explores it now; or it
            holds results that this space, data or device may not be mixed with.
    """
    check_name(name)
    folder = results / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        # Optuna logs every trial it creates or ends; the watcher of a study says that better.
        with lock.acquire(timeout=0), quiet_optuna():
            yield _create_or_continue(folder, name, space, environment, widen)
    except Timeout:
        raise StudyError(
            f"{folder}: another dse explore is writing to this study. Wait for it, or give this one another --name."
        ) from None
    except OSError as reason:
        raise StudyError(
            f"{folder}: cannot be written ({reason.strerror}). Choose another folder with --results."
        ) from None
    except (optuna.exceptions.StorageInternalError, _database_error()) as reason:
        raise StudyError(
            f"{folder / DATABASE}: cannot be written ({_first_line(reason)}). If the disk is full, free some of it; "
            "then the same command goes on where the study stopped."
        ) from None


def _create_or_continue(
    folder: Path, name: str, space: SearchSpace, environment: Mapping[str, Any], widen: bool
) -> optuna.Study:
    if (folder / DATABASE).exists():
        study = open_database(folder)
        check_compares(study, folder, environment)
        before = stored_space(study, folder)
        check_space(study, folder, before, space, widen)
        if space.explored != before.explored:
            _replace(
                folder,
                study.study_name,
                space,
                study.user_attrs["environment"],
                carried_over(study, before, space),
            )
            study = open_database(folder)
    elif any(folder.glob("*.csv")):
        raise StudyError(
            f"{folder} holds the tables of a study without its {DATABASE}, which a new study would overwrite. "
            "Give the new study another --name."
        )
    else:
        _replace(folder, name, space, environment, [])
        study = open_database(folder)
    write_view(folder / SPACE_FILE, space.to_yaml())
    return study


def _replace(
    folder: Path,
    name: str,
    space: SearchSpace,
    environment: Mapping[str, Any],
    trials: Sequence[FrozenTrial],
) -> None:
    """Make a study's database under another name first: nobody ever finds one that is half made."""
    unfinished = folder / f".{DATABASE}.unfinished"
    unfinished.unlink(missing_ok=True)
    storage = RDBStorage(f"sqlite:///{unfinished.resolve()}")
    new_study(storage, name, space, environment).add_trials(trials)
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
    study.set_user_attr("space", space.dump())
    study.set_user_attr("environment", dict(environment))
    return study


def check_compares(study: optuna.Study, folder: Path, environment: Mapping[str, Any]) -> None:
    """Refuse to mix what was measured on other images, another kind of device or with another engine.

    Raises:
        StudyError: The study's environment is not this one.
    """
    earlier = dict(study.user_attrs.get("environment", {}))
    if "engine" in earlier:
        earlier["engine"] = engine_name(earlier["engine"])
    for key, what in (
        ("data_fingerprint", "other images"),
        ("device_type", "another device"),
        ("engine", "another engine"),
    ):
        if earlier.get(key) != environment.get(key):
            raise StudyError(
                f"{folder} was measured with {what}: {earlier.get(key)!r}, now {environment.get(key)!r}. "
                f"Their seconds and accuracies do not compare. {OTHER_NAME}"
            )
    # Earlier versions did not record it.
    threads, now_threads = earlier.get("threads"), environment.get("threads")
    if threads is not None and threads != now_threads:
        raise StudyError(
            f"{folder} was measured with another number of threads: {threads}, now {now_threads}. "
            f"Their seconds do not compare. Go on with --threads {threads}, or give the new study another --name."
        )


def open_database(folder: Path) -> optuna.Study:
    """Open a study's database.

    Raises:
        StudyError: There is none, it is no Optuna storage, or it holds no study of ours.
    """
    path = folder / DATABASE
    if not path.exists():
        raise StudyError(f"{path}: no such file. `dse explore` makes one.")
    try:
        storage = RDBStorage(f"sqlite:///{path.resolve()}")
        (name,) = optuna.get_all_study_names(storage)
        study = optuna.load_study(study_name=name, storage=storage)
        study.user_attrs["space"]
    except (ValueError, KeyError):
        raise StudyError(f"{path}: holds no study of dse. Give the new study another --name.") from None
    except Exception as reason:
        if not isinstance(reason, (RuntimeError, _database_error(), optuna.exceptions.StorageInternalError)):
            raise
        raise StudyError(
            f"{path}: is no readable Optuna storage ({_first_line(reason)}). Restore it, or give another --name."
        ) from None
    return study


def _database_error() -> type[Exception]:
    import sqlalchemy.exc

    return sqlalchemy.exc.SQLAlchemyError


def _first_line(reason: BaseException) -> str:
    """Say what the database said: Optuna wraps its errors."""
    while reason.__cause__ is not None:
        reason = reason.__cause__
    return (str(reason).splitlines() or [type(reason).__name__])[0]


def stored_space(study: optuna.Study, folder: Path) -> SearchSpace:
    """Give the space that a study explores."""
    return parse_space(study.user_attrs["space"], str(folder / DATABASE))
