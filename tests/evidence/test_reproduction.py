"""The paper's rows beside a study's, with intervals that hold what they say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dse.errors import SpaceError
from dse.evidence.published import COUPLING_COEFFICIENTS, PUBLISHED
from dse.evidence.reproduction import Interval, Verdict, reproduction, welch
from dse.recipe.paper import PAPER_RECIPES, ROWS
from dse.record.objectives import measure
from dse.record.right import Marks, Right
from dse.record.run import Outcome, Run
from dse.record.tables import StudyTables, make_tables
from dse.record.trial import Trial
from dse.space.paper import PaperQuestion
from tests import fakes
from tests.fakes import epoch_row

QUESTION = PaperQuestion(images=10_000, preset="tiny", epochs=3)


def study(
    question: PaperQuestion = QUESTION,
    gain: float = 0.002,
    seconds: float = 0.5,
    spread: float = 0.0005,
    **changes: Any,
) -> StudyTables:
    """A study in which one cycle gains 0.2 points, and has its best epoch in half of the baseline's seconds."""
    space = question.space("again")
    random, trials = np.random.default_rng(0), []
    rows = dict(zip(question.rows, space.points(), strict=True))
    for row in ("baseline", "one_cycle"):
        recipe = space.recipe_of(rows[row])
        for seed in range(question.seeds):
            accuracy, factor = (0.98, 1.0) if row == "baseline" else (0.982, 0.5)
            accuracy = round(accuracy + spread * random.standard_normal(), 4)
            slow = factor * math.exp(0.05 * random.standard_normal())
            curve = [epoch_row(1, slow, accuracy - 0.01), epoch_row(2, 2 * slow, accuracy)]
            curve += [epoch_row(epoch, epoch * slow, accuracy) for epoch in range(3, question.epochs + 1)]
            run = Run(tuple(curve), Outcome.COMPLETE)
            trials.append(Trial(len(trials), recipe, seed, run, measure(run, space.plan(recipe))))
    return make_tables("again", trials, space.dump(), space.baseline_recipe.id, {}, **changes)


def lines_of(tables: StudyTables) -> pd.DataFrame:
    found = reproduction(tables)
    assert found is not None
    return found.rows.set_index(["row", "measure"])


def test_the_published_rows_are_the_papers() -> None:
    mnist = PUBLISHED["mnist"]
    assert set(mnist) == set(PUBLISHED["fashion_mnist"]) == set(ROWS)
    baseline = mnist["baseline"].seconds_to_best
    assert 1 - mnist["warm_ada_batch"].seconds_to_best / baseline == pytest.approx(0.724, abs=1e-3)
    assert 1 - mnist["exponential_decay"].seconds_to_best / baseline == pytest.approx(0.586, abs=1e-3)


def test_at_the_papers_scale_its_recipes_and_parameters_are_trained() -> None:
    space = PaperQuestion().space("paper")
    recipes = [space.recipe_of(point) for point in space.points()]
    assert [recipe.id for recipe in recipes] == [PAPER_RECIPES[f"paper/{row}"].id for row in ROWS]
    assert [space.plan(recipe).parameters for recipe in recipes] == [
        (PUBLISHED["mnist"][row].parameters or 0) - COUPLING_COEFFICIENTS for row in ROWS
    ]
    assert (space.trials, space.seeds, space.baseline_recipe.id) == (40, 5, recipes[0].id)


def test_fewer_images_leave_the_decay_of_an_epoch_as_it_is() -> None:
    full, fewer = PaperQuestion().space("a"), PaperQuestion(images=6_000).space("b")
    steps = [
        next(r for r in map(space.recipe_of, space.points()) if r.learning_rate.policy == "exponential_decay")
        for space in (full, fewer)
    ]
    assert [recipe.learning_rate.decay_steps for recipe in steps] == [4000, 400]


def test_an_unknown_row_is_refused_by_name() -> None:
    with pytest.raises(
        SpaceError, match=r"the row 'two_cycles' is not the paper's\. Choose from baseline, expon"
    ):
        PaperQuestion(rows=["two_cycles"]).space("again")


def test_welch_is_scipys() -> None:
    random = np.random.default_rng(1)
    ours, baseline = random.normal(1, 2, 5), random.normal(0, 1, 4)
    expected = stats.ttest_ind(ours, baseline, equal_var=False).confidence_interval(0.95)
    found = welch(ours, baseline)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.6, 0.5, 0.9), Verdict.REPRODUCED),
        ((0.6, 0.5, 1.1), Verdict.WITHIN_NOISE),
        ((0.9, 0.85, 0.95), Verdict.NOT_REPRODUCED),
        ((0.6, math.nan, math.nan), None),
    ],
)
def test_a_verdict_needs_the_papers_value_and_an_effect(
    interval: tuple[float, float, float], verdict: Verdict | None
) -> None:
    assert Interval(*interval).verdict(paper=0.8, no_effect=1.0) is verdict


def test_effects_are_judged_against_the_baseline_beside_them() -> None:
    lines = lines_of(study())
    time = lines.loc["one_cycle", "time_to_best"]
    assert time["paper"] == 24 / 29
    assert time["low"] < 0.5 < time["high"] < 0.6
    assert time["verdict"] == "not reproduced"
    gain = lines.loc["one_cycle", "accuracy_gain"]
    assert gain["paper"] == pytest.approx(0.00018)
    assert gain["low"] < 0.002 < gain["high"]
    assert gain["verdict"] == "within noise"
    assert "time_to_best" not in lines.loc["baseline"].index


def test_a_scaled_down_question_says_so_and_judges_no_absolute_number() -> None:
    found = reproduction(study())
    assert found is not None
    assert found.scale == (
        "the network (tiny) and the training images (10,000 of 60,000) and the length (3 of 30 epochs)"
    )
    assert set(found.rows.query("measure in ('accuracy', 'parameters')")["verdict"]) == {""}


def test_the_same_images_make_a_gain_more_exact() -> None:
    def right(wrong: int) -> Right:
        return Right(None, Marks.of(np.arange(10_000) >= wrong))

    def read(numbers: Any) -> dict[tuple[int, int], Right]:
        return {(number, 2): right(200 if number < 5 else 180) for number in numbers}

    def width(tables: StudyTables) -> float:
        gain = lines_of(tables).loc["one_cycle", "accuracy_gain"]
        return float(gain["high"] - gain["low"])

    assert width(study(spread=0, right=read)) < 0.6 * width(study(spread=0))


def test_one_seed_has_no_verdict() -> None:
    lines = lines_of(study(PaperQuestion(images=10_000, preset="tiny", epochs=3, seeds=1)))
    assert set(lines["verdict"]) == {""}
    assert lines.loc["one_cycle", "time_to_best"]["low"] != lines.loc["one_cycle", "time_to_best"]["low"]


def test_a_study_without_the_papers_rows_reproduces_nothing() -> None:
    assert reproduction(fakes.realistic_study()) is None
    alone = study(PaperQuestion(rows=["baseline", "one_cycle"], images=10_000, preset="tiny", epochs=3))
    assert reproduction(alone) is not None


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    random, held = np.random.default_rng(2), 0
    for _ in range(2_000):
        found = welch(random.normal(0.3, 1, 5), random.normal(0, 0.5, 5))
        held += found.low <= 0.3 <= found.high
    assert held / 2_000 == pytest.approx(0.95, abs=0.02)
