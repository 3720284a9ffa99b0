"""What ``dse`` offers to Python, which names nothing that is not there."""

import ast
from pathlib import Path

import pytest

import dse


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
