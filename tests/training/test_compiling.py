"""The compiled engine is a twin too, compiles each shape once, and is chosen where it pays."""

from __future__ import annotations

import shutil

import pytest
import torch

from dse.data.datasets import MNIST_SHAPE, ImageShape
from dse.errors import DeviceError
from dse.networks.capsnet import CapsNet
from dse.recipe.batch_size import Constant
from dse.recipe.models.capsnet import CapsNetModel, CapsNetSize
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.training.compiling import choose_engine
from dse.training.engine import EngineName, build_engine
from tests.training.test_engine import CPU, images
from tests.training.test_engine import network as wide_network

BATCH = 8
IMAGES = 2 * BATCH + 3
RATE = torch.tensor([0.001])
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler here")


def network(class_capsules: str = "none", filters: int = 16) -> CapsNet:
    sharing = WeightSharing(class_capsules=class_capsules)
    size = CapsNetSize(ImageShape(1, 20, 20, 10), sharing, filters=filters, types=2, hidden=(16, 16))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return CapsNet(size, routing_iterations=2)


def losses(name: EngineName, class_capsules: str, count: int) -> list[torch.Tensor]:
    """Train on so many images; give the losses of each step."""
    engine = build_engine(name, network(class_capsules), images(count), 7, CPU)
    assert engine.name == name
    engine.prepare({BATCH, count % BATCH} - {0})
    return [engine.train(chosen, BATCH, RATE) for chosen in torch.split(torch.arange(count), BATCH)]


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(("class_capsules", "count"), [("none", IMAGES), ("per_type", 2 * BATCH)])
def test_the_compiled_twin_loses_alike_step_by_step_and_repeats_itself(
    class_capsules: str, count: int
) -> None:
    reference = losses("reference", class_capsules, count)
    first = losses("fast_compiled", class_capsules, count)
    for ours, theirs in zip(first, reference, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=1e-5)
    with torch.compiler.set_stance("fail_on_recompile"):
        # A second trial, with a network of its own, is trained by what the first one compiled.
        second = losses("fast_compiled", class_capsules, count)
    assert all(map(torch.equal, first, second))


@needs_compiler
@pytest.mark.slow
def test_compiling_leaves_no_trace() -> None:
    net, data = network(), images(IMAGES)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    built = build_engine("fast_compiled", net, data, 7, CPU)
    chance = built.generator.get_state()
    built.prepare({BATCH, IMAGES % BATCH})
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(built.generator.get_state(), chance)


@pytest.mark.slow
def test_what_cannot_be_compiled_is_told() -> None:
    from torch._inductor import config

    built = build_engine("fast_compiled", network(filters=24), images(IMAGES), 7, CPU)
    with (
        config.patch({"cpp.cxx": ("no-such-compiler",), "force_disable_caches": True}),
        pytest.raises(DeviceError, match="the training step cannot be compiled: .* Use --compile off"),
    ):
        built.prepare({BATCH})


def test_what_would_be_slower_compiled_is_not() -> None:
    data = images(IMAGES)
    assert build_engine("fast_compiled", wide_network(WeightSharing()), data, 0, CPU).name == "fast"
    assert build_engine("fast_compiled", network(), data, 0, CPU, "bfloat16").name == "fast"


def plan_of(epochs: int = 30, **changes: object):
    recipe = Recipe(model=CapsNetModel(preset="tiny"), batch_size=Constant(size=128), epochs=epochs)
    return compile_plan(recipe.model_copy(update=changes), MNIST_SHAPE, 60_000)


@pytest.fixture
def with_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.mark.usefixtures("with_compiler")
def test_auto_compiles_where_the_run_is_long_enough() -> None:
    name, reason = choose_engine("fast", "auto", plan_of(), CPU)
    assert (name, reason[:10]) == ("fast_compiled", "compiled: ")
    name, reason = choose_engine("fast", "auto", plan_of(epochs=1), CPU)
    assert (name, reason[:14]) == ("fast", "not compiled: ")
    assert "compiling takes up to 50 s" in reason  # batches of 128 and of 96
    assert choose_engine("fast", "on", plan_of(epochs=1), CPU) == ("fast_compiled", "")
    assert choose_engine("fast", "off", plan_of(), CPU) == ("fast", "")
    assert choose_engine("reference", "off", plan_of(), CPU) == ("reference", "")


OBSTACLES = {
    "the reference engine runs the plain step": ("reference", {}, CPU),
    "on a GPU the steps run as CUDA graphs": ("fast", {}, torch.device("cuda", 0)),
    "only a CapsNet's steps are compiled": ("fast", {"model": LeNet5Model()}, CPU),
    "only float32 is compiled, not bfloat16": ("fast", {"precision": "bfloat16"}, CPU),
    "a network as wide as this one would train slower": ("fast", {"model": CapsNetModel()}, CPU),
}


@pytest.mark.usefixtures("with_compiler")
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_stands_in_the_way_is_told(obstacle: str) -> None:
    asked, changes, device = OBSTACLES[obstacle]
    assert choose_engine(asked, "auto", plan_of(**changes), device) == (asked, f"not compiled: {obstacle}")
    with pytest.raises(DeviceError, match=f"--compile on: {obstacle}. Use --compile off"):
        choose_engine(asked, "on", plan_of(**changes), device)


def test_auto_looks_for_a_compiler_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    name, reason = choose_engine("fast", "auto", plan_of(), CPU)
    assert (name, reason) == (
        "fast",
        "not compiled: there is no C++ compiler here; set CXX to one, or install g++",
    )
