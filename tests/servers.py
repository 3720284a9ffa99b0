"""Servers of the tests' own, one of each kind that keeps studies, with their data in a folder of /tmp."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

PASSWORD = "s3cr3t+Kennwort"


class Server(ABC):
    """A server that can be stopped and started again; it refuses to be root.

    Attributes:
        scheme: What its URLs begin with.
        database: What they end with.
        driver: The package that talks to it.
        program: What runs; None where it is not installed.
        packages: Debian's packages with it.
        account: Whose the server is, where the tests are root's.
        no_password: What an error says where none was given, a pattern.
        wrong_password: What it says where another was given, a pattern.
    """

    scheme: ClassVar[str]
    database: ClassVar[str]
    driver: ClassVar[str]
    program: ClassVar[Path | None]
    packages: ClassVar[str]
    account: ClassVar[str]
    no_password: ClassVar[str]
    wrong_password: ClassVar[str]

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.data = folder / "data"
        self.user = self.account if os.getuid() == 0 else None
        shutil.chown(folder, self.user or os.getuid())

    @property
    def url(self) -> str:
        return f"{self.scheme}://dse@127.0.0.1:{self.port}/{self.database}"

    @property
    def with_password(self) -> str:
        return self.url.replace("dse@", f"dse:{PASSWORD}@")

    @abstractmethod
    def environment(self, password: str) -> dict[str, str]:
        """Give the variables by which readers learn a password."""

    @abstractmethod
    def make(self) -> None: ...

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self) -> None: ...

    def call(self, *command: str | Path) -> None:
        subprocess.run(command, user=self.user, cwd="/", check=True, stdout=subprocess.DEVNULL)


class Postgres(Server):
    """PostgreSQL."""

    scheme, database, driver = "postgresql", "postgres", "psycopg"
    program = max(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), default=None)
    packages, account = "postgresql", "postgres"
    no_password = "no password supplied.*PGPASSWORD or ~/.pgpass"
    wrong_password = "password authentication failed"

    def environment(self, password: str) -> dict[str, str]:
        return {"PGPASSWORD": password}

    def control(self, *arguments: str) -> None:
        assert self.program is not None
        self.call(self.program, "-D", str(self.data), *arguments)

    def make(self) -> None:
        (self.folder / "password").write_text(PASSWORD)
        self.control("initdb", "-o", f"-N -U dse -A scram-sha-256 --pwfile={self.folder / 'password'}")

    def start(self) -> None:
        how = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories={self.data}"
        self.control("-w", "-l", str(self.data / "log"), "-o", how, "start")

    def stop(self) -> None:
        self.control("-w", "-m", "fast", "stop")


class MariaDb(Server):
    """MariaDB, so lenient that it would cut what does not fit, with names in which case does not count."""

    scheme, database, driver = "mysql", "dse", "pymysql"
    program = Path("/usr/sbin/mariadbd") if Path("/usr/sbin/mariadbd").exists() else None
    packages, account = "mariadb-server-core mariadb-client-core", "nobody"
    no_password = "using password: NO.*MYSQL_PWD"
    wrong_password = "using password: YES"

    def environment(self, password: str) -> dict[str, str]:
        return {"MYSQL_PWD": password, "MYSQL_HOST": "127.0.0.1", "MYSQL_TCP_PORT": str(self.port)}

    def make(self) -> None:
        (self.folder / "users.sql").write_text(
            "CREATE DATABASE IF NOT EXISTS dse;\n"
            f"CREATE USER IF NOT EXISTS dse IDENTIFIED BY '{PASSWORD}';\n"
            "GRANT ALL ON dse.* TO dse;\n"
        )
        self.call("mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db")

    def start(self) -> None:
        assert self.program is not None
        listening = ["--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self.data / 'socket'}"]
        how = ["--sql-mode=", "--innodb-flush-method=nosync", f"--init-file={self.folder / 'users.sql'}"]
        command = [self.program, "--no-defaults", f"--datadir={self.data}", *listening, *how]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(command, user=self.user, cwd="/", stderr=log)
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


SERVERS: dict[str, type[Server]] = {kind.scheme: kind for kind in (Postgres, MariaDb)}


@contextmanager
def running(kind: type[Server]) -> Iterator[Server]:
    """Run a server of a kind; skips where it or its driver is not installed."""
    pytest.importorskip(kind.driver, reason=f"install it: pip install 'capsnet-dse[{kind.scheme}]'")
    if kind.program is None:
        pytest.skip(f"there is no {kind.__name__} server: apt-get install {kind.packages}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix=f"dse-{kind.scheme}-"))
    try:
        server = kind(folder, port)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
