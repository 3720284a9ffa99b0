"""What optuna-dashboard finds in a study's storage."""

from __future__ import annotations

import json
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import optuna
import optuna_dashboard
import pytest
import sqlalchemy as sql
from optuna.trial import TrialState

import dse
from dse.study.database import open_database
from dse.study.trials import DASHBOARD
from tests.fakes import FakeTrainer, make_space, run_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    run_study(folder, make_space(stopping="dominated", objectives=["train_seconds", "accuracy"]), trials=20)
    return folder / "s"


def test_objectives_have_their_names_and_directions(folder: Path) -> None:
    study = open_database(folder)
    assert study.metric_names == ["train_seconds", "accuracy"]
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]


def test_every_trial_says_what_it_is_and_how_it_ended(folder: Path) -> None:
    tables = dse.load_study(folder)
    rows, bests = tables.trials.set_index("trial"), tables.curves.groupby("trial")["accuracy"].max()
    states = {"complete": TrialState.COMPLETE, "stopped": TrialState.PRUNED}
    assert {"complete", "stopped", "diverged", "failed"} <= set(rows["state"])
    for stored in open_database(folder).get_trials():
        row, about = rows.loc[stored.number], stored.user_attrs["about"]
        assert stored.state is states.get(row["state"], TrialState.FAIL)
        assert about.startswith(f"{row['label']}, seed {row['seed']}: {row['state']}")
        assert about.endswith(row["reason"])
        best = bests[stored.number]
        expected = [best, row["best_epoch"], row["measured_seconds"]]
        assert [stored.user_attrs[name] for name in DASHBOARD] == expected
        assert f"{100 * best:.2f} % in epoch {row['best_epoch']}" in about


def test_a_trial_at_work_says_what_it_is(tmp_path: Path) -> None:
    class Looking(FakeTrainer):
        def epochs(self, plan, seed):
            (stored,) = open_database(tmp_path / "s").get_trials(states=(TrialState.RUNNING,))
            abouts.append(stored.user_attrs["about"])
            return super().epochs(plan, seed)

    abouts: list[str] = []
    run_study(tmp_path, make_space(), Looking(), trials=2)
    assert abouts[0] == f"{make_space().baseline_recipe.label}, seed 0: running"


def test_all_of_it_goes_with_writes_that_are_made_anyway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def transactions(shown: dict[str, object] | None, folder: Path) -> int:
        if shown is not None:
            monkeypatch.setattr("dse.study.trials._shown", lambda trial: shown)
        commits = 0

        def count(connection: sql.Connection) -> None:
            nonlocal commits
            commits += 1

        sql.event.listen(sql.Engine, "commit", count)
        run_study(folder, make_space(), trials=3, sampler="grid")
        sql.event.remove(sql.Engine, "commit", count)
        return commits

    assert transactions(None, tmp_path / "with") == transactions({}, tmp_path / "without")


def test_attributes_that_belong_together_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), trials=1)
    study = open_database(tmp_path / "s")
    storage = study._storage._backend
    ended = study.get_trials()[0]
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        storage.set_trial_user_attrs(ended._trial_id, {"about": "x", "end": {}})
    trial = study.ask()
    with pytest.raises(TypeError, match="not JSON serializable"):
        storage.set_trial_user_attrs(trial._trial_id, {"about": "x", "end": object()})
    assert "about" not in storage.get_trial(trial._trial_id).user_attrs


def test_the_dashboard_itself_gives_what_it_finds_with_the_sentence_first(folder: Path) -> None:
    environ: dict[str, object] = {}
    setup_testing_defaults(environ)
    asked = environ | {"PATH_INFO": "/api/studies/1", "QUERY_STRING": "after=0"}
    app = optuna_dashboard.wsgi(f"sqlite:///{folder / 'study.db'}")
    statuses: list[str] = []
    body = b"".join(app(asked, lambda status, headers, *error: statuses.append(status)))
    assert statuses == ["200 OK"]
    found = json.loads(body)
    assert found["objective_names"] == ["train_seconds", "accuracy"]
    assert found["directions"] == ["minimize", "maximize"]
    numbers = {each["key"] for each in found["union_user_attrs"] if each["sortable"]}
    assert numbers >= set(DASHBOARD)
    assert {trial["user_attrs"][0]["key"] for trial in found["trials"]} == {"about"}
