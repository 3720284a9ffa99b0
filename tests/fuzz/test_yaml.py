"""Search spaces and recipes that are spoilt in any way are read, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dse.data.datasets import find_dataset
from dse.recipe.load import load_recipe
from dse.recipe.paper import PAPER_RECIPES
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.space.load import load_space
from dse.space.shipped import shipped_spaces
from tests.fakes import SPACE
from tests.fuzz.limits import check_door, fuzzed
from tests.fuzz.mutations import spoilt_bytes, spoilt_tree, spoilt_words
from tests.recipe.drawn import section

SPACES = [*(path.read_text() for path in shipped_spaces()), yaml.safe_dump(SPACE)]
RECIPES = [recipe.model_dump(mode="json", exclude_unset=True) for recipe in PAPER_RECIPES.values()]
# As a study's space.yaml and a trial's recipe are: every key is there.
WHOLE_RECIPES = st.one_of(
    st.sampled_from(RECIPES), section(Recipe).map(lambda recipe: recipe.model_dump(mode="json"))
)


def spoilt(texts: st.SearchStrategy[str], trees: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    return st.one_of(
        trees.flatmap(spoilt_tree).map(_dumped),
        trees.flatmap(spoilt_tree).map(_dumped),
        texts.flatmap(spoilt_words),
        texts.map(str.encode).flatmap(spoilt_bytes),
    )


def _dumped(content: Any) -> bytes:
    text: str = yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True)
    return text.encode("utf-8", "surrogatepass")


class _Plain(yaml.SafeDumper):
    """Writes what stands twice twice: aliases come from the words."""

    def ignore_aliases(self, _: object) -> bool:
        return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yaml")


@fuzzed()
@given(content=spoilt(st.sampled_from(SPACES), st.sampled_from(SPACES).map(yaml.safe_load)))
def test_a_search_space(content: bytes, folder: Path) -> None:
    path = folder / "space.yaml"
    path.write_bytes(content)

    def read() -> None:
        space = load_space(path)
        again = folder / "again.yaml"
        again.write_text(space.to_yaml())
        assert load_space(again) == space, "what a study records is what was read"
        space.plan(space.baseline_recipe)
        assert space.size > 0

    check_door(read, path)


@fuzzed()
@given(content=spoilt(WHOLE_RECIPES.map(yaml.safe_dump), WHOLE_RECIPES))
def test_a_recipe(content: bytes, folder: Path) -> None:
    path = folder / "recipe.yaml"
    path.write_bytes(content)

    def compile_it() -> None:
        recipe = load_recipe(path)
        assert len(recipe.id) == 12
        recipe.label.encode()
        assert Recipe.parse(recipe.model_dump(mode="json"), "again").id == recipe.id
        compile_plan(recipe, find_dataset("digits").shape, 1_200)

    if check_door(lambda: load_recipe(path), path):
        check_door(compile_it, "")  # the recipe is at fault, wherever it came from
