"""``dse calibrate``, with real steps on a few small images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import dse
from dse.study.database import open_database
from tests.cli.command import run
from tests.fakes import SMALL_SPACE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "mini.yaml").write_text(yaml.safe_dump(SMALL_SPACE | {"timing": "auto"}))
    return tmp_path


def explored(*arguments: object) -> None:
    result = run("explore", "mini.yaml", "--device", "cpu", "--threads", 1, "--trials", 2, *arguments)
    assert result.exit_code == 0, result.output


@pytest.mark.slow
def test_a_space_is_calibrated_once_and_a_study_of_it_measures_nothing_more(folder: Path) -> None:
    first = run("calibrate", "mini.yaml", "--device", "cpu", "--threads", 1, "--json")
    assert first.exit_code == 0, first.output
    kinds = json.loads(first.stdout)["kinds"]
    assert sorted(kind["kind"].split(" · ")[-1] for kind in kinds) == [*["batch 20"] * 2, *["batch 60"] * 2]
    assert kinds[0]["ratio"] == 1
    assert all(kind["fresh"] and kind["seconds"] > 0 for kind in kinds)
    again = json.loads(run("calibrate", "mini.yaml", "--device", "cpu", "--threads", 1, "--json").stdout)
    assert again["kinds"] == [kind | {"fresh": False} for kind in kinds]
    explored()
    study = open_database(folder / "results" / "mini")
    calibration = study.user_attrs["calibration"]
    assert calibration["reference"]["seconds"] == kinds[0]["seconds"]
    assert {ratio["value"] for ratio in calibration["ratios"].values()} <= {kind["ratio"] for kind in kinds}
    tables = dse.load_study(folder / "results" / "mini")
    assert tables.environment["clock"] == "calibrated"
    assert (tables.curves["train_seconds"] == tables.curves["calibrated_seconds"]).all()


@pytest.mark.slow
def test_a_measured_study_is_calibrated_on_its_own_machine_alone(folder: Path) -> None:
    explored("--timing", "measured")
    assert dse.load_study("results/mini").environment["clock"] == "measured"
    assert "calibration" not in open_database(folder / "results" / "mini").user_attrs
    table = run("calibrate", "mini", "--data-dir", "unused")
    assert table.exit_code == 0, table.output
    assert "Noise floor: " in table.stdout
    tables = dse.load_study("results/mini")
    assert tables.environment["clock"] == "measured", "its space asks for it"
    assert tables.trials["calibrated_seconds"].notna().all()
    other = run("calibrate", "mini", "--threads", 1)
    assert other.exit_code == 2
    assert "--threads is for a SPACE. results/mini has its own" in other.stderr
    study = open_database(folder / "results" / "mini")
    study.set_user_attr("environment", study.user_attrs["environment"] | {"device": "a stranger's, 1 thread"})
    refused = run("calibrate", "mini")
    assert refused.exit_code == 2
    assert 'was measured on "a stranger\'s, 1 thread"' in refused.stderr
    assert "Ratios between steps carry over to another machine, their seconds do not." in refused.stderr


def test_a_folder_of_tables_alone_cannot_be_calibrated(folder: Path) -> None:
    (folder / "results" / "published").mkdir(parents=True)
    result = run("calibrate", "published")
    assert result.exit_code == 2
    assert "only a study that is kept in a database can be calibrated" in result.stderr


def test_a_name_that_is_neither_a_study_nor_a_space_is_refused(folder: Path) -> None:
    result = run("calibrate", "nothing")
    assert result.exit_code == 2
    assert "search space 'nothing' is neither a file nor one that comes with dse" in result.stderr


def test_a_damaged_cache_is_said_with_its_cure(folder: Path) -> None:
    (folder / "cache" / "dse").mkdir(parents=True)
    (folder / "cache" / "dse" / "calibration.json").write_text("{")
    result = run("calibrate", "mini.yaml", "--device", "cpu")
    assert result.exit_code == 2
    assert "calibration.json: cannot be read" in result.stderr
    assert "Remove it: what it held is measured again." in result.stderr
    assert run("explore", "mini.yaml", "--device", "cpu").exit_code == 2
