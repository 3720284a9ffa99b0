"""Whether a search space is sound: every recipe that can come of it is checked before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dse.errors import DataError, RecipeError, SpaceError
from dse.recipe.recipe import CAPSULES_ONLY, Recipe, parse_recipe
from dse.section import messages
from dse.space.tree import ONE_OF, Alternatives, Group, plain_groups

if TYPE_CHECKING:
    from dse.space.search_space import SearchSpace

# Every combination of bounds and choices of a block is checked, which takes up to a millisecond for each.
MOST_CORNERS = 10_000

# Keys of a recipe whose values must fit each other to make a plan, and those that refuse each other.
DEPENDENT = (("model", "weight_sharing"), ("batch_size", "epochs"))
REFUSING = (
    ("learning_rate", "batch_size"),
    *(("optimizer", other) for other in ("learning_rate", "batch_size", "averaging", "model")),
    *(("model", part) for part in CAPSULES_ONLY),
)


def check_sound(space: SearchSpace) -> None:
    """Draw enough recipes to be sure of all: parts that depend on each other in all combinations.

    Raises:
        SpaceError: A recipe that can come of the space makes no sound run, or the baseline is no point of it.
    """
    try:
        space.data_choice.split  # noqa: B018 - the images must be there
    except DataError as error:
        raise SpaceError(f"data: {error}") from None
    for tree in plain_groups(space.tree):
        plain = _first_corner(tree)
        alone = [(key,) for key in Recipe.model_fields if not any(key in keys for keys in DEPENDENT)]
        for together in (*alone, *DEPENDENT):
            for content, keys in _corners(tree, together):
                recipe = _checked_recipe(plain | content, keys)
                try:
                    space.plan(recipe)
                except RecipeError as error:
                    raise SpaceError(f"recipe.{_renamed(str(error), keys)}") from None
        _check_pairs(tree, plain)
    space.baseline_recipe  # noqa: B018 - it must exist


def _check_pairs(tree: Group, plain: dict[str, Any]) -> None:
    for one, other in REFUSING:
        for content, keys in _corners(tree, (one, other)):
            try:
                _checked_recipe(plain | content, keys)
            except SpaceError as error:
                raise SpaceError(
                    f"{error} Where {one} and {other} belong together, put them under {ONE_OF}, "
                    "see docs/search-spaces.md."
                ) from None


def _first_corner(tree: Group) -> dict[str, Any]:
    return {key: next(iter(member.corners())) for key, member in tree.members.items()}


def _corners(tree: Group, keys: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Give the corners of some blocks, with the place in the file of each alternative."""
    chosen = {key: tree.members[key] for key in keys if key in tree.members}
    variants: list[dict[str, tuple[Any, str]]] = [{}]
    for key, member in chosen.items():
        if isinstance(member, Alternatives):
            found = ((corner, f"{key}[{i}]") for i, branch in enumerate(member.branches.values())
                     for corner in branch.corners())  # fmt: skip
        else:
            found = ((corner, key) for corner in member.corners())
        places = list(islice(found, MOST_CORNERS + 1))
        if len(variants) * len(places) > MOST_CORNERS:
            raise SpaceError(
                f"recipe.{key} has more than {MOST_CORNERS:,} combinations to check. Use ranges in place of long "
                "lists of choices, or leave fewer values open."
            )
        variants = [variant | {key: place} for variant in variants for place in places]
    for variant in variants:
        yield (
            {key: corner for key, (corner, _) in variant.items()},
            {key: place for key, (_, place) in variant.items()},
        )


def _checked_recipe(content: dict[str, Any], places: dict[str, str]) -> Recipe:
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        renamed = dict.fromkeys(_renamed(message, places) for message in messages(error, content))
        raise SpaceError("; ".join(f"recipe.{message}" for message in renamed)) from None


def _renamed(message: str, places: dict[str, str]) -> str:
    """Put the alternative's place in front of a message that begins with its key."""
    for key, place in places.items():
        if message.startswith(key):
            return place + message[len(key) :]
    return message


def own_networks(space: SearchSpace) -> Iterator[Recipe]:
    """Give recipes with every network of the user's own that may be drawn, as far as corners show them."""
    for tree in plain_groups(space.tree):
        plain = _first_corner(tree)
        for content, _ in _corners(tree, DEPENDENT[0]):
            recipe = parse_recipe(plain | content, space.name)
            if recipe.model.imports:
                yield recipe
