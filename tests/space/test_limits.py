"""Numbers beyond reason are refused before any array is made, and errors stay short."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

from dse.data.datasets import find_dataset
from dse.errors import DataError, DseError, RecipeError, SpaceError
from dse.recipe.batch_size import AdaBatch, Stage, Stages
from dse.recipe.learning_rate import WarmRestarts
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe, parse_recipe
from dse.space.search_space import SearchSpace
from tests.fakes import SPACE, make_space

MNIST = find_dataset("mnist").shape
HUGE = 10**18

RECIPES: dict[str, tuple[dict[str, Any], str]] = {
    "epochs": ({"epochs": 10**8}, "epochs=100000000: .* less than or equal to 10000"),
    "more epochs": ({"epochs": 10**30}, "epochs=10{30}: .* less than or equal to 10000"),
    "steps": ({"epochs": 10_000, "batch_size": {"schedule": "constant", "size": 1}},
              "epochs: 10,000 epochs of 60,000 images take 600,000,000 steps; at most 10,000,000"),
    "batch": ({"batch_size": {"schedule": "constant", "size": HUGE}}, "batch_size.size=10{18}: .* 1000000"),
    "stage": ({"batch_size": {"schedule": "stages", "stages": [{"epochs": 10**12, "size": 16}]}},
              r"batch_size.stages\[0\].epochs=1000000000000: .* 10000"),
    "period": ({"batch_size": {"schedule": "adabatch", "period": HUGE}}, "batch_size.period=10{18}"),
    "growth": ({"batch_size": {"schedule": "adabatch", "growth": HUGE}}, "batch_size.growth=10{18}"),
    "growth without end": ({"epochs": 10_000, "batch_size": {"schedule": "adabatch", "growth": 1000, "period": 1}},
                           "batch_size: it grows beyond 1,000,000 images"),
    "growing": ({"batch_size": {"schedule": "growing", "growth": 1000, "at": [0.2, 0.4, 0.6, 0.8]}},
                "batch_size: it grows beyond 1,000,000 images"),
    "cycle": ({"learning_rate": {"policy": "warm_restarts", "cycle_epochs": 1e18}}, "cycle_epochs=1e.18: .* 10000"),
    "tiny cycle": ({"epochs": 1000, "learning_rate": {"policy": "warm_restarts", "cycle_epochs": 1e-9}},
                   "cycle_epochs=1e-09 gives more than 10,000 cycles over 469,000 steps"),
    "multiplier": ({"learning_rate": {"policy": "warm_restarts", "cycle_multiplier": 1e300}}, "multiplier=1e.300"),
    "peak": ({"learning_rate": {"policy": "one_cycle", "peak_ratio": 1e300}}, "peak_ratio=1e.300"),
    "decay": ({"learning_rate": {"policy": "exponential_decay", "decay_steps": HUGE**2}}, "decay_steps=10{36}"),
    "warm-up": ({"learning_rate": {"policy": "fixed", "warmup_images": HUGE**2}}, "warmup_images=10{36}"),
    "a long value": ({"epochs": "9" * 100_000}, "epochs='999.*9[.]{3}: Input should be a valid integer"),
    "many errors": ({"batch_size": {"schedule": "growing", "at": [2.0] * 5000}}, r"at\[9\]=2.0: .*; and 4991 more$"),
}  # fmt: skip


@pytest.mark.parametrize("case", RECIPES)
def test_a_recipe_beyond_reason_is_refused_at_once(case: str) -> None:
    content, message = RECIPES[case]
    begin = time.monotonic()
    tracemalloc.start()
    with pytest.raises(RecipeError, match=message) as raised:
        compile_plan(parse_recipe(content, "x.yaml"), MNIST, 60_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6
    assert time.monotonic() - begin < 5
    assert len(str(raised.value)) < 2_500


def test_a_stage_and_a_cycle_that_reach_far_past_the_end_cost_nothing() -> None:
    far = Recipe(
        epochs=2,
        batch_size=Stages(stages=(Stage(epochs=10_000, size=1),)),
        learning_rate=WarmRestarts(cycle_epochs="per_stage"),
    )
    near = far.model_copy(update={"batch_size": Stages(stages=(Stage(epochs=3, size=1),))})
    plan = compile_plan(far, MNIST, 1_000)
    assert plan.total_steps == len(plan.rates) == 2_000
    assert np.ptp(plan.rates) < 1e-6 < np.ptp(compile_plan(near, MNIST, 1_000).rates)


def test_growth_stops_to_be_counted_where_it_is_refused() -> None:
    assert AdaBatch(start=16, growth=2, period=10).stages_over(25) == ((10, 16), (10, 32), (10, 64))
    assert max(size for _, size in AdaBatch(growth=1000, period=1).stages_over(10_000)) == 1_000_001


SPACES: dict[str, tuple[dict[str, Any], str]] = {
    "trials": ({"trials": HUGE}, "trials=10{18}"),
    "seeds": ({"seeds": HUGE}, "seeds=10{18}"),
    "seed": ({"seed": HUGE}, "seed=10{18}"),
    "choices": ({"recipe": {"epochs": {"choices": list(range(1, 2000))}}}, "names 1,999 values; at most 1,000"),
    "combinations": ({"recipe": {"learning_rate": {
        "policy": "one_cycle",
        "base_rate": {"choices": [i / 1000 for i in range(1, 400)]},
        "peak_ratio": {"choices": list(range(1, 400))},
        "final_ratio": {"choices": [i / 1000 for i in range(1, 400)]},
    }}}, "learning_rate has more than 10,000 combinations to check"),
    "a range of epochs": ({"recipe": {"epochs": {"low": 1, "high": HUGE, "integer": True}}}, "epochs=10{18}"),
    "objectives": ({"objectives": ["train_seconds", "accuracy"] * 100}, r"objectives: \[.*\.\.\. names one twice"),
    "a range without end": ({"recipe": {"epochs": {"low": 1, "high": 10**390, "integer": True}}},
                            "epochs.high=10.*but a range needs a finite number"),
    "keys of several types": ({"recipe": {"epochs": {"choices": [1], 1: 2, "a": 3}}}, "unknown key beside choices"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPACES)
def test_a_space_beyond_reason_is_refused_at_once(case: str) -> None:
    content, message = SPACES[case]
    begin = time.monotonic()
    with pytest.raises(DseError, match=message) as raised:
        make_space(**content)
    assert isinstance(raised.value, SpaceError)
    assert time.monotonic() - begin < 5
    assert len(str(raised.value)) < 2_500


def test_images_that_are_not_there_are_named_with_the_space() -> None:
    with pytest.raises(DataError, match="test: data: /nowhere.npz: there is no such file or folder"):
        make_space(data={"path": "/nowhere.npz"})


def test_a_choice_of_one_value_may_be_left_out_of_the_baseline() -> None:
    recipe: dict[str, Any] = {**SPACE["recipe"], "epochs": {"choices": [4]}}  # type: ignore[dict-item]
    space: SearchSpace = make_space(recipe=recipe)
    assert space.baseline_recipe.epochs == 4
    assert space.assignment_of(space.baseline_recipe) == space.baseline_assignment
