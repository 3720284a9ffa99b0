"""The answer: time to the baseline's best accuracy, what it says where there is none, and its caveats."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.record.answer import Answer
from dse.record.run import Outcome
from dse.study.load import load_study
from tests.fakes import BASELINE, FASTER, SHARED, SMALL_BATCH, make_study, make_trial

ROOT = Path(__file__).resolve().parents[2]
LEVELLED = make_trial(0, BASELINE, [(10, 0.80), (20, 0.92), (30, 0.90)])


def answer_of(*trials: object, **space: object) -> Answer:
    return make_study(list(trials), **space).answer


def test_the_baselines_time_is_that_to_its_best_accuracy_not_of_its_whole_run() -> None:
    answer = answer_of(LEVELLED, make_trial(1, FASTER, [(5, 0.70), (10, 0.95)]))
    assert answer.share == pytest.approx(10 / 20)
    assert str(answer) == (
        f"The same accuracy in 0.50 of the time: {FASTER.label} reaches 95.00 % after 10.0 s in epoch 2, "
        "the baseline its best, 92.00 % after 20.0 s in epoch 2."
    )
    assert answer.as_dict()["fastest"]["epoch"] == 2
    assert answer.as_dict()["share"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("table", "share", "seeds"),
    [("digits-table", 0.209, 3), ("mnist-table", 0.390, 2), ("mnist-dimensions", 0.057, 3)],
)
def test_the_published_tables(table: str, share: float, seeds: int) -> None:
    answer = load_study(ROOT / "results" / table).answer
    assert answer.share == pytest.approx(share, abs=0.0005)
    assert answer.fastest is not None
    assert answer.fastest.seeds == seeds
    assert any("best epoch is its last" in caveat for caveat in answer.caveats)


@pytest.mark.parametrize(
    ("table", "share", "low", "high"),
    [("mnist-answer", 0.097, 0.06, 0.13), ("mnist-paper-small", 0.643, 0.57, 0.71)],
)
def test_the_published_answers_have_their_intervals(
    table: str, share: float, low: float, high: float
) -> None:
    answer = load_study(ROOT / "results" / table).answer
    assert answer.share == pytest.approx(share, abs=0.0005)
    assert answer.interval is not None
    assert (answer.interval.low, answer.interval.high) == pytest.approx((low, high), abs=0.005)
    assert answer.interval.saves_time > 0.95


def test_one_lucky_seed_does_not_stand_for_its_recipe() -> None:
    lucky = [
        make_trial(1 + seed, FASTER, [(5, accuracy)], seed=seed)
        for seed, accuracy in enumerate((0.97, 0.81, 0.80))
    ]
    assert answer_of(LEVELLED, lucky[0]).share == pytest.approx(0.25)
    assert answer_of(LEVELLED, *lucky).share is None


def test_means_over_seeds_are_compared() -> None:
    answer = answer_of(
        LEVELLED,
        make_trial(1, BASELINE, [(10, 0.80), (24, 0.96), (36, 0.90)], seed=1),
        make_trial(2, SMALL_BATCH, [(9, 0.93)], seed=0),
        make_trial(3, SMALL_BATCH, [(13, 0.97)], seed=1),
    )
    assert answer.share == pytest.approx(11 / 22)
    assert "Means over 2 seeds of the recipe and 2 seeds of the baseline." in answer.caveats


def test_of_recipes_that_are_as_fast_the_more_accurate_is_named() -> None:
    later = make_trial(2, SHARED, [(5, 0.95)])
    answer = answer_of(LEVELLED, make_trial(1, FASTER, [(5, 0.93)]), later)
    assert answer.fastest is not None
    assert answer.fastest.trial == 2
    answer = answer_of(LEVELLED, make_trial(1, FASTER, [(5, 0.95)]), later)
    assert answer.fastest is not None
    assert answer.fastest.trial == 1, "the earlier one"


@settings(max_examples=30)
@given(
    st.lists(
        st.lists(st.tuples(st.floats(0.5, 9), st.floats(0, 1)), min_size=1, max_size=4),
        min_size=1,
        max_size=3,
    )
)
def test_the_answer_agrees_with_brute_force(curves: list[list[tuple[float, float]]]) -> None:
    recipes = [BASELINE, FASTER, SHARED]
    runs = []
    for number, steps in enumerate(curves):
        clock, curve = 0.0, []
        for seconds, accuracy in steps:
            clock += seconds
            curve.append((clock, accuracy))
        runs.append(make_trial(number, recipes[number], curve))
    best = max(accuracy for _, accuracy in [(r.train_seconds, r.accuracy) for r in runs[0].run.curve])
    own = min(row.train_seconds for row in runs[0].run.curve if row.accuracy >= best - 1e-9)
    times = [row.train_seconds for run in runs[1:] for row in run.run.curve if row.accuracy >= best - 1e-9]
    answer = answer_of(*runs)
    if times and min(times) < own:
        assert answer.share == pytest.approx(min(times) / own)
    else:
        assert answer.share is None


def test_an_accuracy_that_nobody_reaches() -> None:
    answer = answer_of(LEVELLED, make_trial(1, FASTER, [(5, 0.7)]))
    assert answer.share is None
    assert (
        str(answer)
        == "No other recipe reaches the baseline's best accuracy (92.00 % after 20.0 s in epoch 2)."
    )
    later = answer_of(LEVELLED, make_trial(1, FASTER, [(25, 0.95)]))
    assert str(later).endswith("(92.00 % after 20.0 s in epoch 2) in less time.")


def test_what_an_answer_lacks() -> None:
    assert str(answer_of()) == "No answer yet: no epoch of any trial is trained."
    lost = make_trial(0, BASELINE, [(10, 0.8)], state=Outcome.INTERRUPTED, reason="interrupted")
    other = make_trial(1, FASTER, [(5, 0.9)])
    assert str(answer_of(lost, other)) == (
        "No answer yet: no trial of the baseline is complete, and every recipe is compared with it."
    )
    assert answer_of(lost, other).as_dict()["share"] is None
    assert "Only the baseline is trained so far" in str(answer_of(LEVELLED))


def test_a_baseline_that_was_still_rising_is_said_so() -> None:
    rising = make_trial(0, BASELINE, [(10, 0.80), (20, 0.92)])
    one_epoch = make_trial(0, BASELINE, [(10, 0.80)])
    assert (
        "The baseline's best epoch is its last (2 of 2): it may still have been rising. Train it longer."
        in (answer_of(rising).caveats)
    )
    assert any("its last (1 of 1)" in caveat for caveat in answer_of(one_epoch).caveats)
    assert not any("its last" in caveat for caveat in answer_of(LEVELLED).caveats)


def test_caveats_of_noise_seeds_and_choice() -> None:
    trials = LEVELLED, make_trial(1, FASTER, [(5, 0.95)])
    assert answer_of(*trials).caveats == (
        "An accuracy of 92.00 % on 200 images has a standard error of 1.92 points; smaller differences are within "
        "noise.",
        "Recipe and baseline were trained with a single seed each; another seed gives another curve.",
        "It was picked from 2 recipes by validation accuracy; on the test set, which chose nothing, it has 94.00 %, "
        "the baseline 91.00 %.",
    )
    paper = answer_of(*trials, protocol="paper").caveats
    assert "The test set chose each best epoch (protocol paper), so accuracies are optimistic." in paper
    assert not any("picked" in caveat for caveat in paper)
    unknown = answer_of(*trials, data=None).caveats
    assert any("is not recorded" in caveat for caveat in unknown)
