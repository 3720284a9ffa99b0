"""Kinds of steps: what of a recipe decides a step's seconds, and how many of each a plan takes."""

from __future__ import annotations

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from dse.data.datasets import ImageShape
from dse.errors import RecipeError
from dse.recipe.batch_size import SCHEDULES, Constant, Schedule, Stage, Stages
from dse.recipe.initialisation import Initialisation
from dse.recipe.kinds import StepKind, kind_steps, reference_kind
from dse.recipe.learning_rate import OneCycle
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.optimizer import Muon
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing
from tests.recipe.drawn import one_of

DIGITS = ImageShape(1, 28, 28, 10)
BASELINE = Recipe(model=CapsNetModel(preset="tiny"))


@given(one_of(SCHEDULES), st.integers(1, 12), st.integers(1, 700))
def test_the_steps_of_all_kinds_pass_over_every_image_once_an_epoch(
    schedule: Schedule, epochs: int, images: int
) -> None:
    try:
        plan = compile_plan(Recipe(batch_size=schedule, epochs=epochs), DIGITS, images)
    except RecipeError:
        reject()
    counts = kind_steps(plan)
    assert (sum(each.steps for each in counts) == plan.steps).all()
    assert (sum(each.steps * each.kind.batch_size for each in counts) == images).all()
    assert {each.kind.batch_size for each in counts} <= plan.step_sizes  # a size may have no whole step


def test_a_batch_that_changes_within_a_run_is_several_kinds() -> None:
    stages = Stages(stages=(Stage(epochs=1, size=16), Stage(epochs="rest", size=64)))
    counts = kind_steps(compile_plan(Recipe(batch_size=stages, epochs=3), DIGITS, 200))
    assert [(each.kind.batch_size, each.steps.tolist()) for each in counts] == [
        (64, [0, 3, 3]),
        (16, [12, 0, 0]),
        (8, [1, 1, 1]),
    ]


@pytest.mark.parametrize(
    "change",
    [{"learning_rate": OneCycle()}, {"epochs": 3}, {"initialisation": Initialisation(class_matrices=0.5)}],
    ids=str,
)
def test_what_no_step_depends_on_is_no_part_of_its_kind(change: dict) -> None:
    other = StepKind.of(BASELINE.model_copy(update=change), DIGITS, 32)
    assert other.id == StepKind.of(BASELINE, DIGITS, 32).id
    assert other.label == "tiny · batch 32"


@pytest.mark.parametrize(
    "change",
    [
        {"weight_sharing": WeightSharing(class_capsules="per_type")},
        {"optimizer": Muon()},
        {"precision": "bfloat16"},
        {"model": CapsNetModel(preset="tiny", routing_iterations=1)},
    ],
    ids=str,
)
def test_what_a_step_depends_on_makes_another_kind(change: dict) -> None:
    other = StepKind.of(BASELINE.model_copy(update=change), DIGITS, 32)
    assert other.id != StepKind.of(BASELINE, DIGITS, 32).id


def test_images_of_another_shape_make_another_kind() -> None:
    shapes = [DIGITS, ImageShape(1, 28, 28, 11), ImageShape(3, 28, 28, 10), ImageShape(1, 28, 29, 10)]
    assert len({StepKind.of(BASELINE, shape, 32).id for shape in shapes}) == 4


def test_the_reference_is_the_baselines_first_batch() -> None:
    baseline = Recipe(batch_size=Stages(stages=(Stage(epochs=1, size=8), Stage(epochs=2, size=64))), epochs=3)
    assert reference_kind(baseline, DIGITS).batch_size == 8
    assert reference_kind(Recipe(batch_size=Constant(size=128)), DIGITS).batch_size == 128


def test_the_plan_of_a_kind_is_one_step() -> None:
    plan = StepKind.of(BASELINE, DIGITS, 44).plan()
    assert (plan.total_steps, plan.images, plan.step_sizes) == (1, 44, {44})
