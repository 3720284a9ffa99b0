"""The documents say what the code does."""

import json
import re
import runpy
from pathlib import Path

import pytest

import dse
from dse.recipe.averaging import AVERAGINGS
from dse.recipe.batch_size import SCHEDULES
from dse.recipe.learning_rate import POLICIES
from dse.recipe.loss import LOSSES
from dse.recipe.models.registry import MODELS
from dse.recipe.optimizer import OPTIMIZERS
from dse.recipe.paper import PAPER_RECIPES
from dse.recipe.recipe import BLOCKS, parse_recipe
from dse.record.objectives import OBJECTIVES
from dse.section import Section
from dse.space.samplers import SAMPLERS, STOPPINGS
from dse.space.search_space import DataSection, SearchSpace

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("name", ["cli", "schema"])
def test_made_references_are_up_to_date(name: str) -> None:
    reference = runpy.run_path(str(ROOT / "docs" / f"make_{name}.py"))["reference"]
    assert (ROOT / "docs" / f"{name}.md").read_text() == reference(), f"run: python docs/make_{name}.py"


def test_the_python_reference_has_every_public_name_once() -> None:
    names = re.findall(r"^::: dse\.(\w+)$", (ROOT / "docs" / "python.md").read_text(), flags=re.M)
    assert sorted(names) == dse.__all__


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"(?:\]\((?!http)|<img src=\")([^)#\"]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize(
    ("block", "kinds"),
    [
        ("learning_rate", POLICIES),
        ("batch_size", SCHEDULES),
        ("loss", LOSSES),
        ("optimizer", OPTIMIZERS),
        ("averaging", AVERAGINGS),
    ],
)
def test_every_kind_is_documented_with_its_keys(block: str, kinds: dict[str, type[Section]]) -> None:
    shared = {BLOCKS[block], "base_rate", "warmup_images", "reconstruction_weight"}
    for name, kind in kinds.items():
        row = row_of("recipes.md", name)
        for key, field in kind.model_fields.items():
            default = "" if field.is_required() else f" {json.dumps(field.default)}".removesuffix(".0")
            assert key in shared or f"`{key}`{default}" in row


def test_every_model_is_documented() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text()
    assert all(f"`{name}`" in text for name in MODELS)


def test_every_key_and_every_name_of_a_space_is_documented() -> None:
    keys = {key for key in SearchSpace.model_fields if key != "data"}
    assert all(
        row_of("search-spaces.md", key) for key in keys | {f"data.{key}" for key in DataSection.model_fields}
    )
    for name, description in SAMPLERS.items():
        assert row_of("search-spaces.md", name) == f"| `{name}` | {description} |"
    for name, objective in OBJECTIVES.items():
        assert f"| {'more' if objective.maximise else 'less'} |" in row_of("search-spaces.md", name)
    assert all(f"`{name}`" in row_of("search-spaces.md", "stopping") for name in STOPPINGS)


def row_of(page: str, name: str) -> str:
    lines = (ROOT / "docs" / page).read_text().splitlines()
    return next(line for line in lines if line.startswith("|") and f"`{name}`" in line.split("|")[1])


def test_every_named_recipe_is_documented() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text()
    assert all(f"`{name}`" in text for name in PAPER_RECIPES)


def test_the_recipe_page_shows_the_defaults(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "recipes.md").read_text()
    path = tmp_path / "recipe.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", text, flags=re.S)[1])
    assert dse.load_recipe(path) == dse.Recipe()


def test_the_example_space_is_sound(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "search-spaces.md").read_text()
    path = tmp_path / "space.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", text, flags=re.S)[1])
    assert dse.load_space(path).name == "mine"


def test_the_example_space_in_python_is_that_of_the_file(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "search-spaces.md").read_text()
    path = tmp_path / "space.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", text, flags=re.S)[1])
    names: dict[str, object] = {}
    exec(re.search(r"```python\n(.*?)```", text, flags=re.S)[1], names)
    assert names["space"] == dse.load_space(path)


def test_the_readme_begins_with_demo_and_test() -> None:
    first = (ROOT / "README.md").read_text().splitlines()[:5]
    assert any("make demo" in line for line in first)
    assert any("make test" in line for line in first)


def test_the_weights_in_the_recipe_page_are_right() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text()
    for preset, weights in re.findall(r"^\| `(full|small|tiny)` .*\| ([\d,]+) \|$", text, flags=re.M):
        recipe = parse_recipe({"model": {"name": "capsnet", "preset": preset}}, "test")
        assert recipe.size(dse.find_dataset("mnist").shape).parameters == int(weights.replace(",", ""))
