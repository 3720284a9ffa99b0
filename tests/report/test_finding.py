"""The finding says no more than the data carry."""

from __future__ import annotations

import pytest

from dse.recipe.recipe import Recipe
from dse.record.tables import StudyTables
from dse.record.trial import Trial, TrialState
from dse.report.finding import find
from dse.report.noise import accuracy_noise
from tests.fakes import BASELINE, FASTER, SHARED, SMALL_BATCH, make_study, make_trial


def base(accuracy: float = 0.95, seconds: float = 20) -> Trial:
    return make_trial(0, BASELINE, [(seconds / 2, 0.5), (seconds, accuracy)])


def other(accuracy: float, seconds: float, number: int = 1, recipe: Recipe = FASTER) -> Trial:
    return make_trial(number, recipe, [(seconds / 2, 0.5), (seconds, accuracy)])


@pytest.mark.parametrize(
    ("trials", "sentence"),
    [
        ([], "The study has no trials yet."),
        (
            [make_trial(0, BASELINE, [], state=TrialState.FAILED, reason="x")],
            "No trial is complete: 1 failed.",
        ),
        ([base()], "Only the baseline is complete, so there is nothing to compare it with yet."),
        (
            [base(), other(0.955, 8.2)],
            "Trial 1 reaches the baseline's accuracy in 0.41 of its time "
            "(95.50 % against 95.00 %, 8.20 s against 20.0 s).",
        ),
        (
            [base(), other(0.99, 8.2)],
            "Trial 1 beats the baseline's accuracy by +4.00 points in 0.41 of its time "
            "(99.00 % against 95.00 %, 8.20 s against 20.0 s).",
        ),
        (
            [base(), other(0.94, 10)],
            "No trial reaches the baseline's accuracy in less time; trial 1 misses it by 1.00 points, within noise, "
            "in 0.50 of its time (94.00 % against 95.00 %, 10.0 s against 20.0 s).",
        ),
        (
            [base(), other(0.90, 10), other(0.99, 40, 2, SMALL_BATCH)],
            "No trial reaches the baseline's accuracy in less time (95.00 % in 20.0 s).",
        ),
        (
            [other(0.90, 10), other(0.99, 40, 2, SMALL_BATCH)],
            "The front runs from trial 1 (10.0 s, 90.00 %) to trial 2 (40.0 s, 99.00 %); no baseline trial is "
            "complete, so nothing is compared.",
        ),
        (
            [other(0.99, 10), other(0.90, 40, 2, SHARED)],
            "Trial 1 is best in both train seconds (10.0 s) and accuracy (99.00 %); no baseline trial is complete, "
            "so nothing is compared.",
        ),
    ],
)
def test_the_sentence(trials: list[Trial], sentence: str) -> None:
    assert find(make_study(trials)).sentence == sentence


def test_of_several_that_reach_the_accuracy_the_fastest_is_told() -> None:
    finding = find(make_study([base(), other(0.99, 12), other(0.96, 9, 2, SHARED)]))
    assert finding.trial == 2


def test_caveats_tell_noise_seeds_and_the_test_set(small_study: StudyTables) -> None:
    caveats = find(small_study).caveats
    assert caveats == (
        "An accuracy of 93.00 % on 200 images has a standard error of 1.80 points; smaller differences are within "
        "noise.",
        "The recipe of trial 2 was trained with 1 seed, the baseline with 2 seeds.",
        "It was picked from 5 trials by validation accuracy; on the test set, which chose nothing, it has 96.00 %, "
        "the baseline 92.00 %.",
    )


def test_under_protocol_paper_the_caveats_say_that_the_test_set_chose() -> None:
    trials = [
        make_trial(0, BASELINE, [(10, 0.9)], validation=False),
        make_trial(1, FASTER, [(5, 0.95)], validation=False),
    ]
    tables = make_study(trials, protocol="paper")
    caveats = " ".join(find(tables).caveats)
    assert "on 397 images" in caveats
    assert "The test set chose each best epoch (protocol paper)" in caveats
    assert "chose nothing" not in caveats


@pytest.mark.parametrize("data", [None, {}, {"name": "unheard of"}, {"name": "digits", "images": 10**9}])
def test_noise_is_unknown_where_the_images_are(data: object) -> None:
    tables = make_study([base(), other(0.94, 10)], data=data)
    assert accuracy_noise(tables, 0.9) is None
    assert "noise is unknown" in find(tables).caveats[0]
    assert "within noise" not in find(tables).sentence
