"""Reading recipes: from a file, or by the name of one of the paper's."""

from __future__ import annotations

from pathlib import Path

from dse.errors import RecipeError
from dse.files import read_yaml
from dse.recipe.paper import paper_recipe
from dse.recipe.recipe import Recipe, parse_recipe


def load_recipe(source: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        source: A YAML file, or the name of one of the paper's recipes.

    Raises:
        RecipeError: The file cannot be read, or holds no recipe; or there is no recipe of that name.

    >>> load_recipe("paper/adabatch").batch_size.schedule
    'stages'
    """
    path = Path(source)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return parse_recipe(read_yaml(path, RecipeError), str(path))
    return paper_recipe(str(source))
