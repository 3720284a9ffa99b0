"""Where a study is kept: what is taken for an address, and whom a password is shown to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from dse.api import Start
from dse.errors import StudyError
from dse.study.address import parse_address
from dse.study.dialects import DIALECTS, MYSQL, POSTGRESQL
from dse.units import without_passwords
from tests.fakes import ENVIRONMENT, make_space, run_study
from tests.servers import SERVERS, Server


@pytest.mark.parametrize("scheme", SERVERS)
@pytest.mark.parametrize("password", ["plain", "with@at", "a/b", "p:w", "x?y=z"])
def test_a_password_is_shown_nowhere(scheme: str, password: str) -> None:
    url = f"{scheme}://me:{password}@localhost/db"
    assert password not in without_passwords(f"dse explore x --storage {url}")
    if "@" in password:
        with pytest.raises(StudyError, match="more than one @") as raised:
            parse_address(url, "s")
        assert password not in str(raised.value)
        return
    address = parse_address(url, "s")
    assert address.secrets == {"password": password}
    assert not any(password in text for text in (str(address), repr(address), repr(Start(storage=url))))


def test_the_environments_password_goes_to_the_users_own_servers_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def password(url: str, *, typed: bool) -> bytes | None:
        return MYSQL.arguments(make_url(url), {}, typed).get("password")

    monkeypatch.setenv("MYSQL_PWD", "naïve €")
    assert password("mysql://db/dse", typed=True) == "naïve €".encode()
    assert password("mysql://db/dse", typed=False) is None
    monkeypatch.setenv("MYSQL_HOST", "db")
    for url in ("mysql://db/dse", "mysql://db:3306/dse"):
        assert password(url, typed=False) is not None
    for url in (
        "mysql://evil/dse",
        "mysql://db:3307/dse",
        "mysql://db/dse?unix_socket=/tmp/evil",
        "mysql:///dse",
    ):
        assert password(url, typed=False) is None
    monkeypatch.setenv("PGPASSWORD", "x")
    asked = [POSTGRESQL.arguments(make_url("postgresql://db/dse"), {}, typed) for typed in (True, False)]
    assert [arguments.get("require_auth") for arguments in asked] == [None, "!password,!md5"]


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    for text, message in {
        "nonsense": "--storage nonsense: is no URL of an Optuna storage",
        "sqlite:///study.db": "--storage sqlite:///study.db: studies are kept on servers .* in a SQLite file in their",
        "oracle://me:pw@host/db": r"--storage oracle://me@host/db: .* \(by postgresql, .*, mysql, .*\)",
        "mysql+mysqldb://host/db": r"--storage mysql\+mysqldb://host/db: studies are kept on servers",
        "mysql://host/db?local_infile=1": "the option local_infile is not taken for MySQL.* known are charset, ",
        "mysql://host/db?init_command=DROP": "the option init_command is not taken",
        "mysql://host/db?read_default_file=~/.my.cnf": "the option read_default_file is not taken",
        "postgresql://u:a b@h/db": "more than one @",
    }.items():
        with pytest.raises(StudyError, match=message):
            parse_address(text, "s")
    run_study(tmp_path, make_space(), trials=1)
    with pytest.raises(StudyError, match="has a study of its own in study.db"):
        run_study(tmp_path, make_space(), trials=2, storage="postgresql://host/db")


@pytest.mark.parametrize("kind", SERVERS.values(), ids=SERVERS)
def test_a_missing_package_is_named(
    kind: type[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, kind.driver, None)
    message = rf"needs the package {kind.driver}.*pip install 'capsnet-dse\[{kind.scheme}\]'"
    with pytest.raises(StudyError, match=message):
        run_study(
            tmp_path, make_space(), trials=1, storage=f"{kind.scheme}://host/db", environment=ENVIRONMENT
        )


def test_every_dialect_is_tested_and_documented() -> None:
    assert {DIALECTS[scheme].name for scheme in SERVERS} == {dialect.name for dialect in DIALECTS.values()}
    page = (Path(__file__).parents[2] / "docs/cluster.md").read_text()
    assert all(f"`{scheme}://`" in page for scheme in DIALECTS)
