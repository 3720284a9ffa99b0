"""Every policy's rate at every step, by the paper's formulas, and within its bounds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.data.datasets import find_dataset
from dse.errors import RecipeError
from dse.recipe.conformance import check_policy
from dse.recipe.learning_rate import (
    POLICIES,
    ExponentialDecay,
    Policy,
    Timeline,
    WarmRestarts,
)
from dse.recipe.paper import PAPER_RECIPES, paper_recipe
from dse.recipe.plan import compile_plan
from tests.recipe.drawn import one_of

MNIST = find_dataset("mnist").shape
R = 0.001


def rates_of(name: str) -> np.ndarray:
    return compile_plan(paper_recipe(name), MNIST, images=60_000).rates


def one_cycle(s: int, total: int) -> float:
    p = s / total
    if p <= 0.45:
        return R + 9 * R * p / 0.45
    if p <= 0.9:
        return 10 * R - 9 * R * (p - 0.45) / 0.45
    return R - 0.9 * R * (p - 0.9) / 0.1


def cosine(t: int, length: int) -> float:
    return R + (10 * R - R) / 2 * (1 + math.cos(math.pi * t / length))


BASELINE_STEPS = 30 * 469
FIRST, SECOND = 3 * 60_000, 97 * 3_750
FORMULAS = {
    "baseline": lambda s: R,
    "adabatch": lambda s: R,
    "weight_sharing": lambda s: R,
    "exponential_decay": lambda s: R * 0.96 ** (s / 4000),
    "one_cycle": lambda s: one_cycle(s, BASELINE_STEPS),
    "warm_restarts": lambda s: cosine(s % 4690, 4690),
    "warm_ada_batch": lambda s: cosine(s, FIRST) if s < FIRST else cosine(s - FIRST, SECOND),
}
FORMULAS["warm_ada_batch_weight_sharing"] = FORMULAS["warm_ada_batch"]
FORMULAS |= {f"lenet5_{name}": FORMULAS[name] for name in
             ("baseline", "exponential_decay", "one_cycle", "warm_restarts", "adabatch")}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_every_rate_of_the_named_recipes(name: str) -> None:
    rates = rates_of(f"paper/{name}")
    expected = np.array([FORMULAS[name](step) for step in range(len(rates))])
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


def test_every_named_recipe_has_a_formula() -> None:
    assert {f"paper/{name}" for name in FORMULAS} == set(PAPER_RECIPES)


def test_staircase_keeps_the_rate_between_two_decays() -> None:
    rates = ExponentialDecay(staircase=True).rates(Timeline((9000,), (9000,)))
    assert set(np.round(rates / R, 12)) == {1.0, 0.96, 0.9216}
    assert rates[3999] == R
    assert rates[4000] == R * 0.96


def test_cycles_grow_by_the_multiplier() -> None:
    policy = WarmRestarts(cycle_epochs=1, cycle_multiplier=2)
    assert policy.cycle_steps(Timeline((10,) * 7, (70,))) == [10, 20, 40]


def test_a_cycle_may_cross_batch_sizes_and_ends_at_an_epoch() -> None:
    policy = WarmRestarts(cycle_epochs=2)
    rates = policy.rates(Timeline((100, 10, 10, 10), (100, 30)))
    assert rates[0] == rates[110] == pytest.approx(10 * R)
    assert rates[109] == pytest.approx(cosine(109, 110))


policies = one_of(POLICIES)
stages = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 50)), min_size=1, max_size=4)


@given(policy=policies, stages=stages)
def test_a_policy_conforms(policy: Policy, stages: list[tuple[int, int]]) -> None:
    epoch_steps = tuple(steps for epochs, steps in stages for _ in range(epochs))
    check_policy(policy, [Timeline(epoch_steps, tuple(epochs * steps for epochs, steps in stages))])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0, -0.1, 1.5, "0.1", True])
@pytest.mark.parametrize("policy", POLICIES.values())
def test_a_rate_must_be_a_number_in_its_limits(policy: type[Policy], bad: object) -> None:
    with pytest.raises(RecipeError):
        policy(base_rate=bad)


def test_a_multiplier_has_no_meaning_per_stage() -> None:
    with pytest.raises(RecipeError, match=r"cycle_multiplier=2.* no meaning with cycle_epochs: per_stage"):
        WarmRestarts(cycle_epochs="per_stage", cycle_multiplier=2)
