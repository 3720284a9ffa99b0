"""From what a file holds to the tree of a recipe's open values."""

from __future__ import annotations

import json
import sys
from collections.abc import Hashable, Iterable, Mapping, Set
from typing import Any

from dse.errors import SpaceError
from dse.recipe.recipe import BLOCKS, Recipe
from dse.space.node import Node
from dse.space.tree import ONE_OF, Alternatives, Group, Joined
from dse.space.values import Choice, Given, Range
from dse.units import clipped

_CHOICE_KEYS = {"choices"}
_RANGE_KEYS = {"low", "high", "log", "integer"}
# Every choice is looked at when the file is read, and compared with others.
MOST_CHOICES = 1_000


def parse_recipe_tree(content: Mapping[str, Any]) -> Group | Joined:
    """Turn a space's recipe into its tree.

    Args:
        content: Blocks of a recipe, any value of them left open; under ``one_of``, by a name of each, groups of
            blocks of which a recipe has one.

    Raises:
        SpaceError: As ``parse_block``; a block is unknown, or stands both beside and inside ``one_of``.
    """
    if ONE_OF not in content:
        return _parse_blocks(content, "")
    common = {key: value for key, value in content.items() if key != ONE_OF}
    ways = content[ONE_OF]
    if not isinstance(ways, Mapping) or not ways:
        raise SpaceError(f"recipe.{ONE_OF}={_shown(ways)}, but it holds groups of blocks, each under a name.")
    branches = {}
    for label, way in ways.items():
        if not isinstance(label, str):
            raise SpaceError(
                f"recipe.{ONE_OF}: the name {_shown(label)} is no text, and a record would hold another. Quote it."
            )
        place = f"{ONE_OF}.{label}"
        if not isinstance(way, Mapping):
            raise SpaceError(f"recipe.{place}={_shown(way)}, but it is a group of blocks.")
        if both := sorted(common.keys() & way.keys()):
            raise SpaceError(f"recipe.{both[0]} stands beside {ONE_OF} and in {place}. Remove one.")
        branches[label] = _parse_blocks(way, f"{place}.")
    return Joined(_parse_blocks(common, ""), Alternatives(ONE_OF, branches))


def _parse_blocks(content: Mapping[str, Any], place: str) -> Group:
    unknown = _unknown(content, Recipe.model_fields.keys())
    if unknown:
        raise SpaceError(
            f"recipe.{place}{unknown[0]}: unknown key. The keys are {', '.join(Recipe.model_fields)}."
        )
    return Group(
        {
            key: parse_block(value, f"{place}{key}", BLOCKS[key])
            if key in BLOCKS
            else parse_node(value, f"{place}{key}")
            for key, value in content.items()
        }
    )


def parse_node(content: Any, name: str) -> Node:
    """Turn what a file holds into a node.

    Args:
        content: A value, ``{choices: [...]}``, ``{low: ..., high: ...}``, or a dictionary of those.
        name: Path of the value.

    Raises:
        SpaceError: Empty choices, a choice twice, a range upside down or of the wrong kind.
    """
    if isinstance(content, Mapping):
        if _CHOICE_KEYS & content.keys():
            return _parse_choice(content, name)
        if {"low", "high"} & content.keys():
            return _parse_range(content, name)
        return Group({str(key): parse_node(value, f"{name}.{key}") for key, value in content.items()})
    return Given(content)


def _parse_choice(content: Mapping[str, Any], name: str) -> Choice:
    values = content["choices"]
    if extra := _unknown(content, _CHOICE_KEYS):
        raise SpaceError(f"{name}.{extra[0]}: unknown key beside choices. Remove it.")
    if not isinstance(values, list) or not values:
        raise SpaceError(f"{name}.choices={_shown(values)}, but it must be a list of at least one value.")
    if len(values) > MOST_CHOICES:
        raise SpaceError(
            f"{name}.choices names {len(values):,} values; at most {MOST_CHOICES:,}. Use a range."
        )
    choice = Choice(name, tuple(values))
    if (repeated := _first_repeated(choice.ids)) is not None:
        raise SpaceError(f"{name}.choices names {_shown(repeated)} twice. Remove one.")
    return choice


def _parse_range(content: Mapping[str, Any], name: str) -> Range:
    if extra := _unknown(content, _RANGE_KEYS):
        raise SpaceError(f"{name}.{extra[0]}: unknown key of a range. The keys are low, high, log, integer.")
    for key in ("low", "high"):
        value = content.get(key)
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not abs(value) <= sys.float_info.max
        ):
            raise SpaceError(f"{name}.{key}={_shown(value)}, but a range needs a finite number.")
    for key in ("log", "integer"):
        if not isinstance(content.get(key, False), bool):
            raise SpaceError(f"{name}.{key}={_shown(content[key])}, but it must be true or false.")
    low, high = content["low"], content["high"]
    log, integer = content.get("log", False), content.get("integer", False)
    if low >= high:
        raise SpaceError(f"{name}: low={low} is not below high={high}. Exchange them, or give the one value.")
    if log and low <= 0:
        raise SpaceError(f"{name}: low={low}, but a logarithmic range must begin above 0.")
    if integer and not (isinstance(low, int) and isinstance(high, int)):
        raise SpaceError(
            f"{name}: low={low} and high={high} must be whole numbers in a range with integer: true."
        )
    return Range(name, low, high, log, integer)


def parse_block(content: Any, name: str, tag: str | None) -> Node:
    """Turn a block of the recipe into a node; here a list means alternatives.

    Args:
        content: As for ``parse_node``, or a list of dictionaries.
        name: Path of the block.
        tag: The key that names the kind of an alternative; None if all are of one kind.

    Raises:
        SpaceError: As ``parse_node``; no alternative, one twice, or one that is no dictionary.
    """
    if not isinstance(content, list):
        return parse_node(content, name)
    if not content:
        raise SpaceError(f"{name}=[], but it must hold at least one alternative.")
    for i, branch in enumerate(content):
        if not isinstance(branch, Mapping):
            raise SpaceError(f"{name}[{i}]={_shown(branch)}, but an alternative is a group of keys.")
    labels = _labels(content, tag)
    return Alternatives(
        name,
        {
            label: Group(
                {str(key): parse_node(value, f"{name}.{label}.{key}") for key, value in branch.items()}
            )
            for label, branch in zip(labels, content, strict=True)
        },
    )


def _labels(branches: list[Mapping[str, Any]], tag: str | None) -> list[str]:
    """Name each alternative by its kind or, where several are of one kind, by all that it holds.

    A label depends on its own alternative where it can, so that adding one does not rename the others.
    """
    kinds = [str(branch.get(tag, "")) if tag else "" for branch in branches]
    labels = [
        kind if kind and kinds.count(kind) == 1 else json.dumps(branch, separators=(",", ":"))
        for kind, branch in zip(kinds, branches, strict=True)
    ]
    if (repeated := _first_repeated(labels)) is not None:
        raise SpaceError(f"the alternative {_shown(repeated)} stands here twice. Remove one.")
    return labels


def _first_repeated(values: Iterable[Hashable]) -> Hashable | None:
    seen: set[Hashable] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _unknown(content: Mapping[Any, Any], known: Set[str]) -> list[str]:
    return sorted(clipped(str(key)) for key in content.keys() - known)


def _shown(value: object) -> str:
    return clipped(repr(value))
