"""A study's front and answer, judged: what is said of large studies and of those that can hardly say anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest

from dse.evidence.crossing import judge_share
from dse.evidence.curve import Curve
from dse.evidence.draws import Noise
from dse.evidence.front import Limits
from dse.evidence.judge import judged
from dse.record.evidence import EVIDENCE_COLUMNS, ShareInterval
from dse.record.right import Marks, Right, RightImages
from dse.record.run import Outcome
from dse.record.tables import StudyTables
from dse.study.load import load_study
from tests.fakes import BASELINE, FASTER, SHARED, SMALL_BATCH, make_study, make_trial

ROOT = Path(__file__).resolve().parents[2]
LEVELLED = make_trial(0, BASELINE, [(10, 0.80), (20, 0.92), (30, 0.90)])


def with_images(tables: StudyTables, images: int = 400, agree: float = 0.9) -> StudyTables:
    """Record for each epoch as many right images as its accuracy says, most of them the same ones for all."""
    rng = np.random.default_rng(0)
    hard = rng.random(images)

    def read(numbers: Collection[int]) -> RightImages:
        found = {}
        for trial in numbers:
            for row in tables.curves[tables.curves["trial"] == trial].itertuples():
                order = np.argsort(
                    hard + (1 - agree) * np.random.default_rng([trial, row.epoch]).random(images)
                )
                right = np.zeros(images, dtype=bool)
                right[order[: round(row.accuracy * images)]] = True
                found[trial, row.epoch] = Right(Marks.of(right), Marks.of(right))
        return found

    return dataclasses.replace(tables, right=read)


def flat(level: float, seconds: float = 1.0) -> Curve:
    return Curve(
        np.arange(1, 3), seconds * np.array([[1.0, 2.0]]), np.array([[level - 0.3, level]]), images=10_000
    )


def test_a_clear_answer_has_a_narrow_interval_and_a_clear_verdict() -> None:
    trials = [LEVELLED, make_trial(1, FASTER, [(5, 0.70), (6, 0.99)]), make_trial(2, SHARED, [(40, 0.5)])]
    tables = judged(make_study(trials))
    assert tables.answer.interval == ShareInterval(
        pytest.approx(0.3), pytest.approx(0.3), 0.95, pytest.approx(1, abs=0.01)
    )
    assert str(tables.answer).startswith("The same accuracy in 0.30 (95 %: 0.30–0.30) of the time: ")
    assert tables.answer.as_dict()["interval"]["saves_time"] > 0.99
    front = tables.front.set_index(["trial", "epoch"])
    assert front.loc[(1, 2), "verdict"] == "on the front"
    assert front.loc[(1, 2), "p_front"] > 0.99
    assert front.loc[(1, 2), "accuracy_low"] < 0.99 < front.loc[(1, 2), "accuracy_high"]
    assert tables.evidence is not None
    assert SHARED.id not in tables.evidence.points["recipe_id"].tolist()
    assert any(
        "by a tenth, as in tables recorded earlier, is assumed" in note for note in tables.answer.caveats
    )


def test_recipes_that_differ_by_less_than_the_margin_are_tied_or_undecided() -> None:
    trials = [LEVELLED, make_trial(1, FASTER, [(5, 0.955)]), make_trial(2, SHARED, [(5.5, 0.9551)])]
    tables = judged(with_images(make_study(trials), agree=1.0), Limits(margin=0.02))
    assert tables.evidence is not None
    points = tables.evidence.points.set_index("trial")
    assert points.loc[2, "verdict"] == "tied"
    assert 0.3 < points.loc[2, "p_front"] < 0.95
    assert points.loc[1, "verdict"] == "on the front"


def test_images_that_are_recorded_make_intervals_narrower() -> None:
    seeds = [
        make_trial(number, recipe, [(time, 0.5), (2 * time, level + 0.005 * (number % 3))], seed=number % 3)
        for recipe, time, level, first in ((BASELINE, 10, 0.90, 0), (FASTER, 4, 0.92, 3))
        for number in range(first, first + 3)
    ]
    plain = judged(make_study(seeds))
    paired = judged(with_images(make_study(seeds)))
    assert plain.answer.interval is not None
    assert paired.answer.interval is not None
    assert paired.answer.interval.saves_time > plain.answer.interval.saves_time
    assert any("as if each had been judged on images of its own" in note for note in plain.answer.caveats)
    assert not any("images of its own" in note for note in paired.answer.caveats)


def test_fewer_runs_beyond_a_shorter_recipe_leave_wider_intervals() -> None:
    shorter = SMALL_BATCH.model_copy(update={"epochs": 2})
    rng = np.random.default_rng(0)

    def study(*lengths: int) -> StudyTables:
        curves = [[(e + 1.0, 0.9 + 0.01 * e + 0.01 * rng.random()) for e in range(n)] for n in lengths]
        recipes = [SMALL_BATCH if n > 2 else shorter for n in lengths]
        trials = [make_trial(n + 1, recipes[n], curve, seed=n) for n, curve in enumerate(curves)]
        return judged(with_images(make_study([LEVELLED, *trials])))

    apart, whole = study(4, 2, 2, 2), study(4, 4, 4, 4)
    widths = [
        (front["accuracy_high"] - front["accuracy_low"]).loc[front["seeds"] == seeds].mean()
        for tables, seeds in ((apart, 1), (whole, 4))
        for front in [tables.front[tables.front["epoch"] > 2]]
    ]
    assert widths[0] > widths[1]
    assert apart.front.set_index("epoch").loc[[1, 2], "seeds"].tolist() == [4, 4]


def test_an_interval_is_open_where_the_recipe_may_not_reach_the_accuracy() -> None:
    tables = judged(make_study([LEVELLED, make_trial(1, FASTER, [(5, 0.70), (10, 0.92)])]))
    interval = tables.answer.interval
    assert interval is not None
    assert (interval.low, interval.high) == (pytest.approx(0.5), None)
    assert 0.3 < interval.saves_time < 0.7
    assert "(95 %: from 0.50, open above, since it may not reach it)" in str(tables.answer)


def test_the_first_epoch_that_seems_to_reach_it_is_no_upper_limit() -> None:
    noise = Noise.fitted([flat(0.95)])
    slow = dataclasses.replace(
        flat(0.95), epoch_P=np.arange(1, 5), seconds_SP=np.array([[1.0, 2.0, 3.0, 4.0]]),
        accuracy_SP=np.array([[0.90, 0.9501, 0.9502, 0.99]]),
    )  # fmt: skip
    found = judge_share(slow, flat(0.95, 5.0), noise, Limits())
    assert (found.low, found.high) == (pytest.approx(0.2), pytest.approx(0.4))


def test_one_trial() -> None:
    tables = judged(make_study([LEVELLED]))
    assert tables.answer.interval is None
    assert tables.front["verdict"].tolist() == ["on the front"] * len(tables.front)


def test_no_trial_and_no_epoch() -> None:
    assert judged(make_study([])).evidence is None
    assert judged(make_study([make_trial(0, BASELINE, [], state=Outcome.FAILED)])).evidence is None


def test_no_baseline() -> None:
    tables = judged(make_study([make_trial(0, FASTER, [(5, 0.9)]), make_trial(1, SHARED, [(9, 0.95)])]))
    assert tables.answer.interval is None
    assert len(tables.front) == 2
    assert tables.front["p_front"].between(0.5, 1).all()


def test_constant_accuracy_is_on_the_front_once() -> None:
    trials = [
        make_trial(n, recipe, [(n + 1, 1.0), (n + 2, 1.0)]) for n, recipe in enumerate((BASELINE, FASTER))
    ]
    tables = judged(with_images(make_study(trials)))
    assert tables.front["trial"].tolist() == [0]
    assert tables.front["p_front"].tolist() == [1.0]
    assert tables.front["accuracy_low"][0] < 1
    assert tables.front["accuracy_high"][0] <= 1


def test_a_stopped_run_is_unknown_from_where_it_ended_and_not_bad() -> None:
    stopped = make_trial(1, FASTER, [(1, 0.70)], state=Outcome.STOPPED)
    tables = judged(make_study([LEVELLED, stopped]))
    assert tables.evidence is not None
    assert tables.evidence.points.set_index(["trial", "epoch"]).loc[(1, 1), "verdict"] == "on the front"


def test_fronts_of_whole_runs_have_an_answer_but_no_verdicts() -> None:
    trials = [LEVELLED, make_trial(1, FASTER, [(5, 0.70), (6, 0.99)]), make_trial(2, SMALL_BATCH, [(7, 0.6)])]
    tables = judged(make_study(trials, objectives=["train_flops", "accuracy"]))
    assert tables.answer.interval is not None
    assert tables.front["verdict"].eq("").all()
    assert tables.front["p_front"].isna().all()
    assert tables.evidence is not None
    assert not len(tables.evidence.points)


def test_judging_twice_says_the_same() -> None:
    tables = judged(with_images(make_study([LEVELLED, make_trial(1, FASTER, [(5, 0.70), (10, 0.95)])])))
    again = judged(dataclasses.replace(tables, answer=make_study([LEVELLED]).answer))
    assert tables.front[EVIDENCE_COLUMNS].equals(again.front[EVIDENCE_COLUMNS])


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [("digits-table", 0.18, 0.50), ("mnist-table", 0.33, 0.90), ("mnist-dimensions", 0.05, 0.12)],
)
def test_published_tables_without_images_have_intervals(table: str, low: float, high: float) -> None:
    tables = load_study(ROOT / "results" / table)
    interval = tables.answer.interval
    assert interval is not None
    assert (interval.low, interval.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.06))
    assert tables.front["p_front"].notna().all()
