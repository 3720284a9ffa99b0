"""A folder from elsewhere: its links lead nowhere out of it, and nothing that it names is imported."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from dse.record.tables import write_tables
from tests.cli.command import explore, run
from tests.fakes import SMALL_SPACE, make_space, run_study, small_study

HARMFUL = """
from pathlib import Path
Path({marker!r}).touch()
def net(*_, **__):
    Path({marker!r}).touch()
"""


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Is there once the harmful module, which lies wherever Python looks, is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "harmful_net", raising=False)
    (tmp_path / "harmful_net.py").write_text(HARMFUL.format(marker=str(tmp_path / "harmed")))
    return tmp_path / "harmed"


def name_network(recipe: dict[str, Any]) -> None:
    recipe["model"] = {"name": "imported", "import": "harmful_net:net", "options": {"width": 4}}
    recipe.pop("weight_sharing", None)  # which such a network has not


def check_looked_at(folder: Path, marker: Path) -> None:
    shutil.copy("harmful_net.py", folder)
    for command in ("report", "trials", "front"):
        result = run(command, folder)
        assert result.exit_code == 0, (result.output, result.exception)
    assert "harmful_net:net" in run("trials", folder, "--json").output
    assert not marker.exists()
    assert "harmful_net" not in sys.modules
    __import__("harmful_net")
    assert marker.exists(), "the trap works"


def test_a_report_on_published_tables_imports_nothing_of_them(tmp_path: Path, marker: Path) -> None:
    folder = tmp_path / "published"
    write_tables(small_study(), folder)
    trials = pd.read_csv(folder / "trials.csv", dtype="str", keep_default_na=False)
    for i, text in enumerate(trials["recipe"]):
        content = json.loads(text)
        name_network(content)
        trials.loc[i, "recipe"] = json.dumps(content)
    trials.to_csv(folder / "trials.csv", index=False)
    space = make_space().dump()
    name_network(space["recipe"])
    del space["baseline"]["weight_sharing"]
    (folder / "space.yaml").write_text(yaml.safe_dump(space))
    check_looked_at(folder, marker)


def test_a_report_on_a_database_imports_nothing_of_it(tmp_path: Path, marker: Path) -> None:
    run_study(tmp_path, make_space(), trials=3)
    with closing(sqlite3.connect(tmp_path / "s" / "study.db")) as connection, connection:
        for table in ("study_user_attributes", "trial_user_attributes"):
            for row, text in connection.execute(f"SELECT rowid, value_json FROM {table}").fetchall():
                content = json.loads(text)
                if isinstance(content, dict) and "recipe" in content:
                    name_network(content["recipe"])
                    content.get("baseline", {}).pop("weight_sharing", None)
                    connection.execute(
                        f"UPDATE {table} SET value_json = ? WHERE rowid = ?", [json.dumps(content), row]
                    )
    check_looked_at(tmp_path / "s", marker)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of somebody else, whom nothing here concerns."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SMALL_SPACE))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    return folder


@pytest.mark.parametrize("name", [".lock", "study.db", ".checkpoints"])
def test_a_study_is_not_begun_through_a_link(name: str, elsewhere: Path) -> None:
    target = elsewhere if name == ".checkpoints" else elsewhere / "mine"
    (Path("results") / "mini").mkdir(parents=True)
    (Path("results") / "mini" / name).symlink_to(target)
    result = explore()
    assert result.exit_code == 2
    assert (
        f"results/mini/{name}: is a link, and a study is written into its own folder alone. Remove it."
        in result.output
    )
    assert [(path.name, path.read_text()) for path in elsewhere.iterdir()] == [("mine", "mine")]


@pytest.mark.parametrize("name", ["trials.csv", "curves.csv", "front.csv", "environment.json", "report.html"])
def test_a_view_takes_the_place_of_a_link(name: str, elsewhere: Path) -> None:
    run_study(Path("results"), make_space(), trials=2)
    folder = Path("results") / "s"
    (folder / name).symlink_to(elsewhere / "mine")
    assert run("report", folder).exit_code == 0
    assert not (folder / name).is_symlink()
    assert (elsewhere / "mine").read_text() == "mine"


@pytest.mark.parametrize("command", ["report", "replay"])
def test_a_folder_of_figures_that_is_a_link_is_refused(command: str, elsewhere: Path) -> None:
    run_study(
        Path("results"),
        make_space(objectives=["train_seconds", "accuracy"]),
        trials=4 if command == "report" else 12,
    )
    folder = Path("results") / "s"
    name = {"report": "figures", "replay": "replay"}[command]
    (folder / name).symlink_to(elsewhere)
    how = ["--samplers", "grid", "--repeats", 2] if command == "replay" else []
    result = run(command, folder, *how)
    assert f"{name}: is a link" in result.output
    assert result.exit_code == 2
    assert [path.name for path in elsewhere.iterdir()] == ["mine"]


def test_nothing_is_written_through_a_file_that_is_half_made(elsewhere: Path) -> None:
    run_study(Path("results"), make_space(), trials=2)
    folder = Path("results") / "s"
    for name in ("trials.csv", "report.html"):
        (folder / f".{name}.{os.getpid()}.unfinished").symlink_to(elsewhere / "mine")
    (folder / ".study.db.unfinished").symlink_to(elsewhere / "mine")
    assert run("report", folder).exit_code == 0
    assert (elsewhere / "mine").read_text() == "mine"


@pytest.mark.parametrize("name", ["trials.csv", "curves.csv", "environment.json", "space.yaml"])
def test_a_published_file_that_is_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    write_tables(small_study(), tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    result = run("front", tmp_path)
    assert f"{name}: is a pipe. Give a file." in result.output
    assert result.exit_code == 2
