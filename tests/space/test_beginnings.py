"""Recipes that train what the first epochs of a longer one train."""

from __future__ import annotations

import dse
from dse.space.beginnings import beginnings, beginnings_text
from dse.space.search_space import SearchSpace


def space(*policies: dict[str, object], **usual: object) -> SearchSpace:
    return dse.SearchSpace(
        name="short-and-long",
        data={"name": "digits"},
        recipe={
            "model": {"name": "capsnet", "preset": "tiny"},
            "learning_rate": [*policies],
            "epochs": dse.choices([2, 3, 5]),
        },
        baseline={"learning_rate": policies[0] | usual, "epochs": 5},
        trials=3,
    )


def test_with_a_fixed_rate_a_shorter_run_is_the_beginning_of_the_longest() -> None:
    found = beginnings(space({"policy": "fixed"}, {"policy": "one_cycle"}))
    assert [(one.learning_rate.policy, one.epochs, other.epochs) for one, other in found] == [
        ("fixed", 2, 5),
        ("fixed", 3, 5),
    ]


def test_what_anneals_to_its_end_has_a_beginning_of_its_own() -> None:
    assert not beginnings(space({"policy": "one_cycle"}))
    assert beginnings_text(space({"policy": "one_cycle"})) == ""


def test_the_same_seed_trains_the_same_epochs() -> None:
    (short, long), *_ = beginnings(space({"policy": "fixed"}))
    few, machine = (
        dse.DataChoice(images=200, validation_images=50, test_images=50),
        dse.Machine("cpu", threads=1),
    )
    one, other = (dse.train(recipe, few, machine, seed=3)[1].curve for recipe in (short, long))
    assert [row.validation_accuracy for row in one] == [row.validation_accuracy for row in other[: len(one)]]


def test_the_hint_names_an_example() -> None:
    text = beginnings_text(space({"policy": "fixed"}))
    assert text.startswith("2 recipes of 3 are the beginning of another one")
    assert "2 epochs and 5" in text


def test_a_space_without_end_is_not_searched() -> None:
    assert not beginnings(space({"policy": "fixed", "base_rate": dse.between(0.001, 0.01)}, base_rate=0.001))
