"""Replicates: which runs of a recipe count, and that its curve is their mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.record.counted import by_recipe
from dse.record.replicates import Replicates, over_common_epochs, spread
from dse.record.run import Outcome
from tests.fakes import BASELINE, FASTER, make_trial

curves = st.lists(
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
    min_size=1,
    max_size=4,
)


@given(curves=curves)
def test_a_point_is_the_mean_over_all_seeds_or_is_none(curves: list[list[float]]) -> None:
    trials = [
        make_trial(seed, BASELINE, [(2.0 * (e + 1) + seed, each) for e, each in enumerate(curve)], seed=seed)
        for seed, curve in enumerate(curves)
    ]
    (runs,) = by_recipe(trials).values()
    assert len(runs.seconds) == min(map(len, curves))
    for e in range(len(runs.seconds)):
        assert runs.accuracies[e] == pytest.approx(np.mean([max(curve[: e + 1]) for curve in curves]))
        assert runs.seconds[e] == pytest.approx(
            np.mean([2.0 * (e + 1) + seed for seed in range(len(curves))])
        )
    assert (np.diff(runs.accuracies) >= 0).all()


def test_the_test_accuracy_is_that_of_the_best_epoch_so_far() -> None:
    (runs,) = by_recipe([make_trial(0, BASELINE, [(1, 0.5), (2, 0.9), (3, 0.7)])]).values()
    assert runs.test_SE.tolist() == [[0.49, 0.89, 0.89]]


def test_a_run_that_was_cut_off_counts_only_where_there_is_no_other() -> None:
    cut = [
        make_trial(number, BASELINE, [(1, 0.9)], seed=number, state=state)
        for number, state in enumerate([Outcome.RUNNING, Outcome.INTERRUPTED, Outcome.FAILED])
    ]
    whole = make_trial(3, BASELINE, [(1, 0.5), (2, 0.6)], seed=3)
    assert by_recipe(cut)[BASELINE.id].seeds == 3
    assert by_recipe([*cut, whole])[BASELINE.id].trials == (whole,)


@pytest.mark.parametrize("state", [Outcome.STOPPED, Outcome.DIVERGED])
def test_a_run_that_ended_early_ends_the_mean(state: Outcome) -> None:
    lucky = make_trial(0, BASELINE, [(1, 0.9), (2, 0.95)])
    short = make_trial(1, BASELINE, [(1, 0.7)], seed=1, state=state)
    assert by_recipe([lucky, short])[BASELINE.id].accuracies.tolist() == [pytest.approx(0.8)]


def test_of_one_seed_the_longest_run_counts() -> None:
    short, long = make_trial(0, BASELINE, [(1, 0.9)]), make_trial(1, BASELINE, [(1, 0.5), (2, 0.6)])
    assert by_recipe([short, long])[BASELINE.id].trials == (long,)


def test_trials_without_an_epoch_are_no_replicates() -> None:
    assert by_recipe([make_trial(0, BASELINE, [])]) == {}
    assert list(by_recipe([make_trial(0, FASTER, [(1, 0.5)]), make_trial(1, BASELINE, [(1, 0.5)])])) == [
        FASTER.id,
        BASELINE.id,
    ]


def test_an_accuracy_is_reached_though_sums_round() -> None:
    thirds = Replicates(
        tuple(make_trial(s, BASELINE, [(1, a)], seed=s) for s, a in enumerate((0.1, 0.2, 0.3)))
    )
    assert thirds.epoch_reaching(0.2) == 1
    assert thirds.epoch_reaching(0.2 + 1e-6) is None


def test_a_single_seed_has_no_spread() -> None:
    assert np.isnan(spread(over_common_epochs([[1.0, 2.0]]))).all()
