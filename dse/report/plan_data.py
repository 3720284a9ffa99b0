"""The plans that a study shows beside each other."""

from __future__ import annotations

from dse.data.choice import DataSection
from dse.errors import DataError, RecipeError
from dse.recipe.plan import Plan, compile_plan
from dse.record.tables import StudyTables


def plan_data(tables: StudyTables) -> dict[str, Plan]:
    """Compile the plans of the baseline and of the answer's recipe, by what each is.

    There is none where the baseline has no complete run, or the record does not say what the images were: a study that
    was published without its space.
    """
    reached = {"baseline": tables.answer.baseline, "the answer": tables.answer.fastest}
    plans: dict[str, Plan] = {}
    if "data" not in tables.space:
        return plans
    try:
        image = DataSection.parse(tables.space["data"], tables.name, recorded=True).dataset.shape
        for name, stop in reached.items():
            if stop is not None:
                curve = tables.curves[tables.curves["trial"] == stop.trial]
                recipe = tables.recipes[stop.recipe_id].first.recipe
                plan = compile_plan(recipe, image, int(curve["images_seen"].iloc[0]))
                plans[f"{name}: {stop.label}"] = plan
    except (DataError, RecipeError):
        return {}
    return plans
