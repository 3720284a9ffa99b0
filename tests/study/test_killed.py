"""A kill at any moment costs the epochs of one trial: before every commit of the storage, and in databases of 0.1."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState as OptunaState
from sqlalchemy import event
from sqlalchemy.engine import Engine

from dse.record.run import Outcome
from dse.record.trial import Trial
from dse.runners.inline import Inline
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.database import open_database
from dse.study.explore import explore
from dse.study.load import load_study
from dse.study.storage import opened
from dse.study.trials import read_trials
from tests.fakes import ENVIRONMENT, FakeTrainer, Quiet, make_space
from tests.fakes import run_study as run

TRIALS = 3


def small_space(sampler: str) -> SearchSpace:
    """Few values, so that few commits make a trial; what every trial of the baseline has, twice."""
    return make_space(
        objectives=["train_seconds", "accuracy"],
        seeds=2,
        sampler=sampler,
        trials=TRIALS,
        recipe={
            "model": {"name": "capsnet", "preset": "tiny"},
            "learning_rate": [
                {"policy": "fixed", "base_rate": {"choices": [0.001, 0.003]}},
                {"policy": "one_cycle", "base_rate": 0.001, "peak_ratio": 5, "final_ratio": 0.1},
            ],
            "batch_size": {"schedule": "constant", "size": {"choices": [32, 128]}},
            "epochs": 2,
        },
        baseline={
            "learning_rate": {"policy": "fixed", "base_rate": 0.001},
            "batch_size": {"size": 128},
        },
    )


@contextmanager
def copied_before_each_commit(database: Path, copies: Path) -> Iterator[None]:
    """Keep the database as a kill before each commit that writes would leave it."""

    def note(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        connection.info["writes"] = connection.info.get("writes") or not statement.startswith("SELECT")

    def keep(connection: Any) -> None:
        if connection.info.pop("writes", False) and database.exists():
            shutil.copyfile(database, copies / f"{len(list(copies.iterdir())):03}.db")

    listeners = (("before_cursor_execute", note), ("commit", keep))
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(Engine, name, listener)


def trained(trials: list[Trial]) -> list[tuple[str, int]]:
    return [(trial.recipe.id, trial.seed) for trial in trials if trial.state is not Outcome.INTERRUPTED]


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "expected_gain", "nsga2", "grid"])
def test_a_study_survives_a_kill_before_every_commit(sampler: str, tmp_path: Path) -> None:
    space, copies = small_space(sampler), tmp_path / "copies"
    copies.mkdir()
    with copied_before_each_commit(tmp_path / "s" / "study.db", copies):
        run(tmp_path, space, trials=TRIALS, sampler=sampler)
    kept = sorted(copies.iterdir())
    assert len(kept) > 8 * TRIALS
    for copy in kept:
        check_resumed(copy, tmp_path / copy.stem, space)


def check_resumed(database: Path, folder: Path, space: SearchSpace) -> None:
    """A study opens, resumes, and ends with all its trials; nothing that was drawn is lost or trained twice."""
    folder.mkdir()
    shutil.copyfile(database, folder / "study.db")
    with opened(folder.parent, folder.name, space, ENVIRONMENT) as study:
        before = {(trial.recipe.id, trial.seed) for trial in read_trials(study)}
        after = trained(explore(study, space, Inline(FakeTrainer()), Quiet()))
        assert not study.get_trials(states=(OptunaState.WAITING, OptunaState.RUNNING)), database
    assert len(after) == len(set(after)) == TRIALS, database
    assert {(space.baseline_recipe.id, seed) for seed in (0, 1)} <= set(after), database
    assert before <= set(after), database


def leave_half_drawn(study: optuna.Study, space: SearchSpace) -> None:
    """What 0.1 queued again when it was killed while it drew the baseline: one of its three values."""
    study.enqueue_trial(space.baseline_assignment, user_attrs={"seed": 1})
    asked = study.ask()
    asked.suggest_categorical("batch_size.size", [32, 128])
    study.tell(asked, state=OptunaState.FAIL)
    study.enqueue_trial(asked.params, user_attrs={"seed": 1, "redoes": asked.number})


def leave_without_state(study: optuna.Study, space: SearchSpace) -> None:
    study.enqueue_trial(space.baseline_assignment, user_attrs={"seed": 1})
    asked = study.ask()
    asked.set_user_attr("recipe", space.draw(asked).model_dump(mode="json"))


def leave_without_seed(study: optuna.Study, space: SearchSpace) -> None:
    asked = study.ask()
    asked.set_user_attr("recipe", space.draw(asked).model_dump(mode="json"))


BROKEN = [leave_half_drawn, leave_without_state, leave_without_seed]


@pytest.mark.parametrize("leave", BROKEN, ids=lambda leave: leave.__name__)
@pytest.mark.parametrize("widen", [False, True])
def test_a_study_that_version_0_1_left_unusable_opens_again(leave: Any, widen: bool, tmp_path: Path) -> None:
    space = small_space("tpe")
    run(tmp_path, space, trials=2, sampler="tpe")
    with opened(tmp_path, "s", space, ENVIRONMENT) as study:
        leave(study, space)
        drawn = "state" in leave.__name__
    states = load_study(tmp_path / "s").trials["state"].tolist()
    assert states == ["complete", "complete", *(["running"] if drawn else [])]
    if widen:
        content = space.dump()
        content["recipe"]["batch_size"]["size"]["choices"].append(64)
        space = parse_space(content, "test")
    trials = run(tmp_path, space, trials=4, sampler="tpe", widen=widen)
    assert len(trained(trials)) == 4
    if "seed" not in leave.__name__:
        assert trained(trials)[2] == (space.baseline_recipe.id, 1), "it is trained again before the rest"


def test_a_trial_recorded_by_version_0_1_reads_as_it_did(tmp_path: Path) -> None:
    space = small_space("tpe")
    run(tmp_path, space, trials=2, sampler="tpe")
    (before, _) = read_trials(open_database(tmp_path / "s"))
    with opened(tmp_path, "s", space, ENVIRONMENT) as study:
        study.enqueue_trial(space.baseline_assignment)
        asked = study.ask()
        new = study.get_trials(deepcopy=False)[0].user_attrs
        for key, value in {**new.pop("start"), **new.pop("end"), **new}.items():
            asked.set_user_attr(key, value)
        space.draw(asked)
        study.tell(asked, study.get_trials(deepcopy=False)[0].values)
    after = read_trials(open_database(tmp_path / "s"))[-1]
    assert dataclasses.replace(after, number=0, started="") == dataclasses.replace(before, started="")


def test_a_trial_that_ended_before_its_kill_counts_for_the_sampler(tmp_path: Path) -> None:
    space = small_space("tpe")
    run(tmp_path, space, trials=2, sampler="tpe")
    with opened(tmp_path, "s", space, ENVIRONMENT) as study:
        study.enqueue_trial(space.baseline_assignment)
        asked = study.ask()
        first = study.get_trials(deepcopy=False)[0]
        space.draw(asked)
        asked.set_user_attr("start", first.user_attrs["start"] | {"seed": 7})
        for key in ("epoch 1", "epoch 2", "end"):
            asked.set_user_attr(key, first.user_attrs[key])
    trials = run(tmp_path, space, trials=3, sampler="tpe")
    assert [(trial.seed, trial.state) for trial in trials][2] == (7, "complete")
    assert open_database(tmp_path / "s").get_trials()[2].values == first.values
