"""The compiled engine is a twin too, compiles each shape once, and is chosen where it pays."""

from __future__ import annotations

import shutil

import pytest
import torch

from dse.data.datasets import MNIST_SHAPE
from dse.errors import DeviceError
from dse.networks.capsnet import CapsNet
from dse.recipe.batch_size import Constant
from dse.recipe.models.capsnet import CapsNetModel, CapsNetSize
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.training.engines import build_engine, choose_engine
from dse.training.step_engine import Setup
from tests.training.test_engine import images
from tests.training.test_engine import network as wide_network

BATCH = 8
IMAGES = 2 * BATCH + 3
RATE = torch.tensor([0.001])
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler here")


def network(class_capsules: str = "none", filters: int = 16) -> CapsNet:
    sharing = WeightSharing(class_capsules=class_capsules)
    size = CapsNetSize(
        MNIST_SHAPE,
        sharing,
        filters=filters,
        types=2,
        decoder_hidden=(16, 16),
        routing_iterations=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return CapsNet(size)


def losses(name: str, class_capsules: str, count: int) -> list[torch.Tensor]:
    """Train on this many images; give the losses of each step."""
    engine = build_engine(name, Setup(network(class_capsules), images(count), 7))
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
    first = losses("compiled", class_capsules, count)
    for ours, theirs in zip(first, reference, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=1e-5)
    with torch.compiler.set_stance("fail_on_recompile"):
        # A second trial, with a network of its own, is trained by what the first one compiled.
        second = losses("compiled", class_capsules, count)
    assert all(map(torch.equal, first, second))


@needs_compiler
@pytest.mark.slow
def test_compiling_leaves_no_trace() -> None:
    net, data = network(), images(IMAGES)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    built = build_engine("compiled", Setup(net, data, 7))
    chance = built.generator.get_state()
    built.prepare({BATCH, IMAGES % BATCH})
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(built.generator.get_state(), chance)


@pytest.mark.slow
def test_what_cannot_be_compiled_is_reported() -> None:
    from torch._inductor import config

    built = build_engine("compiled", Setup(network(filters=24), images(IMAGES), 7))
    with (
        config.patch({"cpp.cxx": ("no-such-compiler",), "force_disable_caches": True}),
        pytest.raises(DeviceError, match="the training step cannot be compiled: .* Use --engine fast"),
    ):
        built.prepare({BATCH})


def test_what_would_be_slower_compiled_is_not() -> None:
    data = images(IMAGES)
    assert build_engine("compiled", Setup(wide_network(WeightSharing()), data, 0)).name == "fast"
    assert build_engine("compiled", Setup(network(), data, 0, "bfloat16")).name == "fast"


def plan_of(epochs: int = 30, **changes: object):
    recipe = Recipe(model=CapsNetModel(preset="tiny"), batch_size=Constant(size=128), epochs=epochs)
    return compile_plan(recipe.model_copy(update=changes), MNIST_SHAPE, 60_000)


@pytest.fixture
def with_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.mark.usefixtures("with_compiler")
def test_auto_compiles_where_the_run_is_long_enough() -> None:
    name, reason = choose_engine("auto", plan_of(), "cpu")
    assert (name, reason[:10]) == ("compiled", "compiled: ")
    name, reason = choose_engine("auto", plan_of(epochs=1), "cpu")
    assert (name, reason[:14]) == ("fast", "not compiled: ")
    assert "compiling takes up to 50 s" in reason  # batches of 128 and of 96
    for name in ("compiled", "fast", "reference"):
        assert choose_engine(name, plan_of(epochs=1), "cpu") == (name, "")
    shared = WeightSharing(class_capsules="per_type")
    assert choose_engine("fast", plan_of(weight_sharing=shared), "cuda") == ("fast", "")


OBSTACLES = {
    "its kernels hold the class capsules of an image in registers, 4096 numbers and not 16384": (
        "fused",
        {"model": CapsNetModel(preset="tiny", class_size=1000)},
        "cuda",
    ),
    "on a GPU the steps run as CUDA graphs": ("compiled", {}, "cuda"),
    "only a CapsNet's steps are compiled": ("compiled", {"model": LeNet5Model()}, "cpu"),
    "only float32 is compiled, not bfloat16": ("compiled", {"precision": "bfloat16"}, "cpu"),
    "a network as wide as this one would train slower": ("compiled", {"model": CapsNetModel()}, "cpu"),
    "its kernels run on GPUs only": ("fused", {}, "cpu"),
    "only a CapsNet routes": ("fused", {"model": LeNet5Model()}, "cuda"),
    "routing with shared class-capsule matrices has no votes to fuse": (
        "fused",
        {"weight_sharing": WeightSharing(class_capsules="per_type")},
        "cuda",
    ),
}


@pytest.mark.usefixtures("with_compiler")
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_stands_in_the_way_is_reported(obstacle: str) -> None:
    asked, changes, device_type = OBSTACLES[obstacle]
    plan = plan_of(**changes)
    with pytest.raises(DeviceError, match=f"engine '{asked}': {obstacle}. Choose fast or auto."):
        choose_engine(asked, plan, device_type)
    if asked == "compiled":
        assert choose_engine("auto", plan, device_type) == ("fast", f"not compiled: {obstacle}")


def test_auto_looks_for_a_compiler_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    name, reason = choose_engine("auto", plan_of(), "cpu")
    assert (name, reason) == (
        "fast",
        "not compiled: there is no C++ compiler here; set CXX to one, or install g++",
    )
