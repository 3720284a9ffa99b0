"""A study's database: one SQLite file in the form of an Optuna storage, opened without changing it."""

from __future__ import annotations

import sqlite3
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import optuna

from dse.errors import DamagedError, DseError, RecipeError, RunError, StudyError
from dse.study.address import Address
from dse.study.bulk import BulkStorage
from dse.study.folders import DATABASE
from dse.units import clipped

# Of what a study's attributes hold. Studies of version 0.1 do not name theirs.
FORMAT = 1
# A backup or a report may read for a while, and the writer waits. SQLite's own limit is 5 s.
LOCK_SECONDS = 90.0
# A database repeats the cell that it cannot read, whatever its length.
LONGEST_SAYING = 500
# What Optuna and our own reading say of rows that hold what was never written.
_DAMAGE = (RuntimeError, AssertionError, LookupError, TypeError, ValueError, AttributeError)


def storage_at(path: Path, *, create: bool = False) -> BulkStorage:
    """Give the storage in a file, of any name.

    Args:
        path: The file.
        create: Whether it is made if it is not there; an old one is opened as it is, no table added.
    """
    # Braces, "?" and "%" of a path mean something in Optuna's and SQLAlchemy's URLs: the file is opened here.
    return BulkStorage(
        "sqlite:///study.db",
        engine_kwargs={"creator": lambda: _connect(path.resolve(), create=create)},
        skip_table_creation=not create,
    )


def _connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    where = f"file:{urllib.parse.quote(str(path))}?mode={'rwc' if create else 'rw'}"
    return sqlite3.connect(where, uri=True, timeout=LOCK_SECONDS, check_same_thread=False)


def copy_database(path: Path, to: Path) -> None:
    """Copy a database, as it is between two writings, in place of what is there."""
    to.unlink(missing_ok=True)
    with closing(_connect(path.resolve())) as source, closing(_connect(to.resolve(), create=True)) as target:
        source.backup(target)


def open_database(folder: Path) -> optuna.Study:
    """Open a study's database; a file that holds none is left as it is.

    Raises:
        StudyError: There is none, it is no Optuna storage, or it holds no study of ours, or of a newer version.
    """
    path = folder / DATABASE
    if not path.exists():
        raise StudyError(f"{path}: no such file. `dse explore` makes one.")
    with readable(path):
        if not _has_tables(path):
            raise StudyError(f"{path}: holds no study of dse. Give the new study another --name.")
        storage = storage_at(path)
        try:
            # Optuna's list of names counts every trial of each study.
            with storage.engine.connect() as connection:
                (name,) = connection.exec_driver_sql("SELECT study_name FROM studies").scalars()
            study = optuna.load_study(study_name=name, storage=storage)
            study.user_attrs["space"]
        except (ValueError, KeyError):
            raise StudyError(f"{path}: holds no study of dse. Give the new study another --name.") from None
    check_format(study, path)
    return study


def check_format(study: optuna.Study, where: object) -> None:
    """Refuse a study of a newer version.

    Raises:
        StudyError: It is one.
    """
    written = study.user_attrs.get("format", FORMAT)
    if not isinstance(written, int) or written > FORMAT:
        raise StudyError(
            f"{where}: was written by a newer dse (format {written!r}; this one reads up to {FORMAT}). Update dse."
        )


@contextmanager
def readable(path: object) -> Iterator[None]:
    """Explain what a database says that cannot be read.

    Args:
        path: The file, or what is shown of a server's address.

    Raises:
        StudyError: It is locked, cut short or damaged, holds something else, or its server cannot be reached.
    """
    try:
        yield
    except RecipeError as reason:
        raise StudyError(f"{path}: {reason}") from None  # of a trial, by its number
    except DseError:
        raise
    except Exception as reason:
        said = _first_line(reason)
        if "locked" in said:
            raise StudyError(
                f"{path}: is locked by another program ({said}). End it, then try again."
            ) from None
        if not isinstance(reason, (*_database_errors(), optuna.exceptions.OptunaError, *_DAMAGE)):
            raise
        if isinstance(path, Address) and _is_of_server(reason):
            raise StudyError(
                f"{path}: cannot be used ({said}). Check the address, and that its server runs; a password is taken "
                f"from {path.dialect.password}."
            ) from None
        raise DamagedError(
            f"{path}: is no readable Optuna storage ({said}). Restore it, or give another --name."
        ) from None


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Explain why a database cannot be written to.

    Raises:
        RunError: It stayed locked, was removed, or the disk is full.
    """
    was_there = path.exists()
    try:
        yield
    except Exception as reason:
        if not isinstance(reason, (*_database_errors(), optuna.exceptions.StorageInternalError)):
            raise
        if was_there and not path.exists():
            raise RunError(
                f"{path}: is gone, removed or moved while a trial trained. Put the study's folder back and give the "
                "same command again to resume; without it, the command begins the study again."
            ) from None
        raise RunError(
            f"{path}: cannot be written ({_first_line(reason)}). If the disk is full, free some of it; if another "
            "program locks the file, end it. Then the same command resumes the study."
        ) from None


def _has_tables(path: Path) -> bool:
    with closing(_connect(path.resolve())) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {"studies", "trials", "version_info", "alembic_version"} <= {name for (name,) in names}


@contextmanager
def server_writable(where: object) -> Iterator[None]:
    """Explain why a server does not take what is written.

    Raises:
        RunError: It is gone, and was waited for, or it refuses.
    """
    try:
        yield
    except Exception as reason:
        if not isinstance(reason, (*_database_errors(), optuna.exceptions.StorageInternalError)):
            raise
        raise RunError(
            f"{where}: cannot be written ({_first_line(reason)}). Once the server is back, the same command resumes "
            "the study; an epoch that it missed is in the study's checkpoints."
        ) from None


def _is_of_server(reason: BaseException) -> bool:
    import sqlalchemy.exc

    chain = [reason]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    of_server = any(isinstance(each, sqlalchemy.exc.DBAPIError) for each in chain)
    return of_server and not isinstance(chain[-1], sqlite3.Error)


def _database_errors() -> tuple[type[Exception], ...]:
    import sqlalchemy.exc

    return (sqlalchemy.exc.SQLAlchemyError, sqlite3.Error)


def _first_line(reason: BaseException) -> str:
    """Say what the database said: Optuna wraps its errors."""
    while reason.__cause__ is not None:
        reason = reason.__cause__
    said = str(reason.args[-1]) if reason.args else ""  # before it, MySQL has a number
    return clipped((said.splitlines() or [type(reason).__name__])[0], LONGEST_SAYING)
