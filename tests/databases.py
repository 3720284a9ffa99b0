"""What spares time where tests keep studies in databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """Let SQLite leave it to the system when what a test commits reaches the disk."""

    def hurry(connection: object, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", hurry)
    yield
    event.remove(Engine, "connect", hurry)


@pytest.fixture(scope="session", autouse=True)
def migrations_read_once() -> Iterator[None]:
    """Let Alembic read Optuna's scripts once; it reads them three times for each new database."""
    read = ScriptDirectory.from_config
    kept: list[ScriptDirectory] = []

    def read_once(config: Config) -> ScriptDirectory:
        if not kept:
            kept.append(read(config))
        return kept[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", read_once)
        yield
