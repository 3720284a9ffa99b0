"""Which optimizers and means a recipe may have, and the arrays that a plan makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dse.data.datasets import MNIST_SHAPE
from dse.errors import RecipeError
from dse.recipe.averaging import ExponentialAveraging
from dse.recipe.optimizer import ScheduleFree
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe, parse_recipe

FREE = {"optimizer": {"name": "schedule_free"}}
MEAN = {"averaging": {"name": "exponential"}}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (FREE | {"learning_rate": {"policy": "one_cycle"}}, "schedule_free averages .*, and one_cycle would"),
        (FREE | {"batch_size": {"schedule": "seesaw"}}, "schedule_free averages .*, and seesaw would"),
        (FREE | MEAN, "averaging: schedule_free is evaluated at an average already. Leave averaging out"),
        (
            FREE | {"model": {"name": "efficient_capsnet"}},
            "weights that no batch has passed through, and efficient_capsnet would normalise",
        ),
        (MEAN | {"averaging": {"name": "exponential", "half_life": 0.0}}, "half_life=0.0: .* greater than 0"),
        ({"optimizer": {"name": "adam", "beta2": 1.0}}, "optimizer.beta2=1.0: .* less than 1"),
        ({"optimizer": {"name": "schedule_free", "beta1": 0.0}}, "optimizer.beta1=0.0: .* greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(content: dict[str, Any], expected: str) -> None:
    with pytest.raises(RecipeError, match=f"^test: .*{expected}"):
        parse_recipe(content, "test")


def test_schedule_free_may_warm_up_and_means_go_with_running_means() -> None:
    warm = parse_recipe(FREE | {"learning_rate": {"policy": "fixed", "warmup_images": 3200}}, "test")
    assert warm.label.endswith("warm-up 3,200 images · schedule-free Adam")
    mean = parse_recipe(MEAN | {"model": {"name": "efficient_capsnet"}}, "test")
    assert mean.label.endswith("averaged over 0.05 of the images")


def test_a_plan_without_a_mean_has_no_shares() -> None:
    assert compile_plan(Recipe(), MNIST_SHAPE, 1000).average_shares is None


def test_shares_follow_the_images_seen_and_start_with_all() -> None:
    recipe = Recipe(epochs=3, averaging=ExponentialAveraging(half_life=0.1))
    plan = compile_plan(recipe, MNIST_SHAPE, 1000)
    seen = [128 * step for step in range(1, 8)] + [1000]
    images_seen = np.array([1000 * epoch + after for epoch in range(3) for after in seen])
    shares = plan.average_shares
    assert shares == pytest.approx(recipe.averaging.average_shares(images_seen))
    assert shares[0] == 1
    assert (shares > 0).all()
    assert (shares[1:] < 1).all()
    # Late, when the start no longer counts, a step of 104 images counts as it must: half within 300.
    assert shares[-1] == pytest.approx(1 - 0.5 ** (104 / 300), rel=1e-3)


def test_schedule_free_weighs_by_the_square_of_the_highest_rate_so_far() -> None:
    warm = {"policy": "fixed", "base_rate": 0.01, "warmup_images": 512}
    recipe = parse_recipe(FREE | {"learning_rate": warm, "epochs": 1}, "test")
    plan = compile_plan(recipe, MNIST_SHAPE, 1000)
    weights = np.array([1, 4, 9, 16, 16, 16, 16, 16])
    assert plan.average_shares == pytest.approx(weights / weights.cumsum())
    assert recipe.average_shares(plan.rates, plan.rates) == pytest.approx(plan.average_shares)
    assert ScheduleFree(beta1=0.8, beta2=0.99).label == "schedule-free Adam, betas 0.8 / 0.99"
