"""Claims of a published front, held against fresh runs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dse.errors import StudyError
from dse.evidence.verification import (
    BETWEEN_CALIBRATIONS,
    Claim,
    Found,
    Spread,
    accuracy_spread,
    draw_claims,
    judge,
    verdict_text,
)
from dse.recipe.recipe import Recipe
from tests.evidence.test_reproduction import study

CLAIM = Claim(3, Recipe(), 2, 0.98, 4, Spread(0.001, 10), 0.25, 0.01)


def found(accuracy: float, time_ratio: float = 0.25) -> Found:
    return Found((accuracy,), time_ratio, 0.01)


def test_claims_are_points_of_the_front_with_what_is_known_of_their_noise() -> None:
    tables = study()
    claims = draw_claims(tables, 9, seed=0)
    assert {(claim.recipe.id, claim.epoch) for claim in claims} == {
        (row.recipe_id, row.epoch) for row in tables.front.itertuples() if "one cycle" in row.label
    }
    claim = claims[-1]
    assert claim.seeds == 5
    assert claim.spread is not None
    assert claim.spread.freedom == 8  # both recipes have about as many errors
    assert claim.time_ratio == pytest.approx(2 / 3 * 0.5, rel=0.1)


def test_the_same_seed_draws_the_same_claims() -> None:
    tables = study()
    assert draw_claims(tables, 1, seed=1) == draw_claims(tables, 1, seed=1)


def test_a_study_without_a_front_but_the_baselines_has_nothing_to_verify() -> None:
    tables = study()
    baseline = set(tables.trials.loc[tables.trials["is_baseline"], "recipe_id"])
    alone = replace(tables, front=tables.front[tables.front["recipe_id"].isin(baseline)])
    with pytest.raises(StudyError, match="no recipe but the baseline is on its front"):
        draw_claims(alone, 3, seed=0)


def test_only_recipes_with_about_as_many_errors_tell_the_spread() -> None:
    points = pd.DataFrame(
        {
            "recipe_id": ["a", "a", "b", "c"],
            "accuracy": [0.98, 0.981, 0.5, 0.98],
            "accuracy_sd": [0.001, 0.003, 0.2, math.nan],
            "seeds": [3, 3, 5, 1],
        }
    )
    spread = accuracy_spread(points, 0.985)
    assert spread is not None
    assert spread.freedom == 2
    assert spread.deviation == pytest.approx(math.sqrt((0.001**2 + 0.003**2) / 2))
    assert accuracy_spread(points, 0.9999) is None


@pytest.mark.parametrize(
    ("here", "accuracy_holds", "time_holds"),
    [
        (found(0.98), True, True),
        (found(0.99), True, True),
        (found(0.97), False, True),
        (found(0.98, 0.3), True, False),
        (found(0.98, 0.2), True, False),
    ],
)
def test_a_claim_holds_within_what_noise_explains(
    here: Found, accuracy_holds: bool, time_holds: bool
) -> None:
    check = judge(CLAIM, here, checks=2)
    assert (check.accuracy_holds, check.time_holds) == (accuracy_holds, time_holds)
    assert check.holds == (accuracy_holds and time_holds)


def test_what_nothing_is_known_of_is_not_judged() -> None:
    check = judge(replace(CLAIM, spread=None, time_error=None), found(0.5, 9.0), checks=2)
    assert (check.accuracy_holds, check.time_holds, check.holds) == (None, None, True)
    assert verdict_text([check]).startswith("Nothing can be said")
    assert (
        verdict_text([judge(CLAIM, found(0.5), 2), check])
        == "0 of 1 accuracies hold and 1 of 1 time ratios hold."
    )


def test_a_sound_study_passes_as_often_as_is_said() -> None:
    random, passed, checks = np.random.default_rng(0), 0, 6
    error = math.hypot(0.01, BETWEEN_CALIBRATIONS)
    for _ in range(2_000):
        sd, freedom, seeds = 0.002, 12, 3
        seen = sd * math.sqrt(random.chisquare(freedom) / freedom)
        holds = True
        for _ in range(checks // 2):
            claim = replace(
                CLAIM,
                accuracy=0.98 + sd / math.sqrt(seeds) * random.standard_normal(),
                seeds=seeds,
                spread=Spread(seen, freedom),
                time_ratio=0.25 * math.exp(error * random.standard_normal()),
            )
            here = found(
                0.98 + sd * random.standard_normal(), 0.25 * math.exp(error * random.standard_normal())
            )
            holds &= judge(claim, here, checks).holds
        passed += holds
    assert passed / 2_000 == pytest.approx(0.95, abs=0.02)
