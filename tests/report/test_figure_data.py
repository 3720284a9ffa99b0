"""The data behind the figures, compared by value on a study made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dse.pareto import hypervolume
from dse.record.objectives import directions
from dse.record.tables import StudyTables
from dse.report.encoding import POLICY_COLOURS, choose_encoding, looks
from dse.report.figure_data import (
    Baseline,
    curve_data,
    failures,
    front_axes,
    front_data,
    front_rows,
    shown_span,
)
from dse.report.hypervolume import hypervolume_growth
from dse.report.ticks import log_ticks
from tests.fakes import BASELINE, FASTER, make_study, make_trial


def test_the_front_is_of_time_and_accuracy(small_study: StudyTables) -> None:
    data = front_data(small_study)
    assert (data.x, data.y) == ("train_seconds", "accuracy")
    assert data.points["trial"].tolist() == [0, 1, 2, 3, 4]
    assert data.points["x"].tolist() == [30, 34, 16, 60, 40]
    assert data.points["on_front"].tolist() == [False, False, True, True, False]
    assert data.trial_front.to_dict("list") == {"trial": [], "x": [], "y": []}
    anytime = data.anytime_front
    assert list(zip(anytime["trial"], anytime["epoch"], anytime["x"], anytime["y"], strict=True)) == [
        (2, 1, 5.0, 0.70), (2, 2, 10.0, 0.90), (2, 3, 16.0, 0.97), (3, 2, 60.0, 0.985)]  # fmt: skip
    assert data.baseline == Baseline((0, 1), 32.0, pytest.approx(0.93))


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


def test_a_trial_on_the_front_by_its_parameters_alone_lies_off_the_line(
    realistic_study: StudyTables,
) -> None:
    data = front_data(realistic_study)
    on_front = set(data.points.loc[data.points["on_front"], "trial"])
    on_line = set(data.trial_front["trial"])
    assert on_line < on_front


def test_an_axis_leaves_out_what_learnt_nothing_but_keeps_what_it_must() -> None:
    values = pd.Series([0.1, 0.95, 0.96, 0.97, 0.98, 0.99])
    span = shown_span(values, values[:0])
    assert 0.9 < span.low < 0.95
    assert span.high > 0.99
    assert span.hidden == 1
    assert shown_span(values, values[:1]).low < 0.1
    constant = shown_span(pd.Series([0.9, 0.9]), pd.Series([], dtype=float))
    assert constant.low < 0.9 < constant.high


def test_curves_have_a_row_an_epoch_and_know_the_front(small_study: StudyTables) -> None:
    rows = curve_data(small_study).rows
    assert rows.groupby("trial")["epoch"].max().to_dict() == {0: 3, 1: 3, 2: 3, 3: 2, 4: 2, 5: 1}
    assert set(rows.loc[rows["on_front"], "trial"]) == {2, 3}
    assert rows.loc[rows["trial"] == 3, "accuracy"].tolist() == [0.95, 0.985]


def test_failures_say_what_and_why(small_study: StudyTables) -> None:
    rows = failures(small_study)
    assert rows[["trial", "state", "reason", "epochs_done"]].to_numpy().tolist() == [
        [5, "diverged", "loss is nan", 1],
        [6, "failed", "<b>disk</b> & memory", 0],
    ]


def test_front_rows_carry_the_comparison(small_study: StudyTables) -> None:
    rows = front_rows(small_study)
    # The baseline's mean: 81 % after 10.5 s, 91 % after 21 s, 93 % after 32 s.
    assert rows["accuracy"].tolist() == pytest.approx([0.70, 0.90, 0.97, 0.985])
    assert rows["time_saved_percent"].tolist() == pytest.approx(
        [52.38, 52.38, np.nan, np.nan], abs=0.01, nan_ok=True
    )
    assert rows["accuracy_gain"].tolist() == pytest.approx([np.nan, np.nan, 0.04, 0.055], nan_ok=True)
    assert not rows["is_baseline"].any()


def test_the_hypervolume_grows_to_that_of_the_front(small_study: StudyTables) -> None:
    growth = hypervolume_growth(small_study)
    assert growth.rows["trial"].tolist() == list(range(7))
    share = growth.rows["share"].to_numpy()
    assert (np.diff(share) >= 0).all()
    assert share[4] == share[6]
    # Worst of front and baseline: 60 s and 0.92; best: 16 s and 0.985; a tenth of the distance further out.
    decades = np.log10(60 / 16)
    assert growth.reference["train_seconds"] == pytest.approx(60 * 10 ** (0.1 * decades))
    assert growth.reference["accuracy"] == pytest.approx(0.92 - 0.1 * 0.065)
    points = [(np.log10(16), 0.97), (np.log10(60), 0.985)]
    corner = (np.log10(growth.reference["train_seconds"]), growth.reference["accuracy"])
    box = 1.1 * decades * 1.1 * 0.065
    assert share[-1] == pytest.approx(hypervolume(points, corner, directions(small_study.objectives)) / box)


def test_one_trial_fills_its_own_box() -> None:
    growth = hypervolume_growth(make_study([make_trial(0, FASTER, [(10, 0.9)])]))
    assert growth.rows["share"].tolist() == pytest.approx([1.0])


def test_colours_are_the_policies_own_whatever_the_study(small_study: StudyTables) -> None:
    encoding = choose_encoding(small_study.trials)
    assert encoding.colours == {name: POLICY_COLOURS[name] for name in ("fixed", "one_cycle")}
    assert encoding.shapes == {"16": "circle", "128": "square"}
    look = looks(small_study.trials, encoding)
    assert look["filled"].tolist() == [True, True, True, True, False, False, True]
    assert look["shape"].tolist()[2:4] == ["square", "circle"]
    assert not look.isna().any().any()


def test_more_schedules_than_shapes_are_told_apart_by_kind() -> None:
    from dse.recipe.batch_size import Constant
    from dse.recipe.recipe import Recipe

    recipes = [Recipe(model=BASELINE.model, epochs=5, batch_size=Constant(size=2 + i)) for i in range(12)]
    tables = make_study([make_trial(i, recipe, [(1, 0.5)]) for i, recipe in enumerate(recipes)])
    encoding = choose_encoding(tables.trials)
    assert encoding.by_kind
    assert encoding.shapes == {"constant": "circle"}
    assert set(looks(tables.trials, encoding)["shape"]) == {"circle"}


@pytest.mark.parametrize("low", [1e-3, 0.7, 1.0, 9.9, 123.0])
@pytest.mark.parametrize("ratio", [1.01, 1.3, 2, 10, 1e3, 1e6])
def test_log_ticks_lie_inside_and_are_a_handful(low: float, ratio: float) -> None:
    ticks = log_ticks(low, low * ratio)
    assert 3 <= len(ticks) <= 12
    assert all(low * (1 - 1e-6) <= tick <= low * ratio * (1 + 1e-6) for tick in ticks)
    assert ticks == sorted(set(ticks))
