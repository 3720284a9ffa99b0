"""A study's database: odd names, locks, damage, and readers that leave no trace."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from dse.errors import StudyError
from dse.study import database
from dse.study.database import open_database
from dse.study.load import load_study
from tests.fakes import ENVIRONMENT, FakeTrainer, make_space, run_study


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    run_study(folder, make_space(), trials=3)
    return folder / "s" / "study.db"


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    shutil.copyfile(kept, tmp_path / "study.db")
    return tmp_path


@pytest.mark.parametrize("name", ["what?", "100%", "%41", "a b#c", "{SCHEMA_VERSION}", "è"])
def test_a_results_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    run_study(tmp_path / name, make_space(), trials=1)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert len(load_study(tmp_path / name / "s").trials) == 1


def test_a_reader_writes_no_table(tmp_path: Path) -> None:
    (tmp_path / "study.db").touch()
    with pytest.raises(StudyError, match="study.db: holds no study of dse"):
        load_study(tmp_path)
    assert (tmp_path / "study.db").read_bytes() == b""


def test_a_reader_changes_no_byte(folder: Path) -> None:
    before = (folder / "study.db").read_bytes()
    load_study(folder)
    assert (folder / "study.db").read_bytes() == before


def test_a_lock_is_waited_for(folder: Path) -> None:
    assert database.LOCK_SECONDS >= 60
    study = open_database(folder)
    with closing(study._storage._backend.engine.raw_connection()) as connection:
        (milliseconds,) = connection.cursor().execute("PRAGMA busy_timeout").fetchone()
    assert milliseconds == 1000 * database.LOCK_SECONDS
    blocker = sqlite3.connect(folder / "study.db", isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.3, blocker.rollback)
    release.start()
    assert len(load_study(folder).trials) == 3
    release.join()
    blocker.close()


def test_a_lock_that_stays_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.05)
    with closing(sqlite3.connect(folder / "study.db", isolation_level=None)) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        with pytest.raises(
            StudyError, match="study.db: is locked by another program .*End it, then try again"
        ):
            load_study(folder)


def test_a_study_of_a_newer_version(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "study.db")) as connection, connection:
        connection.execute("UPDATE study_user_attributes SET value_json = '2' WHERE key = 'format'")
    with pytest.raises(
        StudyError, match="written by a newer dse .format 2; this one reads up to 1.. Update dse"
    ):
        load_study(folder)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.5, 0.8, 0.99])
def test_a_database_that_is_cut_short(share: float, folder: Path) -> None:
    whole = (folder / "study.db").read_bytes()
    (folder / "study.db").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(StudyError, match=r"study\.db: (is no readable Optuna storage|holds no study)"):
        load_study(folder)


def test_a_cell_of_any_length_makes_no_long_message(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "study.db")) as connection, connection:
        connection.execute("UPDATE trials SET datetime_start = ?", ["x" * 10_000])
    with pytest.raises(StudyError, match=r"study\.db: is no readable Optuna storage .*xxx\.\.\.") as refused:
        load_study(folder)
    assert len(str(refused.value)) < 1_000


DAMAGE = {
    "no table of trials": "DROP TABLE trials",
    "no table of attributes": "DROP TABLE trial_user_attributes",
    "another schema": "UPDATE alembic_version SET version_num = 'v9'",
    "no study": "DELETE FROM studies",
    "no space": "DELETE FROM study_user_attributes WHERE key = 'space'",
    "a space that is none": "UPDATE study_user_attributes SET value_json = '[1]' WHERE key = 'space'",
    "text that is no JSON": "UPDATE trial_user_attributes SET value_json = '{' WHERE key = 'epoch 1'",
    "an epoch that is a list": "UPDATE trial_user_attributes SET value_json = '[]' WHERE key = 'epoch 1'",
    "an epoch without seconds": "UPDATE trial_user_attributes SET value_json = '{\"epoch\": 1}' "
    "WHERE key = 'epoch 1'",
    "an epoch of text": "UPDATE trial_user_attributes SET value_json = replace(value_json, '0.8', '\"a\"')",
    "an end that is a number": "UPDATE trial_user_attributes SET value_json = '7' WHERE key = 'end'",
    "an unknown outcome": "UPDATE trial_user_attributes SET value_json = replace(value_json, 'complete', 'done')",
    "measures that are text": "UPDATE trial_user_attributes SET value_json = "
    'replace(value_json, \'"parameters": \', \'"parameters": "x", "more": \')',
    "an environment that is a list": "UPDATE study_user_attributes SET value_json = '[1]' "
    "WHERE key = 'environment'",
    "a recipe of unknown keys": "UPDATE trial_user_attributes SET value_json = "
    """replace(value_json, '"preset"', '"presets"')""",
    "a state that is none": "UPDATE trials SET state = 'LOST'",
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_database(case: str, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "study.db")) as connection, connection:
        connection.execute(DAMAGE[case])
    with pytest.raises(StudyError if "space that" not in case else Exception, match=r"study\.db"):
        load_study(folder)
    results, name = folder.parent, folder.name
    with pytest.raises(Exception, match=r"study\.db") as raised:
        run_study(results, make_space(), FakeTrainer(), name=name)
    assert type(raised.value).__module__ == "dse.errors"


def test_an_epoch_of_a_later_version_and_one_that_is_nan(folder: Path) -> None:
    before = load_study(folder)
    with closing(sqlite3.connect(folder / "study.db")) as connection, connection:
        connection.execute("UPDATE trial_user_attributes SET value_json = replace(value_json, '\"epoch\"', "
                           "'\"joules\": 3, \"epoch\"')")  # fmt: skip
    assert load_study(folder).curves.equals(before.curves)
    with closing(sqlite3.connect(folder / "study.db")) as connection, connection:
        connection.execute(
            "UPDATE trial_user_attributes SET value_json = replace(value_json, '\"loss\": 1.0', '\"loss\": NaN') "
            "WHERE key = 'epoch 2' AND trial_id = 1"
        )
    tables = load_study(folder)
    assert tables.trials.loc[0, ["state", "reason"]].tolist() == [
        "diverged",
        "epoch 2 holds what is no finite number",
    ]
    assert (tables.curves["trial"] == 0).sum() == 1
    assert len(run_study(folder.parent, make_space(), name=folder.name, trials=4)) == 4


def test_a_device_of_another_name_is_asked_for(tmp_path: Path) -> None:
    environment = ENVIRONMENT | {"device": "NVIDIA T4"}
    run_study(tmp_path, make_space(), trials=1)
    assert len(run_study(tmp_path, make_space(), trials=2, environment=environment, any_device=True)) == 2
    of_earlier_version = {key: value for key, value in ENVIRONMENT.items() if key != "device"}
    run_study(tmp_path, make_space(), name="old", trials=1, environment=of_earlier_version)
    assert len(run_study(tmp_path, make_space(), name="old", trials=2)) == 2
