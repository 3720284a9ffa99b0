"""Recipes of a space that are the beginning of others: each is trained twice."""

from __future__ import annotations

from collections import defaultdict

from dse.recipe.plan import begins
from dse.recipe.recipe import Recipe
from dse.space.search_space import SearchSpace
from dse.units import count_text

# To plan more recipes takes longer than a user waits for a hint.
MOST_RECIPES = 2_000


def beginnings(space: SearchSpace) -> list[tuple[Recipe, Recipe]]:
    """Find the recipes that are the beginning of a longer one, with that; none in a space of more than 2,000.

    Every epoch of a run is a point of the front, so a run of the longer one holds all that the shorter one shows.
    """
    if space.size > MOST_RECIPES:
        return []
    alike: defaultdict[str, list[Recipe]] = defaultdict(list)
    for assignment in space.points():
        recipe = space.recipe_of(assignment)
        alike[recipe.but_for_epochs].append(recipe)
    found, images = [], space.data_choice.split.train_images
    for recipes in alike.values():
        *shorter, longest = sorted(recipes, key=lambda recipe: recipe.epochs)
        found += [(recipe, longest) for recipe in shorter if begins(recipe, longest, images)]
    return found


def beginnings_text(space: SearchSpace) -> str:
    """Say which epochs need not be left open; empty if all of them tell something."""
    found = beginnings(space)
    if not found:
        return ""
    short, long = found[0]
    return (
        f"{count_text(len(found), 'recipe')} of {space.size:,.0f} are the beginning of another one, which passes "
        f"through all their points: {long.label}, {short.epochs} epochs and {long.epochs}. Give such recipes their "
        "most epochs alone."
    )
