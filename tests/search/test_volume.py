"""The anytime front's volume: what it is measured from, and its laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.errors import InputError
from dse.pareto import front_mask
from dse.search.history import History, mean_points
from dse.search.volume import Reference, curve_volume, objective_volume, run_points
from tests.fakes import make_progress as run

REFERENCE = Reference(seconds=100.0, accuracy=0.5, parameters=0)


def test_the_reference_is_twice_the_baselines_seconds_and_error() -> None:
    baseline = run((0.5, 0.7, 0.9, 0.8, 0.8), epoch_seconds=2.0, parameters=10)
    reference = Reference.of([baseline])
    assert (reference.seconds, reference.parameters) == (20.0, 20)
    assert reference.accuracy == pytest.approx(0.8)


def test_a_baseline_without_an_error_still_sets_a_reference() -> None:
    assert Reference.of([run((1.0,) * 5)]).accuracy == pytest.approx(0.998)


def test_one_point_covers_a_rectangle() -> None:
    assert curve_volume([[10.0, 0.9, 7]], REFERENCE) == pytest.approx(math.log(10) * 0.4)


def test_parameters_count_in_logarithms_where_they_are_weighed() -> None:
    reference = Reference(100.0, 0.5, parameters=100)
    assert curve_volume([[10.0, 0.9, 10]], reference) == pytest.approx(math.log(10) * 0.4 * math.log(10))


def test_what_lies_beyond_the_reference_counts_as_nothing() -> None:
    assert curve_volume([[101.0, 0.9, 0], [1.0, 0.4, 0]], REFERENCE) == 0.0
    assert curve_volume([], REFERENCE) == 0.0


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="finite"):
        curve_volume([[math.nan, 0.9, 0]], REFERENCE)


accuracies = st.lists(st.floats(0, 1), min_size=5, max_size=5).map(tuple)


@given(st.lists(st.tuples(accuracies, st.floats(0.1, 10)), min_size=1, max_size=5))
def test_the_history_keeps_the_volume_of_all_epochs(runs: list[tuple[tuple[float, ...], float]]) -> None:
    history = History()
    history.reference = REFERENCE
    made = [run(each, seconds) for each, seconds in runs]
    volumes = [0.0]
    for one in made:
        history.record(one)
        assert history.volume is not None
        volumes.append(history.volume)
    assert np.all(np.diff(volumes) >= -1e-12)
    # An error below a thousandth counts as one.
    points = np.minimum(run_points(made), [math.inf, 0.999, math.inf])
    assert volumes[-1] == pytest.approx(curve_volume(points, REFERENCE))


@pytest.mark.parametrize("weigh", [False, True], ids=["two objectives", "three objectives"])
def test_volumes_of_any_objectives_are_those_of_the_search(weigh: bool) -> None:
    names = ("train_seconds", "accuracy", "parameters")[: 3 if weigh else 2]
    baseline = run((0.5, 0.7, 0.9, 0.8, 0.8), epoch_seconds=2.0, parameters=10 if weigh else 0)
    points = np.array([[10.0, 0.9, 10], [3.0, 0.85, 15], [1.0, 0.7, 5], [19.0, 0.97, 19]])
    own = objective_volume(points[:, : len(names)], [10.0, 0.9, 10][: len(names)], names)
    assert own == pytest.approx(curve_volume(points, Reference.of([baseline])))


def test_a_recipe_is_judged_by_the_mean_of_its_ended_runs() -> None:
    history = History()
    history.refer_to(run((0.5, 0.6, 0.7, 0.75, 0.8), epoch_seconds=1.0))
    lucky, poor = run((0.9,) * 5), run((0.5,) * 3)
    history.record(lucky, "one")
    history.record_epoch(run((0.99,)), "one")
    assert history.front[:, 1].min() == pytest.approx(0.1), "while another seed runs, the ended run stands"
    history.record(poor, "one")
    np.testing.assert_allclose(history.front, [[1.0, 0.3, 0]])


def test_a_run_that_was_cut_off_stands_only_while_no_other_does() -> None:
    history = History()
    history.record(run((0.9,)), "one", counts=False)
    assert history.front[:, 1].tolist() == pytest.approx([0.1])
    history.record(run((0.6,) * 5), "one")
    history.record(run((0.99,)), "one", counts=False)
    assert history.front[:, 1].tolist() == pytest.approx([0.4])


def test_the_reference_is_the_mean_of_the_baseline_s_runs() -> None:
    history = History()
    history.refer_to(run((0.8,) * 5, epoch_seconds=1.0))
    history.refer_to(run((0.6,) * 5, epoch_seconds=3.0))
    assert history.reference is not None
    assert (history.reference.seconds, history.reference.accuracy) == pytest.approx((20.0, 0.4))


@pytest.mark.parametrize("seed", range(20))
def test_a_front_that_is_kept_up_to_date_is_the_front_of_all_means(seed: int) -> None:
    random, history, runs = np.random.default_rng(seed), History(), {}
    for _ in range(25):
        recipe = int(random.integers(6))
        accuracies = tuple(random.choice([0.5, 0.6, 0.7, 0.8, 0.9], 5).tolist())
        done = run(accuracies, epoch_seconds=float(random.choice([0.5, 1.0, 2.0])))
        history.record(done, recipe)
        runs.setdefault(recipe, []).append(done)
        points = np.concatenate([mean_points(each) for each in runs.values()])
        expected = points[front_mask(points, (False, False, False))]
        assert {*map(tuple, history.front)} == {*map(tuple, expected)}


def test_a_front_that_is_made_again_keeps_the_points_of_runs_at_work() -> None:
    history = History()
    history.record(run((0.8, 0.9)), "a")
    history.record_epoch(run((0.85,)), "b")
    history.record_epoch(run((0.85, 0.95)), "b")
    # The mean of "a" falls below what its first run alone had: the front loses points, and is looked for again.
    history.record(run((0.6, 0.7)), "a")
    assert {round(error, 6) for error in history.front[:, 1]} == {0.15, 0.05}
    history.record_end(run((0.85, 0.95)), "b")
    assert {round(error, 6) for error in history.front[:, 1]} == {0.15, 0.05}


@pytest.mark.parametrize("seed", range(20))
def test_runs_that_are_learnt_whole_show_what_they_showed_epoch_by_epoch(seed: int) -> None:
    random, whole, stepwise = np.random.default_rng(seed), History(), History()
    for _ in range(25):
        recipe, counts = int(random.integers(6)), bool(random.random() < 0.7)
        accuracies = tuple(random.choice([0.5, 0.6, 0.7, 0.8, 0.9], random.integers(1, 6)).tolist())
        done = run(accuracies, epoch_seconds=float(random.choice([0.5, 1.0, 2.0])))
        whole.record(done, recipe, counts=counts)
        for epoch in range(1, len(accuracies) + 1):
            stepwise.record_epoch(run(accuracies[:epoch], done.seconds[0]), recipe)
        stepwise.record_end(done, recipe, counts=counts)
    assert {*map(tuple, whole.front)} == {*map(tuple, stepwise.front)}
    assert whole.completed == stepwise.completed
    for size in (0.5, 1.0, 2.0):
        assert whole.seconds_to_come(run((0.5,), size)) == stepwise.seconds_to_come(run((0.5,), size))


def test_epochs_that_follow_many_runs_are_on_the_front_that_is_then_asked_for() -> None:
    history = History()
    history.record(run((0.8, 0.9)), "a")
    history.record_epoch(run((0.95,)), "b")
    assert {round(error, 6) for error in history.front[:, 1]} == {0.05}
