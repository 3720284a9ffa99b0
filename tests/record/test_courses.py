"""Courses: recipes that begin one another are the same training, and each epoch is judged by all runs through it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dse
from dse.recipe.learning_rate import OneCycle
from dse.record.counted import by_recipe
from dse.record.courses import Courses, by_course
from dse.record.replicates import Replicates
from dse.record.run import Outcome
from dse.record.tables import StudyTables
from dse.record.trial import CONFIRM, EXPLORE, Trial
from tests.fakes import BASELINE, FASTER, TINY, make_study, make_trial

CURVES = ("train_seconds", "accuracy")
SHORT, LONG = (dse.Recipe(model=TINY, epochs=epochs, batch_size=dse.Constant(size=32)) for epochs in (2, 5))

accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=5)
endings = st.sampled_from([Outcome.COMPLETE, Outcome.STOPPED, Outcome.INTERRUPTED])
runs_drawn = st.lists(
    st.tuples(accuracies, st.sampled_from([EXPLORE, CONFIRM]), endings), min_size=1, max_size=5
)


def trial(
    number: int,
    recipe: dse.Recipe,
    curve: Sequence[float],
    *,
    seed: int | None = None,
    purpose: str = EXPLORE,
    state: Outcome = Outcome.COMPLETE,
) -> Trial:
    seed = number if seed is None else seed
    points = [((e + 1) * (2.0 + 0.1 * seed), each) for e, each in enumerate(curve[: recipe.epochs])]
    return dataclasses.replace(make_trial(number, recipe, points, seed=seed, state=state), purpose=purpose)


def judged(*trials: Trial) -> Replicates:
    (runs,) = by_course(trials, CURVES).values()
    return runs


@given(runs=runs_drawn, longer=st.lists(st.booleans(), min_size=5, max_size=5))
def test_one_training_under_two_lengths_is_judged_as_under_one(
    runs: list[tuple[list[float], str, Outcome]], longer: list[bool]
) -> None:
    whole, parted = (
        [
            trial(seed, LONG if one or is_long else SHORT, curve, purpose=purpose, state=state)
            for seed, ((curve, purpose, state), is_long) in enumerate(zip(runs, longer, strict=False))
        ]
        for one in (True, False)
    )
    (expected,), found = by_recipe(whole).values(), judged(*parted)
    common = min(len(expected.seconds), *(len(each.run.curve) for each in parted))
    for name in ("seconds", "accuracies", "test_accuracies", "seeds_E", "fresh_E"):
        assert getattr(found, name)[:common] == pytest.approx(getattr(expected, name)[:common]), name
    assert (np.diff(found.accuracies) >= 0).all()
    assert (np.diff(found.seconds) > 0).all()


@given(curves=st.lists(st.tuples(accuracies, st.integers(2, 5)), min_size=1, max_size=6))
def test_recipes_that_do_not_begin_one_another_are_judged_by_themselves(
    curves: list[tuple[list[float], int]],
) -> None:
    trials = [
        trial(i, dse.Recipe(model=TINY, epochs=epochs, learning_rate=OneCycle()), curve)
        for i, (curve, epochs) in enumerate(curves)
    ]
    assert list(by_course(trials, CURVES).items()) == list(by_recipe(trials).items())


def test_a_lucky_short_copy_does_not_win() -> None:
    lucky = trial(9, SHORT, [0.80, 0.99])
    others = [trial(n, LONG, [0.80, 0.90, 0.92, 0.93, 0.94]) for n in range(1, 4)]
    study = make_study([trial(0, BASELINE, [0.5, 0.6, 0.7, 0.8, 0.91]), *others, lucky])
    point = study.points[(study.points["recipe_id"] == LONG.id) & (study.points["epoch"] == 2)].iloc[0]
    assert (point["seeds"], point["accuracy"]) == (4, pytest.approx((3 * 0.90 + 0.99) / 4))
    assert SHORT.id not in study.points["recipe_id"].tolist()
    assert study.judged_as[SHORT.id] == LONG.id
    assert study.front["accuracy"].max() < 0.99


def test_what_made_a_longer_run_lucky_before_does_not_stand_for_the_others() -> None:
    lucky = trial(0, LONG, [0.70, 0.98, 0.90, 0.91, 0.99])
    found = judged(lucky, *(trial(n, SHORT, [0.70, 0.90]) for n in (1, 2, 3)))
    mean = (0.98 + 3 * 0.90) / 4
    assert found.accuracies == pytest.approx([0.70, mean, mean, mean, 0.99])
    assert found.seeds_E.tolist() == [4, 4, 4, 4, 1]
    assert found.test_accuracies[3] == pytest.approx(found.test_accuracies[1])


def test_later_seconds_are_added_to_the_mean_before_them() -> None:
    slow, fast = trial(5, LONG, [0.5] * 5), trial(0, SHORT, [0.5] * 2)
    assert judged(slow, fast).seconds == pytest.approx([2.25, 4.5, 7.0, 9.5, 12.0])


def test_one_seed_under_two_lengths_counts_once() -> None:
    short, long = trial(0, SHORT, [0.5, 0.6], seed=3), trial(1, LONG, [0.5, 0.6, 0.7, 0.8, 0.9], seed=3)
    found = judged(short, long)
    assert found.trials == (long,)
    assert found.seeds_E.tolist() == [1] * 5


def test_fresh_runs_judge_as_far_as_they_go() -> None:
    chose = trial(0, LONG, [0.9, 0.95, 0.96, 0.97, 0.98])
    fresh = [trial(n, SHORT, [0.8, 0.85], purpose=CONFIRM) for n in (1, 2)]
    found = judged(chose, *fresh)
    assert found.accuracies == pytest.approx([0.8, 0.85, 0.96, 0.97, 0.98])
    assert found.fresh_E.tolist() == [True, True, False, False, False]
    assert found.first == chose, "it alone judges the last epoch"


def test_a_seed_that_chose_a_longer_recipe_confirms_no_shorter_one() -> None:
    chose, again = trial(0, LONG, [0.9] * 5, seed=1), trial(1, SHORT, [0.9] * 2, seed=1, purpose=CONFIRM)
    assert not judged(chose, again).fresh_E.any()


def test_a_stopped_run_ends_the_mean_of_its_own_recipe_alone() -> None:
    stopped = trial(0, SHORT, [0.5], state=Outcome.STOPPED)
    found = judged(stopped, trial(1, LONG, [0.7, 0.8, 0.9, 0.9, 0.9]))
    assert found.seeds_E.tolist()[:2] == [2, 1]
    assert found.accuracies[0] == pytest.approx(0.6)


def test_of_whole_runs_each_length_is_another_point() -> None:
    trials = [trial(0, SHORT, [0.5, 0.6]), trial(1, LONG, [0.5, 0.6, 0.7, 0.8, 0.9])]
    assert list(by_course(trials, ("accuracy", "train_flops"))) == [SHORT.id, LONG.id]


def test_what_the_baseline_begins_is_no_answer() -> None:
    longer = BASELINE.model_copy(update={"epochs": 9})
    study = make_study([trial(0, BASELINE, [0.5, 0.6, 0.7, 0.8, 0.9]), trial(1, longer, [0.99] * 9)])
    assert study.answer.fastest is None
    assert study.answer.missing.startswith("Only the baseline is trained so far")
    assert study.baseline_points["recipe_id"].unique().tolist() == [longer.id]


def test_trials_that_come_one_by_one_are_judged_as_all_at_once() -> None:
    trials = [
        trial(0, SHORT, [0.5, 0.6]),
        trial(1, FASTER, [0.5]),
        trial(2, LONG, [0.5, 0.7, 0.8]),
        trial(3, SHORT, []),
        trial(4, SHORT, [0.4, 0.9], purpose=CONFIRM),
    ]
    courses = Courses(CURVES)
    for count, each in enumerate(trials, 1):
        courses.add([each])
        assert list(courses.recipes.items()) == list(by_course(trials[:count], CURVES).items())


@pytest.fixture(scope="module")
def answer() -> StudyTables:
    return dse.load_study("results/mnist-answer")


def test_of_the_published_answer_54_trainings_are_judged(answer: StudyTables) -> None:
    assert answer.trials["recipe_id"].nunique() == 70
    assert len(answer.recipes) == answer.points["recipe_id"].nunique() == 54


def test_the_published_lucky_seed_is_one_of_five(answer: StudyTables) -> None:
    lucky = answer.trials.set_index("trial").loc[113, "recipe_id"]
    ids = answer.trials.loc[answer.trials["trial"] == 72, "recipe_id"].tolist()
    assert answer.judged_as[lucky] == ids[0]
    rows = answer.points[answer.points["recipe_id"] == ids[0]].set_index("epoch")
    of_long = answer.trials[(answer.trials["recipe_id"] == ids[0]) & (answer.trials["purpose"] == CONFIRM)]
    curves = answer.curves[answer.curves["trial"].isin(of_long["trial"]) & (answer.curves["epoch"] == 3)]
    assert (rows.loc[3, "seeds"], len(curves)) == (5, 5)
    assert rows.loc[3, "accuracy"] == pytest.approx(curves["best_accuracy"].mean())
    assert round(rows.loc[3, "accuracy"], 4) == 0.9842
    assert dse.pick(answer, dse.Wish(knee=True)).choice.trial == 116
