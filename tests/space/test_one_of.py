"""Blocks that belong together: their combinations alone are recipes of the space."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from dse.errors import SpaceError
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace

CONTENT: dict[str, Any] = {
    "name": "joined",
    "recipe": {
        "batch_size": {"schedule": "constant", "size": {"choices": [32, 128]}},
        "one_of": {
            "averaged": {
                "optimizer": {"name": "schedule_free"},
                "learning_rate": {"policy": "fixed", "base_rate": {"choices": [0.003, 0.01]}},
            },
            "lowered": {
                "learning_rate": [{"policy": "one_cycle"}, {"policy": "fixed"}],
                "averaging": [{"name": "none"}, {"name": "exponential", "half_life": 0.1}],
            },
        },
        "epochs": 2,
    },
    "baseline": {
        "batch_size": {"schedule": "constant", "size": 128},
        "learning_rate": {"policy": "fixed"},
        "averaging": {"name": "none"},
    },
}


def space(**recipe: Any) -> SearchSpace:
    content = copy.deepcopy(CONTENT)
    content["recipe"] |= recipe
    return parse_space(content, "test")


def test_each_group_is_combined_with_what_stands_beside_it() -> None:
    joined = space()
    assert joined.size == 2 * (2 + 2 * 2)
    points = list(joined.points())
    assert len(points) == 12
    assert points[0] == {
        "batch_size.size": 32,
        "one_of": "averaged",
        "one_of.averaged.learning_rate.base_rate": 0.003,
    }
    recipes = [joined.recipe_of(point) for point in points]
    assert len({recipe.id for recipe in recipes}) == 12
    assert {(recipe.optimizer.name, recipe.learning_rate.policy) for recipe in recipes} == {
        ("schedule_free", "fixed"),
        ("adam", "fixed"),
        ("adam", "one_cycle"),
    }
    assert [joined.assignment_of(recipe) for recipe in recipes] == points
    assert set(joined.tree.open_values()) == {name for point in points for name in point}


def test_the_baseline_is_found_in_its_group() -> None:
    joined = space()
    assert joined.baseline_assignment["one_of"] == "lowered"
    assert joined.baseline_recipe.learning_rate.policy == "fixed"


def test_a_space_without_groups_has_no_parameter_for_them() -> None:
    content = copy.deepcopy(CONTENT)
    content["recipe"] |= content["recipe"].pop("one_of")["lowered"]
    assert all("one_of" not in name for name in parse_space(content, "test").tree.open_values())


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (
            {"one_of": {0: {}}},
            "recipe.one_of: the name 0 is no text, and a record would hold another. Quote it",
        ),
        ({"one_of": {}}, r"recipe.one_of={}, but it holds groups of blocks, each under a name"),
        ({"one_of": [{}]}, r"recipe.one_of=\[{}\], but it holds groups"),
        ({"one_of": {"a": 3}}, r"recipe.one_of.a=3, but it is a group of blocks"),
        ({"one_of": {"a": {"rate": 1}}}, r"recipe.one_of.a.rate: unknown key. The keys are model"),
        ({"one_of": {"a": {"epochs": 3}}}, r"recipe.epochs stands beside one_of and in one_of.a. Remove one"),
        (
            {"one_of": {"a": {"batch_size": 3}}},
            r"recipe.batch_size stands beside one_of and in one_of.a. Remove one",
        ),
        (
            {"batch_size": {"schedule": "seesaw"}, "epochs": 8},
            r"recipe.*schedule_free averages instead .*, and seesaw would lower it too",
        ),
    ],
)
def test_groups_that_make_no_recipe_are_refused(recipe: dict[str, Any], expected: str) -> None:
    with pytest.raises(SpaceError, match=f"^test: {expected}"):
        space(**recipe)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (
            {
                "optimizer": [{"name": "adam"}, {"name": "schedule_free"}],
                "learning_rate": [{"policy": "fixed"}, {"policy": "one_cycle"}],
            },
            "schedule_free averages instead .*Where optimizer and learning_rate belong together, .*under one_of",
        ),
        (
            {
                "batch_size": [{"schedule": "constant"}, {"schedule": "seesaw"}],
                "learning_rate": [{"policy": "fixed"}, {"policy": "one_cycle"}],
            },
            "seesaw cuts the learning rate itself.*Where learning_rate and batch_size belong together",
        ),
    ],
)
def test_combinations_that_refuse_each_other_are_found_when_the_file_is_read(
    recipe: dict[str, Any], expected: str
) -> None:
    content = {"name": "free", "recipe": recipe, "baseline": {"learning_rate": {"policy": "fixed"}}}
    with pytest.raises(SpaceError, match=f"^test: .*{expected}"):
        parse_space(content, "test")
