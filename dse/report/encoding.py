"""How a recipe looks: colour, marker and fill show what decides most in the study at hand."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dse.recipe.recipe import parse_recipe
from dse.record.tables import StudyTables
from dse.report.dimensions import Dimension, dimensions
from dse.report.recipes import recipe_rows

# Blue, amber, green and purple stay apart for the three kinds of colour blindness; on white and on near-black each has
# a contrast of 3 : 1 at least (WCAG 2.2, 1.4.11).
COLOURS = ("#0072B2", "#C27A00", "#009E73", "#B4438A", "#8A6A48", "#2E9BD6", "#888888")
# For print the same hues, their lightness spread so far that grey tells the first four apart.
INKS = dict(
    zip(COLOURS, ("#00497A", "#E6A021", "#1E9C77", "#A5407F", "#6B5136", "#7CC4EC", "#9A9A9A"), strict=True)
)
SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "star", "hexagon")
FEWEST_RECIPES = 8
FILLED, OPEN = "filled", "open"


@dataclass(frozen=True)
class Channel:
    """What one means of a figure stands for; nothing if it has no signs.

    Attributes:
        title: The dimension that it shows, in words.
        signs: Colour, shape or fill of each value.
    """

    title: str = ""
    signs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Encoding:
    """What stands for what in every figure of a study.

    Attributes:
        colour: Of points and lines.
        shape: Of points.
        fill: Of points: a dimension of two values.
        looks: ``colour``, ``shape`` and whether it is ``filled``, by the recipe's id.
        dimensions: All that the recipes differ in and that has few values, those that decide most first.
    """

    colour: Channel
    shape: Channel
    fill: Channel
    looks: pd.DataFrame
    dimensions: tuple[Dimension, ...]


def choose_encoding(tables: StudyTables) -> Encoding:
    """Choose what colour, shape and fill stand for: up to three dimensions, those that decide most.

    A dimension's share is how much of the differences between recipes lies between its values and not within them,
    in the ranks of each objective (adjusted for the number of values, as adjusted R squared is). Shares are rounded to
    twentieths, and among equals the one with more values, then the earlier key comes first: so a study that is resumed
    looks the same unless it has learnt something. The third must have two values, as fill has. Kinds have the sign of
    their place in their registry in every study. Filled is what the baseline has, or else the first trial.
    """
    rows = recipe_rows(tables)
    recipes = {
        str(name): parse_recipe(json.loads(content), str(name), recorded=True)
        for name, content in zip(rows["recipe_id"], rows["recipe"], strict=True)
    }
    ranks = rows.set_index("recipe_id")[list(tables.objectives)].astype(float).rank()
    ranked = sorted(
        dimensions(recipes), key=lambda each: (-round(20 * _share(each, ranks)), -len(each.order))
    )
    coloured, shaped, filled = _assigned(ranked)
    looks = pd.DataFrame(
        {"colour": COLOURS[0], "shape": SHAPES[0], "filled": True}, index=pd.Index(recipes, dtype="str")
    )
    colour, shape, fill = _channel(coloured, COLOURS), _channel(shaped, SHAPES), Channel()
    for name, dimension, channel in (("colour", coloured, colour), ("shape", shaped, shape)):
        if dimension is not None:
            looks[name] = _values(looks, dimension).map(dict(channel.signs))
    if filled is not None:
        baseline = rows.loc[rows["is_baseline"], "recipe_id"]
        usual = filled.values[str(next(iter([*baseline, *rows["recipe_id"]])))]
        other = next(value for value in filled.order if value != usual)
        fill = Channel(filled.title, ((usual, FILLED), (other, OPEN)))
        looks["filled"] = _values(looks, filled) == usual
    return Encoding(colour, shape, fill, looks, tuple(ranked))


def _assigned(ranked: Sequence[Dimension]) -> tuple[Dimension | None, Dimension | None, Dimension | None]:
    """Give the dimensions that colour, shape and fill show.

    Fill shows the last one with two values, if it is not the only one; of the others the one with more values is
    coloured, as colours are told apart best.
    """
    binary = [dimension for dimension in ranked if len(dimension.order) == 2]
    chosen = list(ranked[:3])
    if len(chosen) == 3 and not any(dimension in binary for dimension in chosen):
        chosen[2:] = binary[:1]
    fill = next((each for each in reversed(chosen) if each in binary and len(chosen) > 1), None)
    rest = sorted((each for each in chosen if each is not fill), key=lambda each: -len(each.order))
    colour, shape, *_ = [*rest, None, None]
    return colour, shape, fill


def _share(dimension: Dimension, ranks: pd.DataFrame) -> float:
    """Give the mean share over the objectives; 0 where there are too few recipes to tell."""
    shares = []
    for _, values in ranks.items():
        known = values.dropna()
        groups = known.groupby(known.index.map(dimension.values))
        within, total = float(groups.transform("var", ddof=0).sum()), len(known) * float(known.var(ddof=0))
        freedom = len(known) - groups.ngroups
        if len(known) >= FEWEST_RECIPES and freedom > 0 and total > 0:
            shares.append(1 - within / total * (len(known) - 1) / freedom)
        else:
            shares.append(0.0)
    return max(0.0, float(np.mean(shares)))


def on_paper(encoding: Encoding) -> Encoding:
    """Give an encoding the colours of print."""
    colour = encoding.colour
    signs = tuple((value, INKS[sign]) for value, sign in colour.signs)
    printed = encoding.looks.assign(colour=encoding.looks["colour"].map(INKS))
    return dataclasses.replace(encoding, colour=Channel(colour.title, signs), looks=printed)


def looks(rows: pd.DataFrame, encoding: Encoding) -> pd.DataFrame:
    """Give ``colour``, ``shape`` and whether it is ``filled`` of each row's recipe."""
    return encoding.looks.loc[rows["recipe_id"]].set_axis(rows.index)


def _channel(dimension: Dimension | None, signs: tuple[str, ...]) -> Channel:
    if dimension is None:
        return Channel()
    places = {value: dimension.places.get(value, i) for i, value in enumerate(dimension.order)}
    return Channel(
        dimension.title, tuple((value, signs[places[value] % len(signs)]) for value in dimension.order)
    )


def _values(looks: pd.DataFrame, dimension: Dimension) -> pd.Series:
    return pd.Series(looks.index.map(dimension.values), index=looks.index)
