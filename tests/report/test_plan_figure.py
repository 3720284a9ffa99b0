"""The picture of a plan."""

from pathlib import Path

import pytest

from dse.data.datasets import find_dataset
from dse.errors import InputError
from dse.recipe.batch_size import Growing
from dse.recipe.paper import PAPER_RECIPES
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.report.figures.plan_figure import draw_plan, write_plan_figure

PLANS = [compile_plan(recipe, find_dataset("mnist").shape, images=600) for recipe in PAPER_RECIPES.values()]


def test_no_title_is_cut() -> None:
    longest = max(PLANS, key=lambda plan: len(plan.recipe.label))
    figure = draw_plan(longest)
    figure.draw_without_rendering()
    title = figure.get_suptitle().replace("\n", " ")
    assert title == longest.recipe.label
    extent = figure._suptitle.get_window_extent()
    assert figure.bbox.x0 <= extent.x0 < extent.x1 <= figure.bbox.x1


def test_a_batch_that_grows_within_an_epoch_is_drawn_where_it_does() -> None:
    schedule = Growing(start=10, at=(0.25,), within_epochs=True)
    plan = compile_plan(Recipe(batch_size=schedule, epochs=2), find_dataset("mnist").shape, images=80)
    (stairs,) = draw_plan(plan).axes[1].patches
    values, edges, _ = stairs.get_data()
    assert (values.tolist(), edges.tolist()) == ([10, 20, 20], [0, 0.5, 1, 2])


def test_an_ending_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plan.doc: .doc is no picture's. Use one of .png, .svg, .pdf"):
        write_plan_figure(PLANS[0], tmp_path / "plan.doc")
