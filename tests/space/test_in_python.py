"""Spaces written in Python: the same as from a file, with the same errors."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
import yaml

import dse
from dse.data.datasets import Protocol
from dse.errors import SpaceError
from dse.section import given_keys
from dse.space.load import parse_space

FILE = """
name: mine
data: {name: mnist, images: 10000}
protocol: paper
recipe:
  model: {name: capsnet, preset: small, routing_iterations: {low: 1, high: 3, integer: true}}
  learning_rate:
    - {policy: fixed, base_rate: {low: 0.0003, high: 0.003, log: true}}
    - {policy: one_cycle, base_rate: 0.001}
  batch_size: {schedule: constant, size: {choices: [32, 128]}}
  epochs: 5
baseline:
  model: {name: capsnet, preset: small, routing_iterations: 3}
  learning_rate: {policy: fixed, base_rate: 0.001}
  batch_size: {schedule: constant, size: 128}
"""
KEYS: dict[str, Any] = {
    "name": "mine",
    "data": {"name": "mnist", "images": 10_000},
    "protocol": Protocol.PAPER,
    "recipe": {
        "model": {
            "name": "capsnet",
            "preset": "small",
            "routing_iterations": dse.between(1, 3, integer=True),
        },
        "learning_rate": [
            {"policy": "fixed", "base_rate": dse.between(0.0003, 0.003, log=True)},
            dse.OneCycle(base_rate=0.001),
        ],
        "batch_size": {"schedule": "constant", "size": dse.choices((32, 128))},
        "epochs": 5,
    },
    "baseline": {
        "model": dse.CapsNetModel(preset="small", routing_iterations=3),
        "learning_rate": dse.Fixed(base_rate=0.001),
        "batch_size": dse.Constant(size=128),
    },
}


def test_a_space_in_python_is_that_of_the_file() -> None:
    space = dse.SearchSpace(**KEYS)
    assert space == parse_space(yaml.safe_load(FILE), "mine.yaml")
    assert space == parse_space(yaml.safe_load(space.to_yaml()), "again")


def test_a_whole_recipe_and_arrays_stand_for_what_they_hold() -> None:
    recipe = dse.Recipe(learning_rate=dse.OneCycle(base_rate=0.001), epochs=3)
    assert dse.SearchSpace(name="one", recipe=recipe, baseline=recipe).baseline_recipe == recipe
    sizes = dse.choices(np.array([32, 128]))
    recipe = KEYS["recipe"] | {"batch_size": {"schedule": "constant", "size": sizes}, "epochs": np.int64(5)}
    assert dse.SearchSpace(**KEYS | {"recipe": recipe}) == dse.SearchSpace(**KEYS)


def test_a_part_of_a_recipe_stands_for_the_keys_that_it_was_given_and_its_kind() -> None:
    assert given_keys(dse.OneCycle(peak_ratio=5.0)) == {"policy": "one_cycle", "peak_ratio": 5.0}
    assert given_keys(dse.ImportedModel(import_="nets:small")) == {"name": "imported", "import": "nets:small"}
    assert given_keys(dse.WeightSharing(decoder="reduced")) == {"decoder": "reduced"}
    assert given_keys(dse.DataChoice(name="mnist", images=600)) == {"name": "mnist", "images": 600}


WRONG: dict[str, dict[str, Any]] = {
    "no number": {"trials": "many"},
    "unknown key": {"sedes": 3},
    "no choice": {"recipe": {"batch_size": {"schedule": "constant", "size": dse.choices([])}}},
    "a choice twice": {"recipe": {"batch_size": {"schedule": "constant", "size": dse.choices([1, 1])}}},
    "upside down": {"recipe": {"learning_rate": {"policy": "fixed", "base_rate": dse.between(0.1, 0.01)}}},
    "no logarithm": {
        "recipe": {"learning_rate": {"policy": "fixed", "base_rate": dse.between(0, 0.1, log=True)}}
    },
    "beyond its limit": {
        "recipe": {"learning_rate": {"policy": "fixed", "base_rate": dse.between(0.1, 5.0)}},
        "baseline": {"learning_rate": {"base_rate": 0.2}},
    },
    "larger than the data": {
        "recipe": {"batch_size": {"schedule": "constant", "size": dse.choices([32, 100_000])}},
        "baseline": {"batch_size": {"size": 32}},
    },
    "no point": {"baseline": KEYS["baseline"] | {"batch_size": {"schedule": "constant", "size": 64}}},
    "unknown data": {"data": {"name": "nist"}},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=list(WRONG))
def test_errors_are_those_of_a_file(change: dict[str, Any]) -> None:
    with pytest.raises(SpaceError) as in_python:
        dse.SearchSpace(**KEYS | change)
    content = yaml.safe_load(FILE) | yaml.safe_load(yaml.safe_dump(as_file(change)))
    with pytest.raises(SpaceError) as in_file:
        parse_space(content, "mine.yaml")
    assert str(in_python.value).removeprefix("SearchSpace: ") == str(in_file.value).removeprefix(
        "mine.yaml: "
    )


def as_file(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: as_file(value) for key, value in content.items()}
    return as_file(given_keys(content)) if isinstance(content, dse.Fixed | dse.CapsNetModel) else content


@pytest.mark.parametrize(
    ("size", "what"),
    [
        (
            dse.choices([32, date(2026, 1, 2)]),
            r"batch_size.size.choices\[1\]=datetime.date\(2026, 1, 2\) is nothing",
        ),
        ({32, 128}, r"batch_size.size=\{.*\} is nothing that a file can hold. Use numbers"),
        (dse.choices("32"), r"batch_size.size.choices='32', but it must be a list of at least one value"),
        (dse.between(1, 9, log="yes"), r"batch_size.size.log='yes', but it must be true or false"),  # type: ignore[arg-type]
    ],
)
def test_what_no_file_can_hold_is_refused_where_it_stands(size: object, what: str) -> None:
    recipe = KEYS["recipe"] | {"batch_size": {"schedule": "constant", "size": size}}
    with pytest.raises(SpaceError, match=what):
        dse.SearchSpace(**KEYS | {"recipe": recipe})


def test_the_protocol_is_the_spaces_own() -> None:
    choice = dse.DataChoice(name="mnist", images=10_000)
    assert dse.SearchSpace(**KEYS | {"data": choice}) == dse.SearchSpace(**KEYS)
    with pytest.raises(SpaceError, match="data.protocol: unknown key"):
        dse.SearchSpace(**KEYS | {"data": dse.DataChoice(protocol=Protocol.PAPER)})
