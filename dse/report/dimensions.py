"""What the recipes of a study differ in, in words: the dimensions that a figure can show and a legend can name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dse.recipe.recipe import BLOCKS, Recipe
from dse.record.frames import flat
from dse.section import OneOf
from dse.units import words

# More signs than these are not told apart.
MOST_VALUES = 7

Values = dict[str, Any]
"""A value of each recipe, by its id."""


@dataclass(frozen=True)
class Dimension:
    """Something that recipes differ in.

    Attributes:
        title: What it is, in words.
        values: What each recipe has, in words, by its id.
        order: The different values in an order that does not depend on the trials.
        places: Place of each value in its registry, if it is the kind of a block.
    """

    title: str
    values: dict[str, str]
    order: tuple[str, ...]
    places: dict[str, int]


def dimensions(recipes: Mapping[str, Recipe]) -> list[Dimension]:
    """Find what recipes differ in, in the order of a recipe's keys.

    A block of several kinds is one dimension, since its other values mean something else under each kind: the kind,
    or its label where there is more to tell (as the sizes of a constant batch, and the periods of a growing one).
    Of a block of one kind each value is a dimension. Of dimensions that say the same the first is kept.

    Args:
        recipes: By their id.
    """
    flats = {key: flat(recipe.model_dump(mode="json")) for key, recipe in recipes.items()}
    first = next(iter(flats.values()), {})
    paths = [path for path in first if all(path in each for each in flats.values())]
    leaves = {path: {key: each[path] for key, each in flats.items()} for path in paths}
    found: list[Dimension] = []
    for name in Recipe.model_fields:
        inside = _different({path: leaves[path] for path in leaves if path.partition(".")[0] == name})
        kind = f"{name}.{BLOCKS.get(name)}"
        if kind not in inside:
            found += [_by_value(path, values) for path, values in inside.items()]
            continue
        labels = {key: getattr(recipe, name).label for key, recipe in recipes.items()}
        told = len({tuple(values[key] for values in inside.values()) for key in recipes})
        more = told < len(set(labels.values())) <= MOST_VALUES
        found.append(_by_label(name, labels, recipes) if more else _by_value(kind, inside[kind]))
    told_apart = [each for each in found if 2 <= len(each.order) <= MOST_VALUES]
    once = _different({str(i): dict(each.values) for i, each in enumerate(told_apart)})
    return [told_apart[int(i)] for i in once]


def _different(columns: Mapping[str, Values]) -> dict[str, Values]:
    """Leave out what is the same for all, and what tells the same recipes apart as something before it."""
    kept: dict[tuple[int, ...], str] = {}
    for path, values in columns.items():
        numbers: dict[Any, int] = {}
        partition = tuple(numbers.setdefault(value, len(numbers)) for value in values.values())
        if len(numbers) > 1:
            kept.setdefault(partition, path)
    return {path: columns[path] for path in kept.values()}


def _by_label(name: str, labels: dict[str, str], recipes: Mapping[str, Recipe]) -> Dimension:
    tag, places = BLOCKS[name], _places(name)
    kinds = {
        labels[key]: getattr(getattr(recipe, name), tag) if tag else "" for key, recipe in recipes.items()
    }

    def rank(label: str) -> tuple[int, int, str]:
        number = re.search(r"\d+", label)
        return places[kinds[label]], int(number[0]) if number else 0, label

    return Dimension(dimension_title(name, tag or ""), labels, tuple(sorted(kinds, key=rank)), {})


def _by_value(path: str, values: Values) -> Dimension:
    name, _, key = path.partition(".")
    places = _places(name) if key and key == BLOCKS.get(name) else {}
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values.values())
    if numbers:
        say, rank = _number_words(values.values()), None
        order = [say(value) for value in sorted(set(values.values()))]
    else:
        say, rank = str, lambda value: (places.get(value, 0), value)
        order = sorted({str(value) for value in values.values()}, key=rank)
    said = {recipe: say(value) for recipe, value in values.items()}
    return Dimension(dimension_title(name, key), said, tuple(dict.fromkeys(order)), places)


def _number_words(values: Iterable[float]) -> Callable[[float], str]:
    """Say each number or, where there are too many, between which round numbers it lies."""
    different = set(values)
    if len(different) <= MOST_VALUES or min(different) <= 0:
        return lambda value: f"{value:g}"
    for steps in ((1, 2, 5), (1,)):
        say = _between(steps)
        if len({say(value) for value in different}) <= MOST_VALUES:
            break
    return say


def _between(steps: tuple[int, ...]) -> Callable[[float], str]:
    def say(value: float) -> str:
        decade = 10.0 ** math.floor(math.log10(value) + 1e-9)
        bounds = [*(step * decade for step in steps), 10 * decade]
        place = max(i for i, bound in enumerate(bounds) if bound <= value * (1 + 1e-9))
        return f"{bounds[place]:g} to {bounds[place + 1]:g}"

    return say


def dimension_title(name: str, key: str) -> str:
    """Name a value of a recipe in words.

    Args:
        name: The recipe's key.
        key: The key inside of it; empty if there is none.

    >>> dimension_title("learning_rate", "base_rate"), dimension_title("optimizer", "name")
    ('learning rate: base rate', 'optimizer')
    """
    tag = BLOCKS.get(name)
    if not key or key == "name" or key in name.split("_"):
        return words(name)
    return words(key) if key == tag else f"{words(name)}: {words(key)}"


def _places(name: str) -> dict[str, int]:
    marks = Recipe.model_fields[name].metadata
    kinds = next((mark.kinds for mark in marks if isinstance(mark, OneOf)), {})
    return {kind: place for place, kind in enumerate(kinds)}
