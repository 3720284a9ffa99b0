"""``dse recipe``: a recipe as a file, to keep, change or pass on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dse.cli.options import json_option, print_json, recipe_argument, results_option
from dse.cli.terminal import say

if TYPE_CHECKING:
    from dse.recipe.recipe import Recipe


@click.command()
@recipe_argument
@results_option
@json_option
def recipe(recipe: str, results: Path, as_json: bool) -> None:
    """Print a recipe as YAML, complete, as `dse train` and `dse plan` read it.

    RECIPE is a name (paper/...), a YAML file, or STUDY:TRIAL. A network of your own is named, not imported: look at
    the file before you train it.

    \b
    Examples:
      dse recipe quickstart:12 > best.yaml
      dse train best.yaml --seed 7
      dse recipe paper/warm_ada_batch
    """
    from dse.study.recipes import written_recipe

    found, study = written_recipe(recipe, results)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        say(recipe_text(found, f"trained by {recipe}" if study else "").removesuffix("\n"))


def recipe_text(recipe: Recipe, *remarks: str) -> str:
    """Write a recipe as a YAML file that begins with what it is, in words.

    Args:
        recipe: The recipe.
        remarks: More to say of it, a line each; empty ones are left out.
    """
    from dse.files import write_yaml

    about = (recipe.label, f"recipe {recipe.id}", *remarks)
    # A label may name files of the user's own: whatever stands in it, it stays a comment.
    lines = (f"# {' '.join(line.split())}\n" for line in about if line)
    return "".join(lines) + write_yaml(recipe.model_dump(mode="json"))
