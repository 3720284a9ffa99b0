"""Which trials a study spends its time on: samplers, stopping early, budgets, and when it ends."""

from __future__ import annotations

from collections import Counter

import pytest

from dse.errors import SpaceError
from dse.record.run import Outcome
from dse.space.load import parse_space
from dse.space.samplers import SAMPLERS
from tests.fakes import (
    FakeTrainer,
    Quiet,
    make_space,
    run_in,
    run_in_memory,
    study_in_memory,
    tables_of,
)

TWO = ["train_seconds", "accuracy"]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_runs_and_never_trains_a_recipe_and_seed_twice(sampler: str) -> None:
    training = FakeTrainer()
    trials = run_in_memory(make_space(), training, trials=16, sampler=sampler)
    assert len(trials) == 16
    assert max(Counter(training.trained).values()) == 1


def test_a_budget_that_covers_the_space_trains_every_recipe_once() -> None:
    space = make_space()
    trials = run_in_memory(space, trials=100)
    assert len(trials) == space.size
    assert len({trial.recipe.id for trial in trials}) == space.size


def test_resuming_does_not_repeat_the_first_draws() -> None:
    first, second, space = FakeTrainer(), FakeTrainer(), make_space()
    study = study_in_memory(space)
    run_in(study, space, first, trials=8, sampler="random")
    run_in(study, space, second, trials=16, sampler="random")
    assert len(second.trained) == 8
    assert [recipe for recipe, _ in first.trained[1:]] != [recipe for recipe, _ in second.trained[:7]]


@pytest.mark.parametrize("sampler", ["grid", "tpe", "nsga2", "gp"])
def test_a_dominated_run_is_stopped_and_recorded_with_its_estimate(sampler: str) -> None:
    space = make_space(stopping="dominated", objectives=TWO)
    trials = run_in_memory(space, trials=24, sampler=sampler)
    stopped = [trial for trial in trials if trial.state is Outcome.STOPPED]
    assert stopped
    assert all(len(trial.run.curve) < trial.recipe.epochs for trial in stopped)
    assert all(trial.recipe != space.baseline_recipe for trial in stopped)
    rows = tables_of(trials, space).trials.set_index("trial").loc[[trial.number for trial in stopped]]
    assert rows["reason"].str.contains("would not add to the front").all()
    assert (rows["possible_accuracy"] >= rows["accuracy"]).all()
    assert (rows["possible_seconds"] > rows["train_seconds"]).all()


def test_stopping_loses_no_point_of_the_front_where_curves_are_alike() -> None:
    fronts, epochs = {}, {}
    for stopping in ("none", "dominated"):
        space = make_space(stopping=stopping, objectives=TWO)
        trials = run_in_memory(space, trials=40, sampler="grid")
        front = tables_of(trials, space).front
        fronts[stopping] = set(zip(front["train_seconds"], front["accuracy"], strict=True))
        epochs[stopping] = sum(len(trial.run.curve) for trial in trials)
    assert fronts["dominated"] == fronts["none"]
    assert epochs["dominated"] < epochs["none"]


def test_a_study_is_resumed_with_another_stopping() -> None:
    study = study_in_memory(make_space(objectives=TWO))
    run_in(study, make_space(objectives=TWO), trials=10)
    trials = run_in(study, make_space(objectives=TWO, stopping="dominated"), trials=30)
    assert len(trials) == 30
    assert all(trial.state is not Outcome.STOPPED for trial in trials[:10])


def test_the_order_of_expected_gain_trains_every_recipe_with_every_seed() -> None:
    space = make_space(objectives=TWO, seeds=2)
    trials = run_in_memory(space, trials=1000, sampler="expected_gain")
    trained = Counter((trial.recipe.id, trial.seed) for trial in trials)
    assert len(trained) == 2 * space.size
    assert set(trained.values()) == {1}
    # No recipe is trained again before all others were trained once; the baseline sets what is measured from.
    assert {trial.seed for trial in trials[2 : int(space.size) + 1]} == {0}


def test_the_order_of_expected_gain_resumes_where_it_was() -> None:
    space = make_space(objectives=TWO)
    study = study_in_memory(space)
    whole = run_in_memory(space, trials=20, sampler="expected_gain")
    run_in(study, space, trials=9, sampler="expected_gain")
    parts = run_in(study, space, trials=20, sampler="expected_gain")
    assert [trial.recipe.id for trial in parts] == [trial.recipe.id for trial in whole]


def test_what_the_rest_may_add_is_told_and_ends_at_nothing() -> None:
    watcher = Quiet()
    run_in_memory(make_space(objectives=TWO), trials=1000, watcher=watcher)
    gains = [standing.remaining_gain for standing in watcher.standings]
    assert all(gain is not None and gain >= 0 for gain in gains)
    assert gains[0] > gains[-2]
    assert gains[-1] == 0
    assert watcher.ending == "every recipe of the space is trained"


def test_a_space_too_large_to_be_judged_is_refused() -> None:
    content = make_space(objectives=TWO).dump()
    content["recipe"]["epochs"] = {"low": 1, "high": 400, "integer": True}
    content["recipe"]["batch_size"] = {"schedule": "constant", "size": 128}
    content["baseline"] |= {"epochs": 5, "batch_size": {"size": 128}}
    space = parse_space(content, "test")
    with pytest.raises(
        SpaceError, match="sampler=expected_gain: the space fake has .* at most 2,000 can be judged"
    ):
        run_in_memory(space, sampler="expected_gain")


def test_a_budget_is_spent_to_the_epoch_and_the_last_trial_is_trained_again() -> None:
    watcher = Quiet()
    study = study_in_memory(make_space())
    trials = run_in(study, make_space(budget="27s"), trials=40, watcher=watcher)
    spent = [trial.run.curve[-1].train_seconds for trial in trials]
    assert sum(spent[:-1]) < 27 <= sum(spent)
    assert sum(spent[:-1]) + trials[-1].run.curve[-2].train_seconds < 27
    assert watcher.ending == "the budget of 27s is spent"
    assert trials[-1].state is Outcome.INTERRUPTED
    assert trials[-1].run.reason == f"after epoch {len(trials[-1].run.curve)}: the budget of 27s is spent"
    more = FakeTrainer()
    run_in(study, make_space(budget="60s"), more, trials=40)
    assert more.trained[0] == (trials[-1].recipe.id, trials[-1].seed)


def test_a_study_ends_when_its_front_is_stable() -> None:
    watcher = Quiet()
    space = make_space(objectives=TWO, until_stable=6, stable_growth=0.01, sampler="grid")
    study = study_in_memory(space)
    trials = run_in(study, space, trials=1000, watcher=watcher)
    assert 6 < len(trials) < space.size
    assert watcher.ending == "the last 6 trials raised the front's volume by no more than 1 %"
    assert len(run_in(study, space, trials=1000)) == len(trials), "it stays ended"


@pytest.mark.parametrize("before", [1, 4, 6, 7, 8, 9])
def test_a_study_that_is_resumed_is_stable_after_the_same_trial(before: int) -> None:
    space = make_space(objectives=TWO, until_stable=6, stable_growth=0, sampler="grid")
    trained = [trial.recipe.id for trial in run_in_memory(space, trials=1000)]
    assert len(trained) > 9
    study = study_in_memory(space)
    run_in(study, space, trials=before)
    assert [trial.recipe.id for trial in run_in(study, space, trials=1000)] == trained


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": "0h"}, "budget.*leaves no time to train"),
        ({"budget": "soon"}, "budget.*'soon' is no duration.*90min or 2h"),
        ({"until_stable": 0}, "until_stable=0"),
        (
            {"sampler": "expected_gain", "objectives": ["train_flops", "accuracy"]},
            "sampler=expected_gain with objectives",
        ),
        ({"until_stable": 5, "objectives": ["train_flops", "accuracy"]}, "until_stable=5 with objectives"),
    ],
)
def test_bad_spending_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make_space(**changes)
