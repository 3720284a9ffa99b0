"""A PostgreSQL server as the storage of studies: one driver a study, and a server that is gone is waited for.

A driver has one connection, and that connection holds an advisory lock of the server's for the study: whatever writes,
writes under the lock, and a lock whose process, machine or network is gone ends with its connection.
"""

from __future__ import annotations

import os
import socket
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib.util import find_spec
from typing import Any, Concatenate, ParamSpec, TypeVar

import optuna
import sqlalchemy as sql
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import exc
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from typing_extensions import override

from dse.errors import StudyError
from dse.study.address import Address
from dse.study.bulk import TRIALS, BulkStorage
from dse.study.database import readable

# A server that is updated, or a machine that boots, is back by then.
WAIT_SECONDS = 300.0
PAUSE_SECONDS = 0.5

# A machine that is gone, with no word of farewell, is noticed in about a minute, on either side.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_LIBPQ = {**_KEEPALIVE, "connect_timeout": 10, "tcp_user_timeout": 60_000}

_LOCK = "hashtextextended('dse ' || coalesce(current_schema(), '') || ' ' || %s, 0)"

Args = ParamSpec("Args")
Result = TypeVar("Result")


class TakenError(StudyError):
    """Another driver has the study."""


def reader_storage(address: Address) -> BulkStorage | None:
    """Open a storage for reading alone; None if the database holds no storage of Optuna's.

    Raises:
        StudyError: It cannot be reached, or the package that does it is missing.
    """
    how = _engine_kwargs(address) | {
        "isolation_level": "REPEATABLE READ",
        "execution_options": {"postgresql_readonly": True},
        "poolclass": sql.NullPool,  # nobody says when a reader is done
    }
    with readable(address):
        engine = sql.create_engine(_url(address), **how)
        there = sql.inspect(engine).has_table("studies")
        engine.dispose()
        return BulkStorage(_url(address), how, skip_table_creation=True) if there else None


@contextmanager
def driver_storage(address: Address) -> Iterator[BulkStorage]:
    """Open a storage for the one driver of a study; tables that are missing are made.

    Raises:
        TakenError: Another driver has the study.
        StudyError: It cannot be reached, or the package that does it is missing.
    """
    with readable(address):
        _make_tables(address)
        storage = _DriverStorage(address)
    try:
        yield storage
    finally:
        storage.engine.dispose()


def _url(address: Address) -> str:
    # Which driver "postgresql" stands for depends on SQLAlchemy's version.
    url = make_url(address.url)
    driver = "postgresql+psycopg" if url.drivername == "postgresql" else url.drivername
    return url.set(drivername=driver).render_as_string(hide_password=False)


def _engine_kwargs(address: Address) -> dict[str, Any]:
    url = make_url(_url(address))
    driver = url.get_driver_name()
    if find_spec(driver) is None:
        raise StudyError(
            f"{address}: needs the package {driver}, which is not installed. "
            "Install it: pip install 'capsnet-dse[postgresql]'"
        )
    libpq: dict[str, Any] = {**_LIBPQ, "application_name": f"dse on {socket.gethostname()}"}
    arguments = {key: value for key, value in libpq.items() if key not in url.query}
    if not address.typed and "PGPASSWORD" in os.environ:
        # A folder may come from anybody: the password is not shown to a server that it alone names.
        arguments["require_auth"] = "!password,!md5"
    return {"connect_args": arguments | dict(address.secrets)}


def _make_tables(address: Address) -> None:
    engine = sql.create_engine(_url(address), **_engine_kwargs(address))
    try:
        with engine.begin() as connection:
            # Two that begin at once would both make them.
            connection.execute(sql.text("SELECT pg_advisory_xact_lock(hashtextextended('dse tables', 0))"))
            BulkStorage(_url(address), _engine_kwargs(address)).engine.dispose()
    finally:
        engine.dispose()


def _lasting(
    method: Callable[Concatenate[_DriverStorage, Args], Result],
) -> Callable[Concatenate[_DriverStorage, Args], Result]:
    """Make a method of a storage wait for a server that is gone; it is one that may be done twice."""

    @wraps(method)
    def waiting(self: _DriverStorage, /, *args: Args.args, **kwargs: Args.kwargs) -> Result:
        return self.lasting(lambda broken: method(self, *args, **kwargs))

    return waiting


class _DriverStorage(BulkStorage):
    """A storage on a server, for the one driver of a study."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._was_held = False
        self._patience = WAIT_SECONDS
        how = _engine_kwargs(address) | {
            "pool_size": 1,
            "max_overflow": 0,
            "pool_events": [(self._take, "connect")],
        }
        super().__init__(_url(address), how, skip_compatibility_check=True, skip_table_creation=True)

    def _take(self, connection: Any, record: object) -> None:
        """Take the study's lock by a new connection."""
        cursor = connection.cursor()
        cursor.execute(f"SELECT pg_try_advisory_lock({_LOCK})", (self._address.study,))
        (taken,) = cursor.fetchone()
        for name, value in _KEEPALIVE.items():
            cursor.execute(f"SET tcp_{name} = {value}")
        connection.commit()
        if not taken:
            connection.close()
            raise TakenError(
                f"{self._address}: another dse explore is writing to this study. Wait for it, or give this one another "
                "--name. If its machine is gone, the server notices within some minutes."
            )
        self._was_held = True

    def lasting(self, attempt: Callable[[bool], Result]) -> Result:
        """Try again what failed since the server is gone, until it is back or has been waited for long enough.

        Args:
            attempt: What to try; called with whether an earlier try was broken off, perhaps after it was done.
        """
        began, broken = time.monotonic(), False
        while True:
            try:
                result = attempt(broken)
            except (exc.SQLAlchemyError, optuna.exceptions.StorageInternalError, TakenError) as error:
                if not self._is_outage(error) or time.monotonic() - began >= self._patience:
                    # Whoever still wants to record the end of a trial need not wait as long again.
                    self._patience = 0.0
                    raise
                if not broken:
                    warnings.warn(
                        f"{self._address}: does not answer; waiting up to {self._patience:.0f} s for it.",
                        stacklevel=2,
                    )
                broken = True
            else:
                self._patience = WAIT_SECONDS
                return result
            try:
                time.sleep(PAUSE_SECONDS)
            except BaseException:
                self._patience = 0.0
                raise

    def _is_outage(self, error: BaseException) -> bool:
        if isinstance(error, TakenError):
            # The server may not have noticed yet that our own former connection is broken.
            return self._was_held
        cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
        return isinstance(cause, exc.OperationalError | exc.InterfaceError) or (
            isinstance(cause, exc.DBAPIError) and cause.connection_invalidated
        )

    create_new_study = _lasting(BulkStorage.create_new_study)
    delete_study = _lasting(BulkStorage.delete_study)
    set_study_user_attr = _lasting(BulkStorage.set_study_user_attr)
    set_study_system_attr = _lasting(BulkStorage.set_study_system_attr)
    get_study_id_from_name = _lasting(BulkStorage.get_study_id_from_name)
    get_study_name_from_id = _lasting(BulkStorage.get_study_name_from_id)
    get_study_directions = _lasting(BulkStorage.get_study_directions)
    get_study_user_attrs = _lasting(BulkStorage.get_study_user_attrs)
    get_study_system_attrs = _lasting(BulkStorage.get_study_system_attrs)
    set_trial_user_attrs = _lasting(BulkStorage.set_trial_user_attrs)
    set_trial_system_attr = _lasting(BulkStorage.set_trial_system_attr)
    get_trial = _lasting(BulkStorage.get_trial)
    get_trial_id_from_study_id_trial_number = _lasting(BulkStorage.get_trial_id_from_study_id_trial_number)
    rewrite_trials = _lasting(BulkStorage.rewrite_trials)
    _get_trials = _lasting(BulkStorage._get_trials)
    _set_trial_param = _lasting(BulkStorage._set_trial_param)

    @override
    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        def attempt(broken: bool) -> bool:
            if broken and self.get_trial(trial_id).state == state:
                return True  # its answer was lost, not the change
            return super(_DriverStorage, self).set_trial_state_values(trial_id, state, values)

        return self.lasting(attempt)

    @override
    def _create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> FrozenTrial:
        newest = self.lasting(lambda broken: self._newest(study_id))
        trial = self.lasting(
            lambda broken: super(_DriverStorage, self)._create_new_trial(study_id, template_trial)
        )
        self.lasting(lambda broken: self._close(study_id, newest, trial._trial_id))
        return trial

    def _close(self, study_id: int, newest: int, made: int) -> None:
        """End the trials whose making was broken off after it was done: nobody knows of them."""
        unknown = (TRIALS.study_id == study_id, TRIALS.trial_id > newest, TRIALS.trial_id < made)
        with self.engine.begin() as connection:
            connection.execute(sql.update(TRIALS.__table__).where(*unknown).values(state=TrialState.FAIL))

    def _newest(self, study_id: int) -> int:
        with Session(self.engine) as session:
            of_study = sql.select(sql.func.max(TRIALS.trial_id)).where(TRIALS.study_id == study_id)
            return session.execute(of_study).scalar() or 0
