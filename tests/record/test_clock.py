"""Clocks: a run by the stopwatch, by its steps' own seconds, and back."""

from __future__ import annotations

import numpy as np
import pytest

from dse.data.datasets import find_dataset
from dse.recipe.plan import compile_plan
from dse.record.clock import (
    clock_of,
    is_disturbed,
    noise_floor_of,
    stopwatch_measures,
    timed_rows,
    timed_trial,
)
from dse.record.objectives import measure
from dse.record.timing import Timing
from tests.fakes import BASELINE, make_trial

TRIAL = make_trial(0, BASELINE, [(10, 0.80), (20, 0.92), (30, 0.90)], target=0.9)
ALONE = np.array([2.0, 4.0, 6.0, 8.0, 10.0])


def test_a_calibrated_trial_has_both_clocks_and_is_measured_by_its_own() -> None:
    timed = timed_trial(TRIAL, ALONE, 0.01, Timing.CALIBRATED)
    assert [row.train_seconds for row in timed.run.curve] == [2.0, 4.0, 6.0]
    assert [row.calibrated_seconds for row in timed.run.curve] == [2.0, 4.0, 6.0]
    assert [row.measured_seconds for row in timed.run.curve] == [10, 20, 30]
    plan = compile_plan(BASELINE, find_dataset("digits").shape, 1200)
    assert timed.measures == measure(timed.run, plan, 0.9)
    assert timed.measures["seconds_to_best"] == timed.measures["seconds_to_target"] == 4.0
    assert timed.calibration_error == 0.01


def test_what_a_storage_keeps_is_the_stopwatchs() -> None:
    timed = timed_trial(TRIAL, ALONE, 0.01, Timing.CALIBRATED)
    assert stopwatch_measures(timed) == TRIAL.measures
    assert [row.stored() for row in timed.run.curve] == [row.stored() for row in TRIAL.run.curve]


def test_the_budget_is_spent_by_the_stopwatch() -> None:
    timed = timed_trial(TRIAL, ALONE, 0.01, Timing.CALIBRATED)
    assert timed.run.own_seconds == TRIAL.run.own_seconds == 30


def test_a_measured_study_has_the_other_clock_beside_it() -> None:
    timed = timed_trial(TRIAL, ALONE, 0.01, Timing.MEASURED)
    assert timed.measures == TRIAL.measures
    assert [(row.train_seconds, row.calibrated_seconds) for row in timed.run.curve] == [
        (10, 2.0),
        (20, 4.0),
        (30, 6.0),
    ]


@pytest.mark.parametrize("clock", [Timing.MEASURED, Timing.CALIBRATED])
def test_rows_may_be_timed_again(clock: Timing) -> None:
    once = timed_rows(TRIAL.run.curve, ALONE, Timing.CALIBRATED)
    assert timed_rows(once, ALONE / 2, clock) == timed_rows(TRIAL.run.curve, ALONE / 2, clock)


def test_without_a_calibration_the_stopwatch_is_the_clock() -> None:
    assert TRIAL.run.measured_seconds == TRIAL.run.train_seconds == 30
    assert TRIAL.run.calibrated_seconds is None
    assert is_disturbed(TRIAL, 0.01) is None


@pytest.mark.parametrize(
    ("alone", "floor", "disturbed"),
    [(30, None, False), (29, 0.01, False), (27, 0.01, True), (27, 0.2, False), (40, 0.01, False)],
)
def test_a_run_that_took_longer_than_its_steps_was_disturbed(
    alone: float, floor: float | None, disturbed: bool
) -> None:
    timed = timed_trial(TRIAL, np.linspace(0, alone, 4)[1:], 0.01, Timing.CALIBRATED)
    assert is_disturbed(timed, floor) is disturbed


def test_auto_is_calibrated_where_the_machine_is_shared() -> None:
    assert Timing.AUTO.on("cpu") is Timing.CALIBRATED
    assert Timing.AUTO.on("cuda") is Timing.MEASURED
    assert Timing.MEASURED.on("cpu") is Timing.MEASURED
    assert Timing.CALIBRATED.on("cuda") is Timing.CALIBRATED


def test_the_environment_of_version_01_says_nothing_of_clocks() -> None:
    assert clock_of({"device": "a test"}) is Timing.MEASURED
    assert noise_floor_of({}) is None
    assert noise_floor_of({"noise_floor": 0.02}) == 0.02
    assert noise_floor_of({"noise_floor": "much"}) is None
