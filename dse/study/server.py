"""A server as the storage of studies: one driver a study, and a server that is gone is waited for.

A driver has one connection, and that connection holds a lock of the server's for the study: whatever writes, writes
under the lock, and a lock whose process, machine or network is gone ends with its connection.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
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
from dse.study.bulk import TRIALS, BulkStorage, upsert
from dse.study.database import readable

# A server that is updated, or a machine that boots, is back by then.
WAIT_SECONDS = 300.0
PAUSE_SECONDS = 0.5

# How often a driver shows that it lives, whatever its trials do.
SIGN_SECONDS = 20.0

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
        "pool_events": [(_saying(address.dialect.read_only), "connect")],
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
    done = threading.Event()
    living = threading.Thread(target=storage.show_life, args=(done,), daemon=True)
    living.start()
    try:
        yield storage
    finally:
        done.set()
        living.join(timeout=1)  # longer, and it waits for a server that is gone
        storage.engine.dispose()


def _url(address: Address) -> str:
    url = make_url(address.url)
    return url.set(drivername=address.dialect.drivers[url.drivername]).render_as_string(hide_password=False)


def _engine_kwargs(address: Address) -> dict[str, Any]:
    url = make_url(_url(address))
    driver = url.get_driver_name()
    if find_spec(driver) is None:
        raise StudyError(
            f"{address}: needs the package {driver}, which is not installed. "
            f"Install it: pip install 'capsnet-dse[{address.dialect.extra}]'"
        )
    return {"connect_args": address.dialect.arguments(url, address.secrets, address.typed)}


def _saying(statement: str) -> Callable[[Any, object], None]:
    def say(connection: Any, record: object) -> None:
        connection.cursor().execute(statement)
        connection.commit()

    return say


def _make_tables(address: Address) -> None:
    engine = sql.create_engine(_url(address), **_engine_kwargs(address))
    try:
        with engine.connect() as connection:
            # Two that begin at once would both make them.
            if not connection.exec_driver_sql(address.dialect.lock_tables).scalar():
                raise TakenError(f"{address}: another dse explore is making its tables. Wait for it.")
            BulkStorage(_url(address), _engine_kwargs(address)).engine.dispose()
            if address.dialect.alterations:
                for statement in connection.exec_driver_sql(address.dialect.alterations).scalars().all():
                    connection.exec_driver_sql(statement)
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


def _of_database(error: BaseException) -> BaseException | None:
    return error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error


class _DriverStorage(BulkStorage):
    """A storage on a server, for the one driver of a study."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._was_held = False
        self._patience = WAIT_SECONDS
        self._upsert = upsert(address.dialect.on_conflict)
        how = _engine_kwargs(address) | {
            # MySQL locks more than it changes with its usual level, and drivers of other studies fall over that.
            "isolation_level": "READ COMMITTED",
            "pool_pre_ping": False,
            "pool_size": 1,
            "max_overflow": 0,
            "pool_events": [(self._take, "connect")],
        }
        super().__init__(_url(address), how, skip_compatibility_check=True, skip_table_creation=True)

    def _take(self, connection: Any, record: object) -> None:
        """Take the study's lock by a new connection."""
        cursor = connection.cursor()
        cursor.execute(self._address.dialect.lock, (self._address.study,))
        (taken,) = cursor.fetchone()
        for statement in self._address.dialect.watched:
            cursor.execute(statement)
        connection.commit()
        if not taken:
            connection.close()
            raise TakenError(
                f"{self._address}: another dse explore is writing to this study. Wait for it, or give this one another "
                "--name. If its machine is gone, the server notices within some minutes."
            )
        self._was_held = True

    def show_life(self, done: threading.Event) -> None:
        """Say something to the server now and then until all is done: it may end connections that are silent."""
        while not done.wait(SIGN_SECONDS):
            # What is wrong, the driver sees itself.
            with suppress(exc.SQLAlchemyError, TakenError), self.engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")

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
                if not (broken or self._is_collision(error)):
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
        cause = _of_database(error)
        # The one connection may be waiting for the server in ``show_life``.
        return isinstance(cause, exc.OperationalError | exc.InterfaceError | exc.TimeoutError) or (
            isinstance(cause, exc.DBAPIError) and cause.connection_invalidated
        )

    def _is_collision(self, error: BaseException) -> bool:
        cause = _of_database(error)
        number = cause.orig.args[:1] if isinstance(cause, exc.DBAPIError) and cause.orig else ()
        return not self._address.dialect.collisions.isdisjoint(number)

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
