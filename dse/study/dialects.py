"""The servers that keep studies, and what has to be said to each of them in its own way."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

# SQLite's and PostgreSQL's way to end an INSERT of an attribute that may be there.
ON_CONFLICT = "ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json"


@dataclass(frozen=True, slots=True)
class Dialect:
    """A kind of servers.

    A machine that is gone, with no word of farewell, is noticed in about a minute, on either side.

    Attributes:
        name: What people call it.
        drivers: SQLAlchemy's driver for each scheme that a URL may begin with.
        extra: The extra of this package that installs the driver.
        password: Where a password is taken from.
        arguments: Gives what a connection takes beside the URL, for that, its secrets, and whether the user typed it.
        read_only: Statement after which a connection's transactions are read-only.
        lock: Statement that tries to take a study's lock for a connection's life; gives whether it is taken.
        lock_tables: Statement that waits for the lock under which tables are made; gives whether it is taken.
        watched: Statements after which the server ends the connection of a driver that is silent for a minute.
        on_conflict: How an INSERT of a trial's attribute ends that replaces one.
        alterations: Query for the statements that let Optuna's tables hold all that they hold elsewhere; none if empty.
        collisions: Numbers of the errors of a transaction that was undone as another one was in its way.
        options: The options that a URL may have; None if any.
    """

    name: str
    drivers: Mapping[str, str]
    extra: str
    password: str
    arguments: Callable[[URL, Mapping[str, str], bool], dict[str, Any]]
    read_only: str
    lock: str
    lock_tables: str
    watched: tuple[str, ...]
    on_conflict: str = ON_CONFLICT
    alterations: str = ""
    collisions: frozenset[int] = frozenset()
    options: frozenset[str] | None = None


def _of_libpq(url: URL, secrets: Mapping[str, str], typed: bool) -> dict[str, Any]:
    timeouts = {**_KEEPALIVE, "connect_timeout": 10, "tcp_user_timeout": 60_000}
    arguments = _unless_given(url, {**timeouts, "application_name": _program()})
    if not typed and "PGPASSWORD" in os.environ:
        # A folder may come from anybody: the password is not shown to a server that it alone names.
        arguments["require_auth"] = "!password,!md5"
    return {**arguments, **secrets}


def _of_pymysql(url: URL, secrets: Mapping[str, str], typed: bool) -> dict[str, Any]:
    arguments = _unless_given(url, {"connect_timeout": 10, "read_timeout": 60, "write_timeout": 60})
    password = secrets.get("password")
    if password is None and (typed or _is_users_mysql(url)):
        password = os.environ.get("MYSQL_PWD")
    if password is not None:
        arguments["password"] = password.encode()  # a text would have to be Latin-1
    # Whatever the server's settings are: what does not fit is refused, not cut, and tables have transactions.
    strict = "SET SESSION sql_mode = 'STRICT_ALL_TABLES', default_storage_engine = InnoDB"
    return arguments | {"init_command": strict, "program_name": _program()}


def _is_users_mysql(url: URL) -> bool:
    """Whether the environment names this server too: it may ask for the password itself, and a folder is anybody's."""
    named = f"{os.environ.get('MYSQL_HOST')}:{os.environ.get('MYSQL_TCP_PORT', '3306')}"
    return named == f"{url.host}:{url.port or 3306}" and "unix_socket" not in url.query


def _unless_given(url: URL, usual: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in usual.items() if key not in url.query}


def _program() -> str:
    return f"dse on {socket.gethostname()}"


_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}

POSTGRESQL = Dialect(
    name="PostgreSQL",
    # Which driver "postgresql" stands for depends on SQLAlchemy's version. These know libpq's options.
    drivers={
        "postgresql": "postgresql+psycopg",
        "postgresql+psycopg": "postgresql+psycopg",
        "postgresql+psycopg2": "postgresql+psycopg2",
    },
    extra="postgresql",
    password="the URL, PGPASSWORD or ~/.pgpass",
    arguments=_of_libpq,
    read_only="SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    lock="SELECT pg_try_advisory_lock(hashtextextended('dse ' || coalesce(current_schema(), '') || ' ' || %s, 0))",
    lock_tables="SELECT true FROM pg_advisory_lock(hashtextextended('dse tables', 0))",
    watched=tuple(f"SET tcp_{name} = {value}" for name, value in _KEEPALIVE.items()),
)

# Locks are the whole server's and their names 64 characters at most, without regard to case.
_MYSQL_LOCK = "SELECT GET_LOCK(CONCAT('dse ', SHA1(CONCAT(COALESCE(LOWER(DATABASE()), ''), {}))), {})"

# Other options read files of this machine, or send them: a folder may come from anybody.
_OF_MYSQL_URLS = frozenset({
    "charset", "connect_timeout", "password", "read_timeout", "ssl_ca", "ssl_capath", "ssl_cert", "ssl_check_hostname",
    "ssl_cipher", "ssl_key", "unix_socket", "write_timeout",
})  # fmt: skip

MYSQL = Dialect(
    name="MySQL or MariaDB",
    drivers=dict.fromkeys(
        ("mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"),
        "mysql+pymysql",  # of its other name Optuna knows nothing
    ),
    extra="mysql",
    password="the URL, or MYSQL_PWD; for a URL out of a study's folder where MYSQL_HOST and MYSQL_TCP_PORT name it too",
    options=_OF_MYSQL_URLS,
    arguments=_of_pymysql,
    read_only="SET SESSION TRANSACTION READ ONLY",
    lock=_MYSQL_LOCK.format("' ', %s", 0),
    lock_tables=_MYSQL_LOCK.format("''", 50),
    watched=("SET SESSION wait_timeout = 60",),
    on_conflict="ON DUPLICATE KEY UPDATE value_json = VALUES(value_json)",
    # There, Optuna's texts end at 64 kB, its times have no fractions, and names that differ in case only are one.
    alterations="""
        SELECT CONCAT('ALTER TABLE ', table_name, ' ', GROUP_CONCAT(
            'MODIFY `', column_name, '` ',
            CASE data_type WHEN 'text' THEN 'LONGTEXT' WHEN 'datetime' THEN 'DATETIME(6)'
                ELSE CONCAT(column_type, ' CHARACTER SET utf8mb4 COLLATE utf8mb4_bin') END,
            IF(is_nullable = 'NO', ' NOT NULL', '')))
        FROM information_schema.columns
        WHERE table_schema = DATABASE()
            AND table_name IN ('studies', 'study_user_attributes', 'study_system_attributes', 'trials', 'trial_params',
                'trial_user_attributes', 'trial_system_attributes')
            AND (data_type = 'text' OR data_type = 'datetime' AND datetime_precision = 0
                OR data_type = 'varchar' AND collation_name <> 'utf8mb4_bin')
        GROUP BY table_name""",
    collisions=frozenset({1205, 1213}),  # a lock that took too long, a deadlock
)

# By the scheme of a URL.
DIALECTS = {scheme: dialect for dialect in (POSTGRESQL, MYSQL) for scheme in dialect.drivers}
