"""Search spaces: what they draw is what they say, and what makes no sound study is refused at the door."""

import json
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.errors import SpaceError
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.recipe import Recipe
from dse.space.load import load_space, parse_space
from dse.space.schema import space_schema
from dse.space.search_space import SearchSpace
from dse.space.shipped import find_space, shipped_spaces

QUICKSTART = find_space("quickstart").read_text()


class RandomPick:
    """Picks as an Optuna trial would, and remembers what."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.params: dict[str, object] = {}

    def suggest_categorical(self, name, choices):
        self.params[name] = self.data.draw(st.sampled_from(choices))
        return self.params[name]

    def suggest_float(self, name, low, high, *, log=False):
        self.params[name] = self.data.draw(st.floats(low, high))
        return self.params[name]

    def suggest_int(self, name, low, high, *, log=False):
        self.params[name] = self.data.draw(st.integers(low, high))
        return self.params[name]


@pytest.mark.parametrize("path", shipped_spaces(), ids=lambda path: path.stem)
def test_the_shipped_spaces_are_sound(path: Path) -> None:
    space = load_space(path)
    assert space.name == path.stem
    points = list(space.points())
    assert len(points) == space.size
    assert len({space.recipe_of(point).id for point in points}) == len(points)
    assert space.recipe_of(space.baseline_assignment) == space.baseline_recipe
    assert space.plan(space.baseline_recipe).total_steps > 0


def test_quickstart_offers_what_the_demo_shows() -> None:
    space = load_space("quickstart")
    recipes = [space.recipe_of(point) for point in space.points()]
    assert len({recipe.learning_rate.policy for recipe in recipes}) >= 3
    assert len({recipe.batch_size.label for recipe in recipes}) >= 3
    assert {recipe.weight_sharing.is_none for recipe in recipes} == {True, False}


@pytest.mark.parametrize("path", shipped_spaces(), ids=lambda path: path.stem)
def test_spaces_survive_yaml(path: Path) -> None:
    space = load_space(path)
    again = parse_space(yaml.safe_load(space.to_yaml()), "again")
    assert again == space
    assert again.explored == space.explored


OPEN = """
name: open
recipe:
  model: {name: capsnet, preset: {choices: [tiny, small]}, routing_iterations: {low: 1, high: 3, integer: true}}
  learning_rate:
    policy: {choices: [fixed, one_cycle]}
    base_rate: {low: 0.0001, high: 0.01, log: true}
  batch_size:
    - {schedule: constant, size: {choices: [16, 64]}}
    - schedule: stages
      stages: {choices: [[{epochs: rest, size: 8}], [{epochs: 1, size: 8}, {epochs: rest, size: 9}]]}
  epochs: 2
baseline:
  model: {preset: tiny, routing_iterations: 3}
  learning_rate: {policy: fixed, base_rate: 0.001}
  batch_size: {schedule: constant, size: 64}
"""


def parse(text: str) -> SearchSpace:
    return parse_space(yaml.safe_load(text), "open.yaml")


@given(data=st.data())
@settings(max_examples=50)
def test_a_drawn_recipe_is_made_again_of_its_values(data: st.DataObject) -> None:
    space = parse(OPEN)
    pick = RandomPick(data)
    recipe = space.draw(pick)
    assert space.recipe_of(pick.params) == recipe
    assert space.tree.locate(json.loads(recipe.model_dump_json(exclude_unset=True)), "recipe") == pick.params


def test_parameters_exist_only_under_their_alternative() -> None:
    space = load_space("quickstart")
    points = list(space.points())
    with_size = [point for point in points if "batch_size.constant.size" in point]
    assert {point["batch_size"] for point in with_size} == {"constant"}
    assert len(with_size) < len(points)


def test_a_range_of_real_numbers_cannot_be_listed() -> None:
    space = parse(OPEN)
    assert math.isinf(space.size)
    with pytest.raises(SpaceError, match="infinitely many recipes.*Use choices instead of ranges"):
        space.points()


BAD = {
    ("seeds: 1", "sedes: 1"): r"sedes: unknown key",
    ("trials: 24", "trials: 0"): r"trials=0",
    ("trials: 24", "trials: many"): r"trials='many'",
    ("name: quickstart", "name: ../up"): r"name='../up'",
    ("base_rate: 0.003", "base_rte: 0.003"): r"recipe.learning_rate\[1\].base_rte: unknown key",
    ("peak_ratio: 5 ", "peak_ratio: .nan "): r"recipe.learning_rate\[2\].peak_ratio=nan: .*finite",
    ("policy: one_cycle", "policy: one_cyle"): r"learning_rate\[2\].policy='one_cyle' is unknown",
    ("{choices: [0.001, 0.003]}", "{choices: []}"): r"base_rate.choices=\[\], .* at least one",
    ("{choices: [0.001, 0.003]}", "{choices: [0.1, 0.1]}"): r"names 0.1 twice",
    ("{choices: [0.001, 0.003]}", "{low: 0.1, high: 0.01}"): r"low=0.1 is not below high=0.01. Exchange them",
    ("{choices: [0.001, 0.003]}", "{low: 0, high: 0.01, log: true}"): r"must begin above 0",
    ("{choices: [0.001, 0.003]}", "{low: 0.1, high: .inf}"): r"high=inf, but a range needs a finite number",
    ("{choices: [0.001, 0.003]}", "{low: 0.1, high: 5.0}"): r"base_rate=5.0: .*less than or equal to 1",
    ("{choices: [0.001, 0.003]}", "{low: 0.1, hgh: 5.0}"): r"base_rate.hgh: unknown key of a range",
    ("size: {choices: [32, 128]}", "size: {choices: [32, 1280]}"): r"recipe.batch_size\[0\]: a batch of 1280 is larger "
        "than the 700 training images",
    ("{epochs: rest, size: 64}", "{epochs: 2, size: 64}"): r"recipe.batch_size\[1\]: the stages cover 3 epochs, "
        "but the recipe trains for epochs=40",
    ("convolution: 1", "convolution: 3"): r"convolution=3 does not divide the 32 channels",
    ("[train_seconds, accuracy]", "[accuracy]"): r"objectives: \['accuracy'\] is too few",
    ("[train_seconds, accuracy]", "[accuracy, accuracy]"): r"names one twice",
    ("[train_seconds, accuracy]", "[speed, accuracy]"): r"objectives\[0\]='speed'",
    ("stopping: dominated", "stopping: soon"): r"stopping='soon': .*'none' or 'dominated'",
    ("sampler: auto", "sampler: best"): r"sampler='best': .*'auto', 'expected_gain', .* or 'grid'",
    ("stopping: dominated", "stopping: dominated\nconfidence: 1.0"): r"confidence=1.0: .*less than 1",
    ("[train_seconds, accuracy]", "[seconds_to_target, accuracy]"): r"target=None and objectives=",
    ("protocol: holdout", "protocol: test"): r"protocol='test'",
    ("name: digits", "name: digitz"): r"data: data set 'digitz' is unknown",
    ("  split_seed: 0", "  images: 5000"): r"data: images=5000, but it must lie between 10 .* and 700",
    ("{policy: fixed, base_rate: 0.001}", "{policy: fixed, base_rate: 0.002}"): r"the baseline must be a point of the "
        r"space: .*base_rate=0.002, but the choices are \[0.001, 0.003\]",
    ("{policy: fixed, base_rate: 0.001}", "{policy: fixed}"): r"base_rate is searched, so its value must be given",
    ("  epochs: 40", "  epoch: 40"): r"recipe.epoch: unknown key",
    ("preset: tiny", "preset: {choices: [tiny, huge]}"): r"recipe.model.preset='huge'",
    ("  epochs: 40", "  epochs: 40\n  precision: {choices: [float32, half]}"): r"recipe.precision='half'",
    ("name: quickstart", "name: quickstart\nname: twice"): r"'name' stands here twice",
}  # fmt: skip


@pytest.mark.parametrize("change", BAD, ids=lambda change: change[1])
def test_a_bad_space_is_refused(change: tuple[str, str], tmp_path: Path) -> None:
    assert change[0] in QUICKSTART
    path = tmp_path / "bad.yaml"
    path.write_text(QUICKSTART.replace(*change, 1) if change[0] != "{policy: fixed, base_rate: 0.001}"
                    else QUICKSTART.replace(*change))  # fmt: skip
    with pytest.raises(SpaceError, match=BAD[change]) as error:
        load_space(path)
    assert str(path) in str(error.value)


def test_sizes_can_be_opened_and_must_fit_the_sharing() -> None:
    content = yaml.safe_load(QUICKSTART)
    model = {
        "name": "capsnet",
        "preset": "tiny",
        "filters": {"choices": [32, 48]},
        "decoder_hidden": {"choices": [[64, 128], [32]]},
        "types": {"low": 4, "high": 8, "integer": True},
    }
    content["recipe"]["model"] = model
    content["baseline"]["model"] = {"filters": 32, "decoder_hidden": [64, 128], "types": 4}
    space = parse_space(content, "test")
    assert space.baseline_recipe.model == CapsNetModel(preset="tiny")
    wider = space.recipe_of(space.baseline_assignment | {"model.filters": 48, "model.decoder_hidden": "[32]"})
    assert (wider.model.filters, wider.model.decoder_hidden) == (48, (32,))
    assert space.assignment_of(wider)["model.decoder_hidden"] == "[32]"
    content["recipe"]["weight_sharing"] = {"primary_capsules": 16}
    content["baseline"]["weight_sharing"] = {}
    with pytest.raises(
        SpaceError, match=r"weight_sharing.primary_capsules=16 does not divide the 40 channels"
    ):
        parse_space(content, "test")
    model["primary_kernel"] = {"choices": [9, 25]}
    with pytest.raises(
        SpaceError, match=r"^test: recipe.model: images of 1x28x28 leave no capsules: .*25x25"
    ):
        parse_space(content, "test")


def test_stopping_needs_objectives_that_a_cut_curve_has() -> None:
    content = yaml.safe_load(QUICKSTART) | {"stopping": "dominated"}
    for objectives in (["train_seconds", "accuracy", "train_flops"], ["train_seconds", "parameters"]):
        with pytest.raises(SpaceError, match="stopping=dominated with objectives=.*or leave stopping out"):
            parse_space(content | {"objectives": objectives}, "test")


def test_a_file_of_version_0_1_names_its_sampler_promising() -> None:
    space = parse_space(yaml.safe_load(QUICKSTART) | {"sampler": "promising"}, "old.yaml")
    assert space.sampler == space.dump()["sampler"] == "expected_gain"


def test_a_space_knows_its_precisions() -> None:
    content = yaml.safe_load(QUICKSTART)
    assert parse_space(content, "test").precisions == {"float32"}
    content["recipe"]["precision"] = {"choices": ["tf32", "bfloat16"]}
    content["baseline"]["precision"] = "tf32"
    assert parse_space(content, "test").precisions == {"tf32", "bfloat16"}


def test_a_space_that_is_nowhere() -> None:
    with pytest.raises(
        SpaceError, match="neither a file nor one that comes with dse. Those are: digits-table, lenet-paper"
    ):
        find_space("nowhere")


def test_a_space_is_read_by_its_path_or_its_name() -> None:
    assert (
        load_space("quickstart")
        == load_space(find_space("quickstart"))
        == load_space(str(find_space("quickstart")))
    )


def test_a_bad_value_in_python_is_refused_as_in_a_file() -> None:
    with pytest.raises(SpaceError, match=r"^SearchSpace: trials=0: .*greater than or equal to 1$"):
        SearchSpace(name="mine", trials=0, recipe={}, baseline={})


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.touch()
    with pytest.raises(SpaceError, match="holds no keys"):
        load_space(path)


def test_the_schema_knows_every_key() -> None:
    schema = space_schema()
    assert set(schema["properties"]) == set(SearchSpace.model_fields)
    assert set(schema["$defs"]["Recipe"]["properties"]) == {*Recipe.model_fields, "one_of"}
    rate = schema["$defs"]["Fixed"]["properties"]["base_rate"]["anyOf"]
    assert [set(form.get("properties", {"value": 0})) for form in rate] == [
        {"value"}, {"choices"}, {"low", "high", "log", "integer"}]  # fmt: skip
    references = {ref for ref in json.dumps(schema).split('"') if ref.startswith("#/$defs/")}
    assert references <= {f"#/$defs/{name}" for name in schema["$defs"]}
