"""Ranks of recipes."""

from __future__ import annotations

import pytest

from dse.record.tables import StudyTables
from dse.report.ranks import recipe_ranks
from tests.fakes import BASELINE, FASTER, SHARED, make_study, make_trial
from tests.fakes import realistic_study as realistic


def test_a_recipe_has_the_rank_of_its_best_point() -> None:
    tables = make_study(
        [
            make_trial(0, FASTER, [(5, 0.90), (10, 0.95)]),
            make_trial(1, BASELINE, [(4, 0.80), (20, 0.94)]),
            make_trial(2, SHARED, [(6, 0.70), (12, 0.949)]),
        ]
    )
    assert recipe_ranks(tables).to_dict() == {FASTER.id: 1, BASELINE.id: 1, SHARED.id: 2}


@pytest.mark.parametrize(
    "objectives", [["train_seconds", "accuracy"], ["accuracy", "train_flops", "parameters"]]
)
def test_rank_one_is_the_front(objectives: list[str]) -> None:
    tables: StudyTables = realistic(40, objectives=objectives)
    ranks = recipe_ranks(tables)
    assert set(ranks.index[ranks == 1]) == set(tables.front["recipe_id"])
    assert ranks.max() > 3
