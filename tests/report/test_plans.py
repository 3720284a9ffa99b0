"""The picture of a plan."""

import dataclasses
from pathlib import Path

import pytest

from dse.data.datasets import find_dataset
from dse.errors import InputError
from dse.recipe.batch_size import Growing, Stage, Stages
from dse.recipe.paper import PAPER_RECIPES
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.record.tables import StudyTables
from dse.report.figures.paper import WIDTHS
from dse.report.figures.plans import draw_plans, write_plan
from dse.report.plan_data import plan_data
from tests.fakes import BASELINE, FASTER

PLANS = [compile_plan(recipe, find_dataset("mnist").shape, images=600) for recipe in PAPER_RECIPES.values()]


def test_the_picture_names_its_recipe_in_full() -> None:
    longest = max(PLANS, key=lambda plan: len(plan.recipe.label))
    figure = draw_plans({longest.recipe.label: longest}, WIDTHS["column"])
    (text,) = figure.legends[0].get_texts()
    assert text.get_text().replace("\n", " ") == longest.recipe.label


def test_a_batch_that_grows_within_an_epoch_is_drawn_where_it_does() -> None:
    schedule = Growing(start=10, at=(0.25,), within_epochs=True)
    plan = compile_plan(Recipe(batch_size=schedule, epochs=2), find_dataset("mnist").shape, images=80)
    (stairs,) = draw_plans({"it": plan}, WIDTHS["column"]).axes[1].patches
    values, edges, _ = stairs.get_data()
    assert (values.tolist(), edges.tolist()) == ([10, 20, 20], [0, 0.5, 1, 2])


def test_sizes_too_close_for_their_labels_have_one() -> None:
    stages = [Stage(epochs=1, size=size) for size in (16, 17, 18, 64)]
    plan = compile_plan(
        Recipe(batch_size=Stages(stages=tuple(stages)), epochs=4), find_dataset("mnist").shape, images=640
    )
    assert draw_plans({"it": plan}, WIDTHS["column"]).axes[1].get_yticks().tolist() == [16, 64]


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_plan_is_written_in_the_form_that_its_name_ends_in(ending: str, tmp_path: Path) -> None:
    write_plan(PLANS[0], tmp_path / f"plan.{ending}")
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert (tmp_path / f"plan.{ending}").read_bytes().startswith(begins)


def test_an_ending_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plan.doc: .doc is no picture's. Use one of .png, .svg, .pdf"):
        write_plan(PLANS[0], tmp_path / "plan.doc")


def test_a_study_shows_the_plans_of_its_baseline_and_of_its_answer(small_study: StudyTables) -> None:
    baseline, answer = plan_data(small_study).items()
    assert baseline[0] == f"baseline: {BASELINE.label}"
    assert answer[0] == f"the answer: {FASTER.label}"
    assert answer[1].recipe == FASTER
    assert answer[1].images == small_study.curves["images_seen"].min()


def test_a_study_that_does_not_say_what_its_images_are_shows_no_plan(small_study: StudyTables) -> None:
    assert plan_data(dataclasses.replace(small_study, space={})) == {}
    strange = {"data": {"name": "nobody-knows"}}
    assert plan_data(dataclasses.replace(small_study, space=strange)) == {}
