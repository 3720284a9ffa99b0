"""The plans that a study shows beside each other."""

from __future__ import annotations

from dse.errors import RecipeError
from dse.recipe.plan import Plan, compile_plan
from dse.record.noise import known_data
from dse.record.tables import StudyTables


def plan_data(tables: StudyTables) -> dict[str, Plan]:
    """Compile the plans of the baseline and of the answer's recipe, by what each is.

    There is none where the baseline has no complete run, or the record does not say what the images were: a study that
    was published without its space.
    """
    data = known_data(tables.space, tables.protocol)
    if data is None:
        return {}
    shape, images = data.dataset.shape, data.split.train_images
    fastest = tables.answer.fastest
    answer = None if fastest is None else tables.recipes[fastest.recipe_id]
    runs = {"baseline": tables.baseline, "the answer": answer}
    recipes = {name: each.first.recipe for name, each in runs.items() if each is not None}
    try:
        return {
            f"{name}: {recipe.label}": compile_plan(recipe, shape, images) for name, recipe in recipes.items()
        }
    except RecipeError:
        return {}
