"""The documents say what the code does."""

import re
import runpy
from pathlib import Path

import pytest

import dse
from dse.cli import commands
from dse.recipe.paper import PAPER_RECIPES
from dse.recipe.recipe import parse_recipe

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_command_reference_is_up_to_date() -> None:
    reference = runpy.run_path(str(ROOT / "docs" / "make_cli.py"))["reference"]
    assert (ROOT / "docs" / "cli.md").read_text() == reference(), "run: python docs/make_cli.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    for name, rest in re.findall(r"^ {4}dse (\w+)(.*?)(?:  #.*)?$", page.read_text(), flags=re.M):
        assert name in commands.commands
        options = {option for parameter in commands.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options


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


def test_the_readme_begins_with_demo_and_test() -> None:
    first = (ROOT / "README.md").read_text().splitlines()[:5]
    assert any("make demo" in line for line in first)
    assert any("make test" in line for line in first)


def test_public_names_are_what_they_say() -> None:
    for name in dse.__all__:
        assert getattr(dse, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dse.nothing  # noqa: B018


def test_the_weights_in_the_recipe_page_are_right() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text()
    for preset, weights in re.findall(r"^\| `(full|small|tiny)` .*\| ([\d,]+) \|$", text, flags=re.M):
        recipe = parse_recipe({"model": {"name": "capsnet", "preset": preset}}, "test")
        assert recipe.size(dse.find_dataset("mnist").shape).parameters == int(weights.replace(",", ""))
