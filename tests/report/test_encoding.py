"""Colour, shape and fill show what decides most in the study at hand, and the legend names it."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.recipe.batch_size import AdaBatch, Constant
from dse.recipe.initialisation import Initialisation
from dse.recipe.learning_rate import POLICIES, ExponentialDecay, Fixed, OneCycle, Policy
from dse.recipe.loss import LOSSES, CrossEntropy, Loss, Margin
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.optimizer import ScheduleFree
from dse.recipe.recipe import Recipe
from dse.record.tables import StudyTables
from dse.report.dimensions import MOST_VALUES, dimensions
from dse.report.encoding import COLOURS, SHAPES, Channel, choose_encoding, looks
from dse.report.page.legend import point_legend
from tests.fakes import BASELINE, FASTER, SHARED, SMALL_BATCH, make_study, make_trial
from tests.recipe.drawn import one_of, section

TINY = BASELINE.model


def titles(*recipes: Recipe) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.title, each.order) for each in dimensions({recipe.id: recipe for recipe in recipes})]


def recipe(**parts: object) -> Recipe:
    return Recipe(**{"model": TINY, "epochs": 5} | parts)


def test_a_dimension_is_named_by_its_key_and_its_values_stand_in_order() -> None:
    wide, many = (TINY.model_validate(TINY.model_dump(exclude_unset=True) | sizes) for sizes in
                  ({"filters": 128}, {"types": 10}))  # fmt: skip
    assert titles(recipe(), recipe(model=wide), recipe(model=many)) == [
        ("model: filters", ("32", "128")), ("model: types", ("4", "10"))]  # fmt: skip
    assert titles(
        recipe(loss=CrossEntropy(), optimizer=ScheduleFree()),
        recipe(optimizer=ScheduleFree()),
        recipe(initialisation=Initialisation(class_matrices="balanced"), precision="bfloat16"),
        recipe(initialisation=Initialisation(class_matrices=0.1)),
    ) == [
        ("precision", ("bfloat16", "float32")),
        ("loss", ("margin", "cross_entropy")),
        ("initialisation: class matrices", ("0.1", "1.0", "balanced")),
        ("optimizer", ("adam", "schedule_free")),
    ]


def test_a_block_of_several_kinds_is_one_dimension() -> None:
    sizes = [recipe(batch_size=Constant(size=size)) for size in (128, 16)]
    growing = recipe(batch_size=AdaBatch(start=8, period=2))
    # Two sizes of one kind: its label tells more than the kind.
    assert titles(*sizes, growing) == [("schedule", ("16", "128", "8 ×2 every 2 ep"))]
    assert titles(sizes[0], growing) == [("schedule", ("constant", "adabatch"))]
    rates = [recipe(learning_rate=Fixed(base_rate=rate)) for rate in (0.001, 0.003)]
    # A base rate means something else under each policy.
    assert titles(*rates, recipe(learning_rate=OneCycle())) == [("policy", ("fixed", "one_cycle"))]
    assert titles(*rates) == [("learning rate: base rate", ("0.001", "0.003"))]


def test_many_numbers_are_told_by_round_bounds_between_them() -> None:
    rates = [recipe(learning_rate=Fixed(base_rate=0.0005 * 1.2**i)) for i in range(12)]
    assert titles(*rates) == [
        ("learning rate: base rate", ("0.0005 to 0.001", "0.001 to 0.002", "0.002 to 0.005"))
    ]
    sizes = [recipe(batch_size=Constant(size=2**i)) for i in range(11)]
    assert titles(*sizes) == [("batch size", ("1 to 10", "10 to 100", "100 to 1000", "1000 to 10000"))]


def test_what_says_the_same_is_one_dimension() -> None:
    pairs = [recipe(batch_size=Constant(size=size), learning_rate=policy)
             for size, policy in ((16, Fixed()), (32, OneCycle()))]  # fmt: skip
    assert [title for title, _ in titles(*pairs)] == ["policy"]


def study(decides: str) -> StudyTables:
    """Rate, size and loss in all combinations; one of them decides, and the others hardly matter."""
    trials = []
    for number, (rate, size, loss) in enumerate(
        itertools.product((0.001, 0.003, 0.01, 0.03), (16, 32, 64), (Margin(), CrossEntropy()))
    ):
        each = recipe(learning_rate=Fixed(base_rate=rate), batch_size=Constant(size=size), loss=loss)
        gain = {"rate": rate, "size": size / 1000, "loss": 0.04 * (loss != Margin())}[decides]
        noise = 1e-4 * (7 * number % 11)
        trials.append(make_trial(number, each, [(10 + 100 * gain + noise, 0.9 + gain + noise)]))
    return make_study(trials)


@pytest.mark.parametrize(
    ("decides", "colour", "shape"),
    [
        ("rate", "learning rate: base rate", "batch size"),
        ("size", "learning rate: base rate", "batch size"),
    ],
)
def test_three_dimensions_have_a_channel_each(decides: str, colour: str, shape: str) -> None:
    encoding = choose_encoding(study(decides))
    assert (encoding.colour.title, encoding.shape.title, encoding.fill.title) == (colour, shape, "loss")
    assert encoding.fill.signs == (("margin", "filled"), ("cross_entropy", "open"))
    assert [group.name for group in point_legend(encoding, [])] == [colour, shape, "loss"]


@pytest.mark.parametrize("decides", ["filters", "types", "stride", "matrices"])
def test_what_decides_most_is_shown_and_the_rest_is_not(decides: str) -> None:
    trials = []
    keys = ("filters", "types", "stride", "matrices")
    for number, values in enumerate(itertools.product((0, 1, 2), repeat=4)):
        filters, types, stride, matrices = values
        model = CapsNetModel(preset="tiny", filters=16 + filters, types=2 + types, primary_stride=1 + stride)
        each = recipe(model=model, initialisation=Initialisation(class_matrices=0.5 + matrices / 4))
        level = dict(zip(keys, values, strict=True))[decides]
        trials.append(make_trial(number, each, [(10 + level, 0.5 + 0.1 * level + 1e-5 * (7 * number % 11))]))
    shown = choose_encoding(make_study(trials))
    assert decides in shown.colour.title
    assert shown.fill == Channel()


def test_kinds_have_their_sign_in_every_study() -> None:
    names = list(POLICIES)
    for policies in ([Fixed(), OneCycle()], [Fixed(), ExponentialDecay(), OneCycle()]):
        trials = [make_trial(i, recipe(learning_rate=each), [(1, 0.5)]) for i, each in enumerate(policies)]
        encoding = choose_encoding(make_study(trials))
        assert dict(encoding.colour.signs) == {
            each.policy: COLOURS[names.index(each.policy)] for each in policies
        }


def test_looks_follow_the_recipe_and_the_baseline_is_filled(small_study: StudyTables) -> None:
    encoding = choose_encoding(small_study)
    look = looks(small_study.trials, encoding)
    assert not look.isna().any().any()
    assert look.index.tolist() == small_study.trials.index.tolist()
    by_recipe = dict(zip(small_study.trials["recipe_id"], look["filled"], strict=True))
    assert by_recipe[BASELINE.id]
    assert len({tuple(row) for row in look[["colour", "shape", "filled"]].to_numpy()}) == 4
    assert {FASTER.id, SHARED.id, SMALL_BATCH.id} < by_recipe.keys()


def test_a_study_of_one_recipe_has_one_look() -> None:
    encoding = choose_encoding(make_study([make_trial(0, BASELINE, [(1, 0.5)])]))
    assert (encoding.colour, encoding.shape, encoding.fill) == (Channel(),) * 3
    assert encoding.looks.to_numpy().tolist() == [[COLOURS[0], SHAPES[0], True]]
    assert choose_encoding(make_study([])).looks.empty


@settings(max_examples=40)
@given(
    policies=st.lists(one_of(POLICIES), min_size=1, max_size=12),
    losses=st.lists(one_of(LOSSES), min_size=1, max_size=3),
    models=st.lists(section(CapsNetModel), min_size=1, max_size=4),
)
def test_any_recipes_have_dimensions_that_a_figure_can_show(
    policies: list[Policy], losses: list[Loss], models: list[CapsNetModel]
) -> None:
    recipes = [
        recipe(learning_rate=policy, loss=loss, model=model)
        for policy, loss, model in zip(
            policies, itertools.cycle(losses), itertools.cycle(models), strict=False
        )
    ]
    found = dimensions({each.id: each for each in recipes})
    for dimension in found:
        assert 2 <= len(dimension.order) <= MOST_VALUES
        assert set(dimension.values.values()) == set(dimension.order)
        assert dimension.values.keys() == {each.id for each in recipes}
    partitions = {tuple(pd.factorize(pd.Series(each.values))[0].tolist()) for each in found}
    assert len(partitions) == len(found)


def luminance(colour: str) -> float:
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("paper", ["#ffffff", "#fdfdfb", "#16181c"])
@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_stands_out_from_light_and_dark_paper(colour: str, paper: str) -> None:
    """WCAG 2.2, success criterion 1.4.11: graphical objects have a contrast of 3 : 1."""
    dark, light = sorted((luminance(colour), luminance(paper)))
    assert (light + 0.05) / (dark + 0.05) >= 3
