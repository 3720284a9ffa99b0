"""Resuming in a wider space, and starting with another study's front."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState as OptunaState

from dse.errors import SpaceError, StudyError
from dse.recipe.recipe import Recipe
from dse.record.run import Outcome
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.database import open_database
from dse.study.load import front_recipes, load_study
from dse.study.trials import read_trials
from tests.fakes import FakeTrainer, make_space, run_in, run_in_memory, study_in_memory, tables_of
from tests.fakes import run_study as run

TWO = ["train_seconds", "accuracy"]
NARROW = make_space(objectives=TWO, sampler="tpe")


def changed(change) -> SearchSpace:
    content = deepcopy(NARROW.dump())
    change(content)
    return parse_space(content, "test")


def with_more_rates(content) -> None:
    content["recipe"]["learning_rate"][0]["base_rate"]["choices"].append(0.01)


def with_open_routing(content) -> None:
    """A value that was fixed is left open, so the baseline has to name it."""
    content["recipe"]["model"]["routing_iterations"] = {"choices": [1, 3]}
    content["baseline"]["model"] = {"routing_iterations": 3}


def with_a_range(content) -> None:
    content["recipe"]["learning_rate"][0]["base_rate"] = {"low": 1e-4, "high": 1e-1, "log": True}


def with_keys_that_came_later(content) -> None:
    """A size that the preset gave, an optimizer and a loss: what was trained had their defaults."""
    content["recipe"]["model"]["filters"] = {"choices": [16, 32]}
    content["recipe"]["loss"] = [{"name": "margin"}, {"name": "cross_entropy"}]
    content["recipe"]["optimizer"] = [{"name": "adam"}, {"name": "muon"}]
    content["baseline"] |= {
        "model": {"filters": 32},
        "loss": {"name": "margin"},
        "optimizer": {"name": "adam"},
    }


WIDER = [with_more_rates, with_open_routing, with_a_range, with_keys_that_came_later]


@pytest.mark.parametrize("change", WIDER, ids=lambda change: change.__name__)
def test_a_study_is_resumed_in_a_wider_space_with_all_it_has(change, tmp_path: Path) -> None:
    run(tmp_path, NARROW, trials=4, sampler="tpe")
    before = read_trials(open_database(tmp_path / "s"))
    space = changed(change)
    training = FakeTrainer()
    after = run(tmp_path, space, training, trials=9, sampler="tpe", widen=True)
    assert after[:4] == before
    assert len(training.trained) == 5
    assert not {(trial.recipe.id, trial.seed) for trial in before} & set(training.trained)
    assert load_study(tmp_path / "s").space["recipe"] == space.dump()["recipe"]
    # Optuna itself now takes new values, and an ordinary call goes on.
    stored = open_database(tmp_path / "s").get_trials(states=(OptunaState.COMPLETE,))
    assert all(set(trial.params) == set(trial.distributions) for trial in stored)
    assert len(run(tmp_path, space, trials=10, sampler="tpe")) == 10


def test_a_new_choice_is_drawn_after_widening(tmp_path: Path) -> None:
    run(tmp_path, NARROW, trials=2, sampler="tpe")
    trials = run(tmp_path, changed(with_more_rates), trials=20, sampler="random", widen=True)
    assert 0.01 in {trial.recipe.learning_rate.base_rate for trial in trials[2:]}


def test_a_wider_space_is_told_and_offered(tmp_path: Path) -> None:
    run(tmp_path, NARROW, trials=2, sampler="tpe")
    before = (tmp_path / "s" / "study.db").read_bytes()
    with pytest.raises(
        StudyError,
        match=r"recipe differs \(learning_rate\.fixed\.base_rate was .*, is .*, 0\.01\).*--widen carries",
    ):
        run(tmp_path, changed(with_more_rates), trials=3)
    assert (tmp_path / "s" / "study.db").read_bytes() == before


def test_a_narrower_space_is_refused_even_so(tmp_path: Path) -> None:
    wide = changed(with_more_rates)
    outside = next(point for point in wide.points() if 0.01 in point.values())
    run(tmp_path, wide, trials=2, warm_start=[wide.recipe_of(outside)])
    with pytest.raises(StudyError, match="1 of its 2 recipes are no points of the new one.*not narrowed"):
        run(tmp_path, NARROW, trials=3, widen=True)


def test_another_baseline_is_another_study(tmp_path: Path) -> None:
    def with_another_baseline(content) -> None:
        content["baseline"]["batch_size"]["size"] = 32

    run(tmp_path, NARROW, trials=1, sampler="tpe")
    with pytest.raises(StudyError, match="baseline differs. Give the new study another --name"):
        run(tmp_path, changed(with_another_baseline), trials=2, widen=True)


def test_an_interrupted_trial_is_trained_again_after_widening(tmp_path: Path) -> None:
    training = FakeTrainer()
    training.interrupt_at = 5
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, NARROW, training, trials=6, sampler="tpe")
    again = FakeTrainer()
    trials = run(tmp_path, changed(with_open_routing), again, trials=6, sampler="tpe", widen=True)
    assert again.trained[0] == training.trained[4]
    assert trials[4].state is Outcome.INTERRUPTED


def test_queued_recipes_survive_widening(tmp_path: Path) -> None:
    first = NARROW.recipe_of(list(NARROW.points())[-1])
    training = FakeTrainer()
    training.interrupt_at = 1
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, NARROW, training, trials=3, sampler="tpe", warm_start=[first])
    trials = run(tmp_path, changed(with_open_routing), trials=3, sampler="tpe", widen=True)
    assert first.id in {trial.recipe.id for trial in trials[1:3]}


def test_a_warm_start_trains_another_study_s_front_after_the_baseline() -> None:
    front = front_recipes(tables_of(run_in_memory(NARROW, trials=20, sampler="random"), NARROW))
    assert len(front) > 1
    study = study_in_memory(NARROW)
    trials = run_in(study, NARROW, trials=20, sampler="random", warm_start=front)
    ids = [recipe.id for recipe in front if recipe.id != NARROW.baseline_recipe.id]
    assert [trial.recipe.id for trial in trials[: len(ids) + 1]] == [NARROW.baseline_recipe.id, *ids]
    again = FakeTrainer()
    run_in(study, NARROW, again, trials=22, sampler="random", warm_start=front)
    assert len(again.trained) == 2, "what the study has is not trained again"


def test_a_warm_start_from_outside_the_space_is_refused() -> None:
    with pytest.raises(SpaceError, match="cannot start with .* for 30 epochs, which is no point of it"):
        run_in_memory(NARROW, trials=3, warm_start=[Recipe()])


def test_the_widened_database_is_an_ordinary_optuna_study(tmp_path: Path) -> None:
    run(tmp_path, NARROW, trials=2, sampler="tpe")
    run(tmp_path, changed(with_more_rates), trials=4, sampler="tpe", widen=True)
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 's' / 'study.db'}")
    assert [trial.number for trial in study.trials] == list(range(4))
    assert study.trials_dataframe()["duration"].notna().all()
