"""The data behind the figures, compared by value on a study made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dse.evidence.judge import judged
from dse.record.run import Outcome
from dse.record.tables import StudyTables
from dse.record.trial import CONFIRM
from dse.report.figure_data import (
    best_data,
    curve_data,
    front_axes,
    front_data,
)
from dse.report.growth import volume_growth
from dse.report.recipes import failures, recipe_rows
from dse.report.span import Place, Span, front_span, shown_span
from dse.report.ticks import log_ticks
from tests.fakes import BASELINE, FASTER, SHARED, make_study, make_trial


def test_the_front_is_of_all_epochs_of_the_mean_curves(small_study: StudyTables) -> None:
    data = front_data(small_study)
    assert (data.x, data.y, data.of_curves) == ("train_seconds", "accuracy", True)
    front = data.points[data.points["on_front"]]
    assert list(zip(front["trial"], front["epoch"], front["x"], front["y"], strict=True)) == [
        (2, 1, 5.0, 0.70), (2, 2, 10.0, 0.90), (2, 3, 16.0, 0.97), (3, 2, 60.0, 0.985)]  # fmt: skip
    assert data.line.to_dict("list") == {"x": [5.0, 10.0, 16.0, 60.0], "y": [0.70, 0.90, 0.97, 0.985]}
    assert data.baseline == Place(32.0, pytest.approx(0.93))
    assert data.answer == Place(16.0, 0.97)
    assert data.baseline_curve["x"].tolist() == [10.5, 21.0, 32.0]
    assert data.baseline_curve["y"].tolist() == pytest.approx([0.81, 0.91, 0.93])


def test_a_recipe_off_the_front_is_one_point_with_its_spread(small_study: StudyTables) -> None:
    points = front_data(small_study).points
    others = points[~points["on_front"]].set_index("trial")
    assert others.index.tolist() == [0, 4]
    assert others["seeds"].tolist() == [2, 2]
    assert others.loc[0, ["x", "y"]].tolist() == pytest.approx([32.0, 0.93])
    # Seeds end at 92 and 94 % after 30 and 34 s.
    assert others.loc[0, ["x_sd", "y_sd"]].tolist() == pytest.approx([8**0.5, 0.0002**0.5])


def test_where_objectives_are_not_of_curves_points_are_whole_runs() -> None:
    trials = [
        make_trial(0, BASELINE, [(10, 0.80), (20, 0.90)]),
        make_trial(1, FASTER, [(5, 0.95), (12, 0.93)]),
        make_trial(2, FASTER, [(6, 0.95), (14, 0.91)], seed=1),
    ]
    data = front_data(make_study(trials, objectives=["train_seconds", "final_accuracy"]))
    assert (data.x, data.y, data.of_curves) == ("train_seconds", "final_accuracy", False)
    assert data.points[["trial", "seeds", "x", "y", "on_front"]].to_numpy().tolist() == [
        [0, 1, 20.0, 0.90, False],
        [1, 2, 13.0, pytest.approx(0.92), True],
    ]
    assert data.points["y_sd"].tolist()[1] == pytest.approx(0.0002**0.5)
    assert data.baseline == Place(20.0, 0.90)
    assert data.baseline_curve.empty


@pytest.mark.parametrize(
    ("objectives", "axes"),
    [
        (("train_seconds", "accuracy"), ("train_seconds", "accuracy")),
        (("final_accuracy", "seconds_to_best"), ("seconds_to_best", "final_accuracy")),
        (("train_seconds", "parameters"), ("train_seconds", "parameters")),
        (("parameters", "accuracy"), ("parameters", "accuracy")),
        (("accuracy", "final_accuracy"), ("final_accuracy", "accuracy")),
    ],
)
def test_any_two_objectives_have_axes(objectives: tuple[str, ...], axes: tuple[str, str]) -> None:
    assert front_axes(objectives) == axes


def test_a_point_on_the_front_by_its_parameters_alone_lies_off_the_line(
    realistic_study: StudyTables,
) -> None:
    data = front_data(realistic_study)
    on_front = data.points.loc[data.points["on_front"], ["x", "y"]]
    assert set(data.line.itertuples(index=False)) < set(on_front.itertuples(index=False))


def test_an_axis_leaves_out_what_learnt_nothing_but_keeps_what_it_must() -> None:
    values = pd.Series([0.1, 0.95, 0.96, 0.97, 0.98, 0.99])
    span = shown_span(values, values[:0])
    assert 0.9 < span.low < 0.95
    assert span.high > 0.99
    assert span.hidden == 1
    assert shown_span(values, values[:1]).low < 0.1
    constant = shown_span(pd.Series([0.9, 0.9]), pd.Series([], dtype=float))
    assert constant.low < 0.9 < constant.high


def test_the_span_reaches_twice_as_far_below_the_baseline_as_above() -> None:
    bests = pd.Series([0.1, 0.5, 0.93, 0.95, 0.96])
    span = front_span(bests, Place(1.0, 0.9))
    assert span == Span(pytest.approx(0.78 - 0.07 * 0.18), pytest.approx(0.96 + 0.07 * 0.18), 2)
    # Half of the recipes or five stay, however poor; others do not, however many.
    assert front_span(pd.Series([0.1, 0.2, 0.3, 0.9]), Place(1.0, 0.9)).hidden == 2
    assert front_span(pd.Series([0.1] * 50 + [0.89] * 4 + [0.91]), Place(1.0, 0.9)).hidden == 50


def test_of_few_recipes_the_whole_front_is_shown() -> None:
    span = front_data(make_study([make_trial(0, BASELINE, [(1, 0.2), (2, 0.6), (3, 0.9)])])).span
    assert span.low < 0.2 < 0.9 < span.high
    assert span.hidden == 0


def test_curves_have_a_row_an_epoch_of_each_recipe_and_know_the_front(small_study: StudyTables) -> None:
    rows = curve_data(small_study).rows
    assert rows.groupby("trial")["epoch"].max().to_dict() == {0: 3, 2: 3, 3: 2, 4: 1}
    assert set(rows.loc[rows["on_front"], "trial"]) == {2, 3}
    assert set(rows.loc[rows["is_baseline"], "trial"]) == {0}
    assert rows.loc[rows["trial"] == 0, "accuracy"].tolist() == pytest.approx([0.81, 0.91, 0.92])


def test_curves_spread_by_the_accuracies_of_their_seeds(small_study: StudyTables) -> None:
    rows = curve_data(small_study).rows.set_index("trial")
    # 80 and 82, 92 and 90, 90 and 94 %.
    assert rows.loc[0, "accuracy_sd"].tolist() == pytest.approx([0.0002**0.5, 0.0002**0.5, 0.0008**0.5])
    assert rows.loc[2, "accuracy_sd"].isna().all()


def test_the_best_epoch_is_the_mean_of_the_runs_own(small_study: StudyTables) -> None:
    data = best_data(small_study)
    points = data.points.set_index("trial")
    # The baseline's seeds are best in their second and third epoch, at 92 and 94 %.
    assert points.loc[0, ["x", "x_sd", "y", "y_sd"]].tolist() == pytest.approx(
        [2.5, 0.5**0.5, 0.93, 0.0002**0.5]
    )
    assert points.loc[2, ["x", "y"]].tolist() == [3.0, 0.97]
    assert data.baseline == Place(2.5, pytest.approx(0.93))


def test_failures_are_what_failed_and_not_what_was_stopped_or_interrupted() -> None:
    states = ("complete", "stopped", "missed_target", "diverged", "failed", "interrupted", "running")
    trials = [
        make_trial(i, BASELINE, [(1, 0.5)], seed=i, state=Outcome(state), reason=f"<b>{state}</b>")
        for i, state in enumerate(states)
    ]
    rows = failures(make_study(trials))
    assert rows[["trial", "state", "reason", "epochs_done"]].to_numpy().tolist() == [
        [2, "missed_target", "<b>missed_target</b>", 1],
        [3, "diverged", "<b>diverged</b>", 1],
        [4, "failed", "<b>failed</b>", 1],
    ]


def test_a_recipe_is_one_row_of_means_over_its_complete_runs(small_study: StudyTables) -> None:
    rows = recipe_rows(small_study).set_index("trial")
    assert rows.index.tolist() == [0, 2, 3, 4]
    assert rows["runs"].tolist() == [2, 2, 1, 2]
    assert rows["complete"].tolist() == [2, 1, 1, 1]
    assert rows["others"].tolist() == ["", "1 failed", "", "1 diverged"]
    assert rows.loc[0, ["train_seconds", "accuracy"]].tolist() == pytest.approx([32.0, 0.93])
    assert rows.loc[0, "train_seconds_sd"] == pytest.approx(8**0.5)
    assert rows.loc[4, "accuracy"] == 0.91
    assert rows["accuracy_sd"].isna().tolist() == [False, True, True, True]


def test_a_recipe_with_fresh_runs_is_the_mean_of_these() -> None:
    chosen = make_trial(0, FASTER, [(5, 0.9)], seed=0)
    fresh = [replace(make_trial(i, FASTER, [(5, 0.7)], seed=i), purpose=CONFIRM) for i in (1, 2)]
    row = recipe_rows(make_study([chosen, *fresh])).iloc[0]
    assert (row["runs"], row["complete"], row["others"], row["accuracy"]) == (3, 2, "", pytest.approx(0.7))


def test_a_recipe_without_a_complete_run_is_the_mean_of_what_it_trained() -> None:
    trials = [make_trial(i, FASTER, [(5, 0.5 + i / 10)], seed=i, state=Outcome.STOPPED) for i in (0, 1)]
    row = recipe_rows(make_study(trials)).iloc[0]
    assert (row["complete"], row["others"], row["accuracy"]) == (0, "2 stopped", pytest.approx(0.55))


def test_the_volume_grows_to_that_of_the_front(small_study: StudyTables) -> None:
    growth = volume_growth(small_study)
    assert growth.names == ("train_seconds", "accuracy")
    # Twice the baseline's 32 s and its 7 % of errors.
    assert growth.corner == pytest.approx((64.0, 0.86))
    share = growth.rows["share"].tolist()
    assert growth.rows["trial"].tolist() == list(range(7))
    # Means: the baseline's first seed reaches 92 % after 20 s, both together 93 % after 32 s.
    first, both = np.log(64 / 20) * 0.06, np.log(64 / 21) * 0.05 + np.log(64 / 32) * 0.02
    front = np.log(64 / 10) * 0.04 + np.log(64 / 16) * 0.07 + np.log(64 / 60) * 0.015
    assert share[0] == pytest.approx(first / front)
    assert share[1] == pytest.approx(both / front)
    assert share[3:] == pytest.approx([1.0] * 4)


def test_the_volume_falls_where_a_recipe_was_lucky() -> None:
    lucky = [make_trial(0, BASELINE, [(10, 0.9)]), make_trial(1, FASTER, [(5, 0.99)])]
    share = volume_growth(make_study([*lucky, make_trial(2, FASTER, [(5, 0.93)], seed=1)])).rows["share"]
    assert share[1] > share[2] == 1.0


@pytest.mark.parametrize("together", [1, 7])
def test_volumes_do_not_depend_on_how_many_trials_are_looked_at_together(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = [make_trial(0, BASELINE, [(10, 0.9), (20, 0.95)])]
    random, recipes = np.random.default_rng(0), [FASTER, SHARED, BASELINE]
    for number in range(1, 40):
        curve = [(float(random.uniform(1, 9)), float(random.uniform(0.8, 1))) for _ in range(2)]
        curve[1] = (10 + curve[1][0], curve[1][1])
        trials.append(make_trial(number, recipes[random.integers(3)], curve, seed=number))
    expected = volume_growth(make_study(trials)).rows
    assert (np.diff(expected["share"]) < 0).any(), "the front lost points"
    monkeypatch.setattr("dse.report.growth.TOGETHER", together)
    pd.testing.assert_frame_equal(volume_growth(make_study(trials)).rows, expected)


def test_volumes_of_whole_runs_take_any_objectives() -> None:
    trials = [make_trial(0, BASELINE, [(10, 0.9)]), make_trial(1, SHARED, [(12, 0.95)])]
    growth = volume_growth(make_study(trials, objectives=["parameters", "final_accuracy"]))
    assert growth.corner == pytest.approx((2 * trials[0].measures["parameters"], 0.8))
    assert growth.rows["share"].tolist()[0] < growth.rows["share"].tolist()[1] == 1.0


def test_without_a_complete_baseline_there_is_no_volume() -> None:
    assert volume_growth(make_study([make_trial(0, FASTER, [(10, 0.9)])])).rows.empty


@pytest.mark.parametrize("low", [1e-3, 0.7, 1.0, 9.9, 123.0])
@pytest.mark.parametrize("ratio", [1.01, 1.3, 2, 10, 1e3, 1e6])
def test_log_ticks_lie_inside_and_are_a_handful(low: float, ratio: float) -> None:
    ticks = log_ticks(low, low * ratio)
    assert 3 <= len(ticks) <= 12
    assert all(low * (1 - 1e-6) <= tick <= low * ratio * (1 + 1e-6) for tick in ticks)
    assert ticks == sorted(set(ticks))


def test_the_fronts_band_holds_the_front_and_never_falls(small_study: StudyTables) -> None:
    assert not len(front_data(small_study).band)
    tables = judged(small_study)
    band = front_data(tables).band
    assert band["x"].is_monotonic_increasing
    assert band["low"].is_monotonic_increasing
    assert band["high"].is_monotonic_increasing
    assert (band["low"] <= band["high"]).all()
    assert band["x"].tolist() == tables.front["train_seconds"].tolist()
