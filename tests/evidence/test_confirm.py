"""Which recipe gets the next fresh seed: the answer's first, then what decides most a second; none at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from dse.evidence.confirm import Aim, next_run
from dse.evidence.sample import Studied
from dse.recipe.learning_rate import Fixed
from dse.recipe.recipe import Recipe
from dse.record.answer import complete_runs, find_answer
from dse.record.courses import by_course
from dse.record.right import no_right
from dse.record.run import Outcome
from dse.record.trial import CONFIRM, Trial
from tests.fakes import BASELINE, TINY, make_trial

SLOW, FAST = (
    Recipe(model=TINY, epochs=5, learning_rate=Fixed(base_rate=0.01)),
    Recipe(model=TINY, epochs=5, learning_rate=Fixed(base_rate=0.02)),
)
CLOSE = Recipe(model=TINY, epochs=5, learning_rate=Fixed(base_rate=0.03))
LONGER = BASELINE.model_copy(update={"epochs": 9})
CURVES = ("train_seconds", "accuracy")
FEW = Aim(draws=400)


class Lab:
    """Recipes whose mean curves are known, and what was trained of them."""

    def __init__(self, means: dict[str, tuple[Recipe, float, Sequence[float]]], sd: float = 0.004) -> None:
        self.means, self.sd = means, sd
        self.rng = np.random.default_rng(0)
        self.trials: list[Trial] = []
        for recipe, _, _ in means.values():
            self.train(recipe.id, "explore")

    def train(self, recipe_id: str, purpose: str = CONFIRM) -> None:
        recipe, seconds, accuracies = self.means[recipe_id]
        deviations = self.sd * self.rng.standard_normal() + self.sd / 3 * self.rng.standard_normal(
            len(accuracies)
        )
        epochs = [
            (seconds * (e + 1), float(np.clip(accuracy + d, 0, 1)))
            for e, (accuracy, d) in enumerate(zip(accuracies, deviations, strict=True))
        ]
        trial = make_trial(len(self.trials), recipe, epochs, seed=len(self.trials))
        self.trials.append(
            trial.__class__(**{f: getattr(trial, f) for f in trial.__slots__} | {"purpose": purpose})
        )

    @property
    def fresh(self) -> Counter[str]:
        return Counter(trial.recipe.id for trial in self.trials if trial.purpose == CONFIRM)

    @property
    def studied(self) -> Studied:
        recipes, baseline = by_course(self.trials, CURVES), complete_runs(self.trials, BASELINE.id)
        answer = find_answer(recipes, baseline)
        return Studied(
            recipes, baseline, answer, ("train_seconds", "accuracy"), None, no_right, calibrated=False
        )

    def confirm(self, aim: Aim = FEW, most: int = 40) -> str:
        for _ in range(most):
            found = next_run(self.studied, self.fresh, aim)
            if found.recipe_id is None:
                return found.open
            self.train(found.recipe_id)
        return found.open


def lab(*others: tuple[Recipe, float, Sequence[float]], sd: float = 0.004) -> Lab:
    known = [(BASELINE, 10.0, (0.80, 0.90, 0.95)), *others]
    return Lab({each[0].id: each for each in known}, sd)


def test_the_answers_recipe_and_the_baseline_come_first() -> None:
    study = lab((FAST, 2.0, (0.90, 0.97)), (SLOW, 30.0, (0.7, 0.8)))
    first = []
    for _ in range(4):
        found = next_run(study.studied, study.fresh, FEW)
        assert found.recipe_id is not None
        assert "The answer is open: its recipe and the baseline have" in found.open
        first.append(found.recipe_id)
        study.train(found.recipe_id)
    assert Counter(first) == {BASELINE.id: 2, FAST.id: 2}


def test_the_answer_may_be_asked_for_more_runs_first() -> None:
    study = lab((FAST, 2.0, (0.90, 0.97)), (SLOW, 30.0, (0.7, 0.8)))
    for _ in range(8):
        study.train(str(next_run(study.studied, study.fresh, Aim(fewest=4, draws=400)).recipe_id))
    assert study.fresh == Counter({BASELINE.id: 4, FAST.id: 4})


def test_it_ends_when_nothing_is_open_and_leaves_what_decides_nothing_alone() -> None:
    study = lab((FAST, 2.0, (0.90, 0.97)), (SLOW, 30.0, (0.7, 0.8)))
    assert study.confirm() == "Nothing is open at 90 % that more seeds settle."
    assert study.fresh[SLOW.id] == 0
    assert sum(study.fresh.values()) < 10


def test_a_baseline_that_begins_another_recipe_is_confirmed_by_its_own_runs() -> None:
    study = lab((LONGER, 10.0, (0.80, 0.90, 0.95, 0.95, 0.95, 0.96)), (FAST, 2.0, (0.90, 0.97)))
    assert BASELINE.id not in study.studied.recipes
    assert study.confirm(Aim(width=0.01, draws=400), most=8)
    assert study.fresh[BASELINE.id] >= 2
    assert study.studied.answer.fastest is not None
    assert study.studied.answer.fastest.recipe_id == FAST.id


def test_recipes_that_are_close_get_more_seeds_than_those_that_are_not() -> None:
    study = lab((FAST, 2.0, (0.70, 0.972)), (CLOSE, 1.99, (0.70, 0.970)), (SLOW, 5.0, (0.70, 0.990)))
    study.confirm(Aim(margin=0.0005, draws=400), most=20)
    assert min(study.fresh[FAST.id], study.fresh[CLOSE.id]) > 2 * study.fresh[SLOW.id]


def test_equally_good_recipes_end_as_tied() -> None:
    study = lab((FAST, 2.0, (0.90, 0.970)), (CLOSE, 1.9, (0.85, 0.970)))
    said = study.confirm(Aim(margin=0.01, draws=400))
    assert said == "Nothing is open at 90 % that more seeds settle."


def test_what_only_more_images_settle_is_given_up() -> None:
    study = lab((FAST, 2.0, (0.90, 0.975)), (CLOSE, 1.9, (0.85, 0.970)), sd=0.001)
    known = study.studied
    few_images = Studied(
        known.recipes, known.baseline, known.answer, known.objectives, 100, known.right, calibrated=False
    )
    fresh = Counter(dict.fromkeys(study.means, 3))
    found = next_run(few_images, fresh, Aim(margin=0.001, draws=400))
    assert found.recipe_id is None
    assert "More seeds cannot settle" in found.open
    assert "that takes more images" in found.open


def test_the_answer_is_open_until_its_interval_is_narrow_enough() -> None:
    study = lab((FAST, 2.0, (0.90, 0.951, 0.955, 0.96, 0.97)), sd=0.006)
    for _ in range(4):
        found = next_run(study.studied, study.fresh, FEW)
        study.train(str(found.recipe_id))
    wide = next_run(study.studied, study.fresh, Aim(width=0.01, draws=400))
    assert wide.recipe_id in (BASELINE.id, FAST.id)
    assert "The answer is open: in 90 %: " in wide.open


def test_without_a_complete_baseline_nothing_is_decided() -> None:
    trials = [make_trial(0, BASELINE, [(1, 0.5)], state=Outcome.FAILED), make_trial(1, FAST, [(1, 0.9)])]
    recipes = by_course(trials, CURVES)
    known = Studied(
        recipes,
        None,
        find_answer(recipes, None),
        ("train_seconds", "accuracy"),
        None,
        no_right,
        calibrated=False,
    )
    assert next_run(known, {}, FEW).recipe_id is None


def test_where_no_recipe_reaches_the_baseline_the_front_is_confirmed() -> None:
    study = lab((FAST, 2.0, (0.90, 0.92)))
    assert study.studied.answer.fastest is None
    assert study.confirm() == "Nothing is open at 90 % that more seeds settle."
    assert study.fresh[FAST.id] > 0


@pytest.mark.parametrize("purpose", ["explore", CONFIRM])
def test_a_recipe_with_fresh_runs_is_judged_by_these_alone(purpose: str) -> None:
    study = lab((FAST, 2.0, (0.90, 0.97)))
    study.train(FAST.id, purpose)
    study.train(FAST.id, purpose)
    runs = study.studied.recipes[FAST.id]
    assert (runs.seeds, runs.fresh_E.all()) == ((2, True) if purpose == CONFIRM else (3, False))
