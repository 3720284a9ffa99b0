"""The simulation of many workers, where its result can be worked out by hand."""

from __future__ import annotations

import pytest

from benchmarks.scaling import Setting, simulate

RUNS = [[1.0, 2.0], [3.0, 4.0]]


def test_one_worker_takes_the_sum_of_all_times_and_two_take_half() -> None:
    assert simulate(RUNS, Setting(workers=1, trials=2)).seconds == pytest.approx(10)
    assert simulate([[2.0, 3.0]], Setting(workers=1, trials=40)).seconds == pytest.approx(200)
    assert simulate([[2.0, 3.0]], Setting(workers=2, trials=40)).seconds == pytest.approx(100)


def test_the_drivers_costs_add_up_for_one_worker() -> None:
    result = simulate(RUNS, Setting(workers=1, trials=2, epoch_seconds=0.5, trial_seconds=1.0))
    # Two trials of two epochs: each is given, its first epoch recorded, and its end taken in with the next one.
    assert result.seconds == pytest.approx(10 + 3 * 1.0 + 2 * 0.5)
    assert result.driver_share == pytest.approx(4 / 14)


def test_a_driver_that_is_always_at_work_is_the_limit() -> None:
    result = simulate([[1.0]], Setting(workers=1000, trials=5000, trial_seconds=0.1))
    assert result.driver_share > 0.99
    assert 5000 / result.seconds < 1 / 0.1


def test_failures_lose_epochs_and_no_trial() -> None:
    calm = simulate([[10.0] * 3], Setting(workers=4, trials=100))
    rough = simulate([[10.0] * 3], Setting(workers=4, trials=100, failures_an_hour=60, restart_seconds=5))
    assert calm.lost_share == 0 < rough.lost_share < 0.2
    assert rough.seconds > calm.seconds
