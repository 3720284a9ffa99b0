"""All studies at a glance, whatever became of them."""

from __future__ import annotations

import dataclasses
import os
import re
import webbrowser
from pathlib import Path

import pytest
import yaml

import dse
from dse.errors import StudyError
from dse.recipe.load import load_recipe
from dse.record.run import Outcome
from dse.record.tables import StudyTables, write_tables
from dse.study.folders import find_study, study_names
from dse.study.listing import list_studies
from dse.study.recipes import find_recipe, written_recipe
from tests.cli.command import run
from tests.fakes import BASELINE, FASTER, make_space, make_study, make_trial, run_study, small_study


def published(results: Path, name: str, tables: StudyTables) -> Path:
    folder = results / name
    write_tables(tables, folder)
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A study, one whose trials all failed, one of a single running trial, one that cannot be read, and no study."""
    published(tmp_path, "good", small_study())
    failed = [
        make_trial(number, BASELINE, [], state=Outcome.FAILED, reason="no memory") for number in range(2)
    ]
    published(tmp_path, "failed", make_study(failed))
    published(tmp_path, "begun", make_study([make_trial(0, BASELINE, [(1, 0.5)], state=Outcome.RUNNING)]))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "trials.csv").write_text("trial\n\x1b[31m0\n")
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_every_study_has_a_line_whatever_became_of_it(results: Path) -> None:
    found = {study.name: study for study in list_studies(results)}
    assert list(found) == ["begun", "broken", "failed", "good"]
    assert found["good"].states == {"complete": 5, "diverged": 1, "failed": 1}
    assert found["good"].trials == 7
    assert found["good"].finding == "16.0\u00a0s, not 32.0\u00a0s"
    assert found["failed"].finding == "No answer yet: no epoch of any trial is trained."
    assert found["begun"].finding.startswith("No answer yet: no trial of the baseline is complete")
    assert "lacks the column" in found["broken"].finding or "Usecols" in found["broken"].finding
    assert found["broken"].answer is None


def test_a_study_is_listed_as_it_is_loaded(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), trials=14, name="kept")
    tables = dse.load_study(tmp_path / "kept")
    (found,) = list_studies(tmp_path)
    assert found.states == tables.trials["state"].value_counts().to_dict()
    assert found.data == "digits"
    assert found.answer is not None
    assert dataclasses.replace(tables.answer, interval=None, caveats=found.answer.caveats) == found.answer


def test_the_list_for_people(results: Path) -> None:
    shown = run("studies", "--results", results)
    assert shown.exit_code == 0, shown.output
    assert re.search(r"good +7 +0\.50 +16\.0\u00a0s, not 32\.0\u00a0s", shown.stdout)
    assert "\x1b" not in shown.stdout


def test_no_study_is_no_error(tmp_path: Path) -> None:
    shown = run("studies", "--results", tmp_path / "nowhere")
    assert shown.exit_code == 0
    assert "There is no study in" in shown.stdout
    assert run("studies", "--results", tmp_path / "nowhere", "--json").stdout == "[]\n"


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(StudyError, match="cannot be read \\(Permission denied\\). Name another --results."):
        study_names(tmp_path)


def test_an_unknown_study_names_the_known_ones(results: Path) -> None:
    with pytest.raises(StudyError, match="the studies in .* are: begun, broken, failed, good"):
        find_study("goood", results)


def test_a_recipe_survives_being_written(results: Path, tmp_path: Path) -> None:
    shown = run("recipe", "good:2", "--results", results)
    assert shown.exit_code == 0, shown.output
    path = tmp_path / "best.yaml"
    path.write_text(shown.stdout)
    assert load_recipe(path) == FASTER
    assert shown.stdout.splitlines()[:3] == [
        f"# {FASTER.label}",
        f"# recipe {FASTER.id}",
        "# trained by good:2",
    ]
    assert yaml.safe_load(run("recipe", path).stdout) == FASTER.model_dump(mode="json")


def test_a_named_recipe_is_written_too(tmp_path: Path) -> None:
    shown = run("recipe", "paper/warm_ada_batch")
    path = tmp_path / "recipe.yaml"
    path.write_text(shown.stdout)
    assert load_recipe(path).id == dse.paper_recipe("paper/warm_ada_batch").id
    assert "trained by" not in shown.stdout


def test_code_of_a_study_is_written_out_but_not_trained(tmp_path: Path) -> None:
    own = dse.Recipe(model=dse.ImportedModel.model_validate({"import": "os:getcwd"}), epochs=5)
    published(tmp_path, "own", make_study([make_trial(0, BASELINE, [(1, 0.5)])]))
    trials = tmp_path / "own" / "trials.csv"
    text = trials.read_text().replace(BASELINE.id, own.id)
    recorded = BASELINE.model_dump_json().replace('"', '""')
    assert recorded in text
    trials.write_text(text.replace(recorded, own.model_dump_json(by_alias=True).replace('"', '""')))
    found, study = written_recipe("own:0", tmp_path)
    assert (found.model, study) == (own.model, "own")
    with pytest.raises(StudyError, match="write the recipe out with `dse recipe own:0 > FILE.yaml`"):
        find_recipe("own:0", tmp_path)
    shown = run("recipe", "own:0", "--results", tmp_path).stdout
    assert yaml.safe_load(shown)["model"]["import"] == "os:getcwd"


@pytest.mark.slow
def test_the_page_is_made_if_missing_or_old_and_its_path_said(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(asked.append(url)))
    page = results / "good" / "report.html"
    shown = run("open", "good", "--results", results)
    assert shown.exit_code == 0, shown.output
    assert asked == [page.resolve().as_uri()]
    assert f"No browser was found here. Open this file with one: {page.resolve()}" in shown.output
    page.write_text("a page")
    monkeypatch.setattr(webbrowser, "open", lambda url: True)
    assert run("open", "good", "--results", results).output == f"{page}\n"
    assert page.read_text() == "a page"
    os.utime(page, (0, 0))
    assert run("open", "good", "--results", results).exit_code == 0
    assert page.read_text() != "a page"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_page_that_cannot_be_written(results: Path) -> None:
    (results / "good").chmod(0o500)
    shown = run("open", "good", "--results", results)
    (results / "good").chmod(0o700)
    assert shown.exit_code == 2
    assert "report.html: cannot be written (Permission denied)" in shown.output
