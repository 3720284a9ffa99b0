"""A registry is the only list of its kind: what stands in it is found wherever such a thing can be named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from dse.data.datasets import ImageShape, find_dataset
from dse.errors import RecipeError, SpaceError
from dse.networks.build import BUILDERS, build_network
from dse.networks.network import Network
from dse.recipe.averaging import AVERAGINGS, Averaging
from dse.recipe.batch_size import SCHEDULES, Schedule
from dse.recipe.learning_rate import POLICIES, Policy, Rates, Timeline
from dse.recipe.loss import LOSSES, Loss
from dse.recipe.models.model import Model
from dse.recipe.models.registry import MODELS
from dse.recipe.optimizer import OPTIMIZERS, Optimizer
from dse.recipe.recipe import BLOCKS, Recipe, parse_recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.section import Section
from dse.space.load import parse_space
from dse.space.schema import space_schema
from tests.recipe.drawn import section

REGISTRIES: dict[str, dict[str, type[Section]]] = {
    "model": {**MODELS},
    "learning_rate": {**POLICIES},
    "batch_size": {**SCHEDULES},
    "loss": {**LOSSES},
    "optimizer": {**OPTIMIZERS},
    "averaging": {**AVERAGINGS},
}
DIGITS = find_dataset("digits").shape


class ToyPolicy(Policy):
    """Half the base rate throughout."""

    policy: Literal["toy_policy"] = "toy_policy"
    share: float = Field(default=0.5, gt=0, le=1, description="share of the base rate")

    @property
    def label(self) -> str:
        return f"toy {self.share:g}"

    def rates(self, timeline: Timeline) -> Rates:
        return np.full(timeline.total_steps, self.share * self.base_rate)


class ToySchedule(Schedule):
    """Seven images a step."""

    schedule: Literal["toy_schedule"] = "toy_schedule"

    @property
    def label(self) -> str:
        return "seven"

    def stages_over(self, epochs: int) -> tuple[tuple[int, int], ...]:
        return ((epochs, 7),)


class ToyLoss(Loss):
    """Twice the margin."""

    name: Literal["toy_loss"] = "toy_loss"

    @property
    def kind(self) -> str:
        return "toy loss"


class ToyOptimizer(Optimizer):
    """Leaves the weights alone."""

    name: Literal["toy_optimizer"] = "toy_optimizer"

    @property
    def label(self) -> str:
        return "toy optimizer"


class ToyAveraging(Averaging):
    """The mean is the last weights."""

    name: Literal["toy_averaging"] = "toy_averaging"

    @property
    def label(self) -> str:
        return "toy averaging"

    def average_shares(self, images_seen: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.ones(len(images_seen))


@dataclass(frozen=True)
class ToySize:
    image: ImageShape

    @property
    def parameters(self) -> int:
        return (self.image.pixels + 1) * self.image.classes

    @property
    def multiplications(self) -> int:
        return self.image.pixels * self.image.classes


class ToyModel(Model):
    """One layer."""

    name: Literal["toy_model"] = "toy_model"

    @property
    def label(self) -> str:
        return self.name

    def size(self, image: ImageShape, sharing: WeightSharing) -> ToySize:
        return ToySize(image)


class ToyNetwork(Network):
    def __init__(self, size: ToySize) -> None:
        super().__init__()
        self.layer = nn.Linear(size.image.pixels, size.image.classes)

    def predict(self, images_BCHW: Tensor) -> Tensor:
        return self.layer(images_BCHW.flatten(1)).argmax(1)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(MODELS, "toy_model", ToyModel)
    monkeypatch.setitem(POLICIES, "toy_policy", ToyPolicy)
    monkeypatch.setitem(SCHEDULES, "toy_schedule", ToySchedule)
    monkeypatch.setitem(LOSSES, "toy_loss", ToyLoss)
    monkeypatch.setitem(OPTIMIZERS, "toy_optimizer", ToyOptimizer)
    monkeypatch.setitem(AVERAGINGS, "toy_averaging", ToyAveraging)
    monkeypatch.setitem(BUILDERS, "toy_model", lambda size, recipe, image: ToyNetwork(size))
    Recipe.model_rebuild(force=True)
    yield
    monkeypatch.undo()
    Recipe.model_rebuild(force=True)


TOYS = {
    "model": {"name": "toy_model"},
    "learning_rate": {"policy": "toy_policy", "share": 0.25},
    "batch_size": {"schedule": "toy_schedule"},
    "optimizer": {"name": "toy_optimizer"},
    "averaging": {"name": "toy_averaging"},
    "epochs": 2,
}


@pytest.mark.usefixtures("toys")
def test_a_recipe_of_toys_survives_a_round_trip() -> None:
    recipe = parse_recipe(TOYS, "test")
    assert parse_recipe(json.loads(recipe.model_dump_json()), "test") == recipe
    assert recipe.label == "toy_model · toy 0.25 · batch seven · toy optimizer · toy averaging"
    assert recipe.id != Recipe(epochs=2).id


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("block", REGISTRIES)
def test_errors_name_toys_among_the_kinds(block: str) -> None:
    tag = BLOCKS[block]
    # The toy model has no capsules, so no toy of a recipe's names the loss.
    toy = {**TOYS, "loss": {"name": "toy_loss"}}[block][tag]
    expected = rf"^test: {block}\.{tag}='nothing' is unknown. Choose one of .*'{toy}'$"
    with pytest.raises(RecipeError, match=expected):
        parse_recipe({block: {tag: "nothing"}}, "test")


@pytest.mark.usefixtures("toys")
def test_errors_name_the_keys_of_toys() -> None:
    with pytest.raises(RecipeError, match=r"^test: learning_rate\.share=2: .* less than or equal to 1$"):
        parse_recipe({"learning_rate": {"policy": "toy_policy", "share": 2}}, "test")
    with pytest.raises(RecipeError, match="reduced decoder is for capsules, and toy_model has none"):
        parse_recipe({"model": {"name": "toy_model"}, "weight_sharing": {"decoder": "reduced"}}, "test")


@pytest.mark.usefixtures("toys")
def test_toys_are_alternatives_of_a_space() -> None:
    content = {
        "name": "toys",
        "recipe": {
            **TOYS,
            "learning_rate": [
                {"policy": "fixed"},
                {"policy": "toy_policy", "share": {"choices": [0.1, 0.2]}},
            ],
            "batch_size": [{"schedule": "toy_schedule"}, {"schedule": "constant", "size": 32}],
        },
        "baseline": {**TOYS, "learning_rate": {"policy": "fixed"}},
    }
    space = parse_space(content, "test")
    assert space.size == 6
    assert {
        "learning_rate": "toy_policy",
        "learning_rate.toy_policy.share": 0.2,
        "batch_size": "toy_schedule",
    } in list(space.points())
    assert space.plan(space.baseline_recipe).train_flops == 6 * DIGITS.pixels * 10 * 1200 * 2
    content["recipe"]["learning_rate"][1]["share"] = {"low": 0.5, "high": 2.0}
    with pytest.raises(SpaceError, match=r"^test: recipe\.learning_rate\[1\]\.share=2\.0: "):
        parse_space(content, "test")


@pytest.mark.usefixtures("toys")
def test_the_schema_knows_toys() -> None:
    text = json.dumps(space_schema())
    names = [TOYS[block][tag] for block, tag in BLOCKS.items() if tag and block in TOYS]
    assert all(f'"const": "{name}"' in text for name in (*names, "toy_loss"))
    share = space_schema()["$defs"]["ToyPolicy"]["properties"]["share"]
    assert [sorted(form.get("properties", {})) for form in share["anyOf"][1:]] == [
        ["choices"], ["high", "integer", "log", "low"]]  # fmt: skip


@pytest.mark.usefixtures("toys")
def test_a_toy_is_built_as_large_as_it_says() -> None:
    recipe = parse_recipe(TOYS, "test")
    network = build_network(recipe, DIGITS, 0, torch.device("cpu"))
    assert sum(weight.numel() for weight in network.parameters()) == recipe.size(DIGITS).parameters


def test_every_model_has_a_builder() -> None:
    assert BUILDERS.keys() == MODELS.keys()


def test_every_block_of_several_kinds_has_its_registry() -> None:
    assert {block for block, tag in BLOCKS.items() if tag is not None} == REGISTRIES.keys()


@pytest.mark.parametrize("block", REGISTRIES)
def test_entries_stand_under_their_own_name_and_explain_their_keys(block: str) -> None:
    for name, kind in REGISTRIES[block].items():
        tag = BLOCKS[block]
        assert kind.model_fields[tag].default == name
        assert kind.__doc__
        assert all(field.description for key, field in kind.model_fields.items() if key != tag)


@settings(max_examples=50)
@given(recipe=section(Recipe))
def test_any_recipe_survives_a_round_trip(recipe: Recipe) -> None:
    again = parse_recipe(json.loads(recipe.model_dump_json()), "test")
    assert (again, again.id, again.label) == (recipe, recipe.id, recipe.label)
