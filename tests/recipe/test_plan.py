"""Plans: steps add up, stages follow the schedule, and what does not fit is refused."""

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from dse.data.datasets import ImageShape, Protocol, find_dataset, split_sizes
from dse.errors import DataError, RecipeError
from dse.files import write_yaml
from dse.recipe.batch_size import SCHEDULES, Constant, Growing, Schedule, Seesaw, Stage, Stages
from dse.recipe.conformance import check_schedule
from dse.recipe.learning_rate import Fixed, WarmRestarts
from dse.recipe.load import load_recipe
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.paper import PAPER_RECIPES, paper_recipe
from dse.recipe.plan import Segment, compile_plan
from dse.recipe.recipe import Recipe, parse_recipe
from dse.recipe.weight_sharing import WeightSharing
from tests.recipe.drawn import one_of

MNIST = find_dataset("mnist").shape
CIFAR10 = find_dataset("cifar10").shape


def test_the_baseline_has_30_epochs_of_469_steps() -> None:
    plan = compile_plan(paper_recipe("paper/baseline"), MNIST, images=60_000)
    assert [epoch.steps for epoch in plan.epochs] == [469] * 30
    assert plan.total_steps == 14_070


@pytest.mark.parametrize("name", ["paper/adabatch", "paper/warm_ada_batch"])
def test_the_published_batch_sizes_are_1_for_3_epochs_then_16(name: str) -> None:
    plan = compile_plan(paper_recipe(name), MNIST, images=60_000)
    assert plan.batch_sizes.tolist() == [1] * 3 + [16] * 27
    assert plan.steps.tolist() == [60_000] * 3 + [3_750] * 27


PARAMETERS = {
    ("full", "none", "full"): 8_215_728,
    ("full", "per_type", "full"): 6_782_128,
    ("full", "none", "reduced"): 8_215_728 - 73_728,
    ("full", "per_type", "reduced"): 6_708_400,
    ("tiny", "none", "full"): 389_840,
}


@pytest.mark.parametrize(("preset", "class_capsules", "decoder"), PARAMETERS)
def test_weights_on_mnist(preset: str, class_capsules: str, decoder: str) -> None:
    recipe = Recipe(
        model=CapsNetModel(preset=preset),
        weight_sharing=WeightSharing(class_capsules=class_capsules, decoder=decoder),
    )
    assert recipe.size(MNIST).parameters == PARAMETERS[preset, class_capsules, decoder]


def test_weights_of_lenet5() -> None:
    assert Recipe(model=LeNet5Model()).size(MNIST).parameters == 61_706


def test_the_paper_counts_the_coupling_coefficients_too() -> None:
    for name, printed in (("paper/baseline", 8_227_248), ("paper/weight_sharing", 6_719_920)):
        assert paper_recipe(name).size(MNIST).parameters + 1_152 * 10 == printed


def test_the_primary_convolution_is_most_of_the_multiplications() -> None:
    assert Recipe().size(MNIST).multiplications == pytest.approx(203e6, rel=0.01)


@pytest.mark.parametrize("epochs", [10, 20, 60])
def test_a_growing_batch_grows_at_the_same_shares_of_any_run(epochs: int) -> None:
    recipe = Recipe(batch_size=Growing(start=16, growth=2, at=(0.1, 0.5)), epochs=epochs)
    sizes = compile_plan(recipe, MNIST, 1000).batch_sizes
    grown = np.flatnonzero(np.diff(sizes)) + 1
    assert (grown / epochs).tolist() == [0.1, 0.5]
    assert sorted(set(sizes.tolist())) == [16, 32, 64]


def test_a_batch_may_grow_within_an_epoch() -> None:
    """100 images in 2 epochs: 50 of them are due at 16, 3 whole batches, and 100 at 32, until 1.48 epochs."""
    schedule = Growing(start=16, growth=2, at=(0.25, 0.75), within_epochs=True)
    policy = WarmRestarts(base_rate=0.001, cycle_epochs="per_stage", warmup_images=100)
    plan = compile_plan(Recipe(batch_size=schedule, learning_rate=policy, epochs=2), MNIST, 100)
    assert plan.segments == (
        (Segment(16, 3), Segment(32, 2)),
        (Segment(32, 2), Segment(64, 1)),
    )
    assert (plan.steps.tolist(), plan.batch_sizes.tolist()) == ([5, 3], [22, 43])
    assert plan.step_sizes == {16, 32, 20, 64, 36}
    # A cycle for each stage, of 3, 4 and 1 steps, behind a warm-up over the images seen.
    cosines = [0.0055 + 0.0045 * np.cos(np.pi * t) for t in (0, 1 / 3, 2 / 3, 0, 1 / 4, 2 / 4, 3 / 4, 0)]
    warm = np.minimum(1, np.array([16, 32, 48, 80, 100, 132, 164, 200]) / 100)
    assert plan.rates == pytest.approx(cosines * warm)
    assert plan.train_flops == compile_plan(Recipe(epochs=2), MNIST, 200).train_flops / 2
    assert schedule.label == "16 ×2 at 25, 75 % within epochs"


@pytest.mark.parametrize("images", [150, 1000])
def test_growing_at_the_end_of_an_epoch_is_the_same_within_epochs(images: int) -> None:
    plans = [
        compile_plan(
            Recipe(batch_size=Growing(at=(0.2, 0.6), within_epochs=within), epochs=15), MNIST, images
        )
        for within in (False, True)
    ]
    # Three tenths of 15 epochs are no floating-point number of their own.
    assert plans[0].segments == plans[1].segments
    assert plans[0].rates.tolist() == plans[1].rates.tolist()


def test_seesaw_within_epochs_cuts_the_rate_where_the_batch_grows() -> None:
    schedule = Seesaw(start=16, growth=4, cuts=2, within_epochs=True)
    plan = compile_plan(Recipe(batch_size=schedule, epochs=2), MNIST, 512)
    stages = [(segment.batch_size, segment.steps) for epoch in plan.segments for segment in epoch]
    assert [size for size, _ in stages] == [16, 16, 64, 256]
    sizes = np.repeat([size for size, _ in stages], [steps for _, steps in stages])
    assert plan.rates == pytest.approx(0.001 * np.sqrt(16 / sizes))


def test_growth_within_epochs_counts_for_the_id_where_it_is_asked_for() -> None:
    assert "within_epochs" not in Growing().id_content()
    assert Growing(within_epochs=True).id_content()["within_epochs"]


def test_seesaw_keeps_the_noise_of_a_cosine_in_fewer_steps() -> None:
    recipe = Recipe(batch_size=Seesaw(start=16, growth=2, cuts=3), epochs=200)
    plan = compile_plan(recipe, MNIST, 1024)
    for epoch in plan.epochs[:168]:
        # Under Adam the noise of a step goes with its rate over the root of its batch size (Meterez et al. 2025).
        noise = epoch.first_rate / np.sqrt(epoch.batch_size / 16) / 0.001
        cosine = (1 + np.cos(np.pi * (epoch.epoch - 0.5) / 200)) / 2
        assert noise == pytest.approx(2.0 ** np.ceil(np.log2(cosine)), rel=1e-9)
    assert plan.total_steps < 0.75 * 200 * 64
    assert [epoch.first_rate for epoch in plan.epochs] == [epoch.last_rate for epoch in plan.epochs]


@given(schedule=one_of(SCHEDULES), epochs=st.integers(1, 60))
def test_a_schedule_conforms(schedule: Schedule, epochs: int) -> None:
    check_schedule(schedule, [epochs])


@given(schedule=one_of(SCHEDULES), epochs=st.integers(1, 9), images=st.integers(108, 500))
def test_steps_add_up(schedule: Schedule, epochs: int, images: int) -> None:
    try:
        plan = compile_plan(Recipe(batch_size=schedule, epochs=epochs), MNIST, images)
    except RecipeError:
        reject()
    assert len(plan.epochs) == epochs
    assert plan.total_steps == plan.steps.sum() == len(plan.rates)
    for epoch in plan.epochs:
        *whole, last = epoch.segments
        left = images - sum(segment.steps * segment.batch_size for segment in whole)
        assert (last.steps - 1) * last.batch_size < left <= last.steps * last.batch_size
        assert epoch.steps == sum(segment.steps for segment in epoch.segments)
        sizes = {segment.batch_size for segment in epoch.segments}
        assert sizes | {left % last.batch_size} - {0} <= plan.step_sizes
        assert min(sizes) <= epoch.batch_size <= max(sizes)
        rates = plan.rates[plan.epoch_steps(epoch.epoch)]
        assert (rates[0], rates[-1]) == (epoch.first_rate, epoch.last_rate)
    assert (
        np.concatenate([plan.rates[plan.epoch_steps(e + 1)] for e in range(epochs)]).tolist()
        == plan.rates.tolist()
    )


def test_step_sizes_are_those_of_every_step_once() -> None:
    recipe = Recipe(batch_size=Stages(stages=(Stage(epochs=1, size=16), Stage(epochs="rest", size=50))))
    assert compile_plan(recipe, MNIST, 100).step_sizes == {16, 4, 50}


@pytest.mark.parametrize("name", PAPER_RECIPES)
def test_recipes_survive_yaml(name: str, tmp_path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(write_yaml(paper_recipe(name).model_dump(mode="json")))
    assert load_recipe(path) == paper_recipe(name)
    assert load_recipe(path).id == paper_recipe(name).id


BAD = {
    "epochs: 0": r"epochs=0: .*greater than or equal to 1",
    "epocs: 3": r"epocs: unknown key",
    "epochs: 2.5": r"epochs=2.5: .*valid integer",
    "model: {name: capsnet, preset: huge}": r"model.preset='huge': Input should be 'full', 'small' or 'tiny'$",
    "model: {name: capsnet, filters: 1000000000}": r"model.filters=1000000000: .*less than or equal to 4096",
    "model: {name: capsnet, types: 0}": r"model.types=0: .*greater than or equal to 1",
    "model: {name: capsnet, decoder_hidden: [512, 99999]}": r"model.decoder_hidden\[1\]=99999: .*16384",
    "model: {name: capsnet, class_size: 16.5}": r"model.class_size=16.5: .*valid integer",
    "learning_rate: {policy: fixed, base_rate: .nan}": r"learning_rate.base_rate=nan: .*finite",
    "learning_rate: {policy: warm}": r"learning_rate.policy='warm' is unknown. Choose one of 'fixed'",
    "learning_rate: {base_rate: 0.1}": r"learning_rate: the key 'policy' is missing",
    "learning_rate: {policy: fixed, peak_ratio: 2}": r"learning_rate.peak_ratio: unknown key",
    "batch_size: {schedule: constant, size: 0}": r"batch_size.size=0",
    "batch_size: {schedule: stages, stages: []}": r"batch_size.stages=\[\]",
    "{epochs: 9, batch_size: {schedule: stages, stages: [{epochs: 3, size: 1}]}}":
        r"batch_size: the stages cover 3 epochs, but the recipe trains for epochs=9. Lengthen",
    "batch_size: {schedule: stages, stages: [{epochs: rest, size: 1}, {epochs: 2, size: 4}]}": r"rest stands before",
    "{epochs: 4, batch_size: {schedule: growing, at: [0.1]}}":
        r"batch_size: of 4 epochs none is left for batches of 32, from 0 to 0.1 of the run. Grow less often",
    "{epochs: 9, batch_size: {schedule: growing, at: [0.5, 0.2], within_epochs: true}}":
        r"none is left for batches of 64, from 0.5 to 0.2",
    "{epochs: 9, batch_size: {schedule: growing, at: [0.5, 0.2]}}": r"none is left for batches of 64, from 0.5 to 0.2",
    "batch_size: {schedule: growing, at: [1.0]}": r"batch_size.at\[0\]=1.0: .*less than 1",
    "{epochs: 10, batch_size: {schedule: seesaw, cuts: 4}}":
        r"none is left for batches of 256, from 0.77 to 0.839 of the run. .* or train more epochs",
    "{batch_size: {schedule: seesaw}, learning_rate: {policy: one_cycle}}":
        r"batch_size: seesaw cuts the learning rate itself, and would cut that of one_cycle again. Use the policy",
    "{model: {name: lenet5}, weight_sharing: {decoder: reduced}}": r"weight_sharing: reduced decoder is for capsules",
    "weight_sharing: {convolution: 0}": r"weight_sharing.convolution=0",
    "precision: float16": r"precision='float16': .*'float32', 'tf32' or 'bfloat16'",
    "[1, 2]": r"the whole=\[1, 2\]: .* a group of keys",
    "model: capsnet": r"model='capsnet': .* a group of keys",
    "batch_size: {schedule: stages, stages: [{size: 1}]}": r"batch_size.stages\[0\].epochs: the key is missing",
    "a: b: c": r"is not valid YAML",
    "{epochs: 3, epochs: 4}": r"'epochs' stands here twice",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_a_bad_recipe_file_is_refused(text: str, tmp_path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=BAD[text]) as error:
        load_recipe(path)
    assert str(path) in str(error.value)


def test_exponents_are_numbers(tmp_path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("learning_rate: {policy: fixed, base_rate: 1e-3}")
    assert load_recipe(path).learning_rate.base_rate == 0.001


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(
        RecipeError, match="a batch of 128 is larger than the 100 training images. Use at most 100"
    ):
        compile_plan(Recipe(), MNIST, images=100)


def test_a_stage_without_a_step_is_refused() -> None:
    schedule = Growing(start=32, at=(0.1, 0.11), within_epochs=True)
    with pytest.raises(
        RecipeError, match="no step of 64 images is left between two changes. Grow less often"
    ):
        compile_plan(Recipe(batch_size=schedule, epochs=1), MNIST, images=1000)


def test_images_too_small_for_capsules_are_refused() -> None:
    with pytest.raises(
        RecipeError, match="images of 1x16x28 leave no capsules: .* height of at least 17, not 16"
    ):
        compile_plan(Recipe(), ImageShape(1, 16, 28, 10), images=1000)
    assert compile_plan(Recipe(), ImageShape(1, 17, 17, 10), images=1000).parameters > 0


BAD_SIZES = {
    r"model: images of 1x28x28 leave no capsules: .* 9x9 and 21x21 need a height of at least 29, not 28. .* at most 20":
        {"primary_kernel": 21},
    r"model.primary_stride=21 steps over the whole 20x20 map of the first convolution. Use at most 20":
        {"primary_stride": 21},
    r"model: a network of 2,766,850,480 weights is too large; at most 500,000,000 are trained. Choose fewer filters":
        {"filters": 4096, "types": 1024},
}  # fmt: skip


@pytest.mark.parametrize("expected", BAD_SIZES)
def test_sizes_that_make_no_network_are_refused_before_it_is_built(expected: str) -> None:
    with pytest.raises(RecipeError, match=expected):
        compile_plan(Recipe(model=CapsNetModel(**BAD_SIZES[expected])), MNIST, images=1000)


def test_the_whole_map_may_be_one_position() -> None:
    size = CapsNetModel(primary_kernel=20).size(MNIST, WeightSharing())
    assert (size.grid, size.positions) == ((1, 1), 1)


def test_a_sharing_factor_must_divide_its_channels() -> None:
    recipe = parse_recipe({"weight_sharing": {"primary_capsules": 3}}, "test")
    with pytest.raises(RecipeError, match="primary_capsules=3 does not divide the 256 channels"):
        compile_plan(recipe, CIFAR10, images=1000)


def test_splits() -> None:
    digits = find_dataset("digits")
    assert split_sizes(digits, Protocol.HOLDOUT).train_images == 1_200
    assert split_sizes(digits, Protocol.PAPER).validation_images == 0
    with pytest.raises(DataError, match="images=1300, but it must lie between 10 .* and 1200"):
        split_sizes(digits, Protocol.HOLDOUT, images=1300)
    with pytest.raises(DataError, match="protocol 'paper' chooses on the test set"):
        split_sizes(digits, Protocol.PAPER, validation_images=100)
    with pytest.raises(DataError, match="data set 'mnits' is unknown. Choose one of: digits, mnist"):
        find_dataset("mnits")


def test_a_warm_up_raises_the_rate_with_the_images_seen() -> None:
    """Batches of 40 out of 100 images: 40, 80 and 100 are seen after the steps of the first epoch."""
    policy = Fixed(base_rate=0.01, warmup_images=160)
    recipe = Recipe(learning_rate=policy, batch_size=Constant(size=40), epochs=2)
    plan = compile_plan(recipe, ImageShape(1, 28, 28, 10), images=100)
    assert plan.rates / 0.01 == pytest.approx([40 / 160, 80 / 160, 100 / 160, 140 / 160, 1, 1])
    assert "warm-up 160 images" in recipe.label
    plain = Recipe(learning_rate=Fixed(base_rate=0.01), batch_size=Constant(size=40), epochs=2)
    assert plain.id == Recipe.parse(plain.model_dump(exclude={"learning_rate": {"warmup_images"}}), "old").id
