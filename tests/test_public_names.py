"""What ``dse`` offers to Python, which names nothing that is not there."""

import ast
from pathlib import Path

import pytest

import dse
from dse.recipe.batch_size import Stage
from dse.recipe.initialisation import Initialisation
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.section import OneOf

# Whose examples would take longer than all others together.
WITHOUT_EXAMPLE = {
    "calibrate_space": "measures for seconds and writes to the user's cache",
    "calibrate_study": "measures for seconds and writes to the user's cache",
    "confirm": "trains a study of its own first",
    "verify_study": "trains what a published study claims",
    "write_views": "draws all figures",
}


def test_public_names_have_an_example() -> None:
    assert {name for name in dse.__all__ if ">>>" not in getattr(dse, name).__doc__} == set(WITHOUT_EXAMPLE)


def test_public_names_are_what_they_say() -> None:
    for name in dse.__all__:
        assert getattr(dse, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dse.nothing  # noqa: B018


def test_dir_lists_the_public_names() -> None:
    assert dir(dse) == dse.__all__


def test_type_checkers_find_every_public_name_where_it_is() -> None:
    found = {
        alias.name: node.module
        for node in ast.walk(ast.parse(Path(dse.__file__).read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dse.")
        for alias in node.names
        if alias.asname == alias.name
    }
    assert found == {name: getattr(dse, name).__module__ for name in dse.__all__}


def test_every_part_that_a_recipe_may_be_made_of_is_public() -> None:
    marks = [mark for field in Recipe.model_fields.values() for mark in field.metadata]
    kinds = [kind for mark in marks if isinstance(mark, OneOf) for kind in mark.kinds.values()]
    assert len(kinds) > 15
    assert {kind.__name__ for kind in (*kinds, Stage, Initialisation, WeightSharing)} <= set(dse.__all__)
