"""Ids and labels last: those of every recipe ever recorded, and of the paper's, are what they were."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.paper import PAPER_RECIPES, paper_recipe
from dse.recipe.recipe import Recipe, parse_recipe
from dse.section import Later, Section

TABLES = sorted((Path(__file__).resolve().parents[2] / "results").glob("*-table/trials.csv"))

# As they were when a recipe had six keys.
PAPER_IDS = {
    "paper/baseline": "b59bb660ed12",
    "paper/exponential_decay": "fb1361404a25",
    "paper/one_cycle": "f2789f5c71fe",
    "paper/warm_restarts": "34de39279d85",
    "paper/adabatch": "a4978efcd3fb",
    "paper/warm_ada_batch": "06b16ae9cf16",
    "paper/weight_sharing": "8ac5b6150374",
    "paper/warm_ada_batch_weight_sharing": "853bd433546c",
    "paper/lenet5_baseline": "d6a25aa375bc",
    "paper/lenet5_exponential_decay": "d8c5313e1811",
    "paper/lenet5_one_cycle": "52edd8f033e2",
    "paper/lenet5_warm_restarts": "bb6eb290932d",
    "paper/lenet5_adabatch": "0e2dc5821bbd",
}


def test_the_papers_recipes_keep_their_ids() -> None:
    assert {name: recipe.id for name, recipe in PAPER_RECIPES.items()} == PAPER_IDS


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.parent.name)
def test_recorded_recipes_keep_their_ids_and_labels(table: Path) -> None:
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        recipe = parse_recipe(json.loads(row["recipe"]), "test")
        assert (recipe.id, recipe.label) == (row["recipe_id"], row["label"])


def test_full_precision_counts_as_nothing() -> None:
    reduced = [Recipe(precision=precision) for precision in ("tf32", "bfloat16")]
    assert len({recipe.id for recipe in (Recipe(), *reduced)}) == 3
    assert [recipe.label.removeprefix(Recipe().label) for recipe in reduced] == [" · tf32", " · bfloat16"]


def test_a_later_key_counts_where_it_differs_however_deep() -> None:
    class Part(Section):
        old: int = 1
        new: Annotated[int, Later()] = 2
        doubled: Annotated[int, Later()] = Field(default_factory=lambda values: 2 * values["old"])

    class Whole(Section):
        parts: tuple[Part, ...] = (Part(),)
        added: Annotated[Part, Later()] = Field(default_factory=Part)

    assert Whole().id_content() == {"parts": [{"old": 1}]}
    assert Whole(parts=(Part(old=4, doubled=8), Part(new=3, doubled=3))).id_content() == {
        "parts": [{"old": 4}, {"old": 1, "new": 3, "doubled": 3}]
    }
    assert Whole(added=Part(new=5)).id_content()["added"] == {"old": 1, "new": 5}


def test_sizes_count_where_they_are_not_the_presets() -> None:
    tiny = CapsNetModel(preset="tiny", filters=32, types=4, primary_kernel=9, primary_stride=2, class_size=16)
    assert Recipe(model=tiny).id == Recipe(model=CapsNetModel(preset="tiny")).id
    assert tiny.label == "tiny"
    free = CapsNetModel(
        preset="tiny",
        filters=48,
        types=1,
        primary_kernel=5,
        primary_stride=3,
        class_size=8,
        decoder_hidden=[90],
    )
    named = {"name", "preset", "routing_iterations", "squash"}
    assert free.id_content().keys() - named == CapsNetModel.model_fields.keys() - named
    assert free.label == "tiny, 48 filters, 1 type, 5x5 kernel, stride 3, class capsules of 8, decoder 90"
    assert CapsNetModel(filters=32).id_content()["filters"] == 32, "the full preset has 256"


def test_recipes_differ_in_their_id_when_they_differ() -> None:
    assert len({recipe.id for recipe in PAPER_RECIPES.values()}) == len(PAPER_RECIPES)
    assert paper_recipe("paper/baseline").id == Recipe().id
