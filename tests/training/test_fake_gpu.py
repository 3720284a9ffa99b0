"""A whole step as a GPU would take it: where its tensors lie, what it waits for, and how many kernels it launches."""

from __future__ import annotations

import copy

import pytest
import torch

from dse.data.datasets import MNIST_SHAPE
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.optimizer import OPTIMIZERS
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.training.candidates import CANDIDATES, FAST_ON_GPU, Corner, candidates_in
from tests.fake_gpu import GPU, Watch, fake_gpu, fake_network, watched_step


def recipe_of(preset: str, class_capsules: str, precision: str = "float32") -> Recipe:
    return Recipe(
        model=CapsNetModel(preset=preset),
        weight_sharing=WeightSharing(class_capsules=class_capsules),
        precision=precision,
    )


@pytest.mark.parametrize(("class_capsules", "budget"), [("none", 140), ("per_type", 150)])
@pytest.mark.parametrize("batch_size", [1, 128])
def test_a_step_launches_few_kernels(class_capsules, budget, batch_size, monkeypatch) -> None:
    with fake_gpu(monkeypatch):
        _, watch = watched_step(recipe_of("full", class_capsules), MNIST_SHAPE, batch_size, FAST_ON_GPU)
    assert 100 < watch.kernels.total() <= budget, watch.kernels.most_common()


@pytest.mark.parametrize(
    "candidate", [name for name in CANDIDATES if name not in ("fused", "fused_dots", "compiled")]
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("class_capsules", ["none", "per_type"])
@pytest.mark.parametrize(("preset", "batch_size"), [("tiny", 1), ("tiny", 5), ("full", 1), ("full", 128)])
def test_a_step_stays_on_its_gpu_and_waits_for_nothing(
    preset, batch_size, class_capsules, precision, candidate, monkeypatch
) -> None:
    """Or else it could not be captured as a graph."""
    if candidate not in candidates_in(Corner(batch_size, precision, "cuda", class_capsules == "per_type")):
        pytest.skip("no other way than fast there")
    arithmetic = CANDIDATES[candidate].arithmetic
    with fake_gpu(monkeypatch):
        network, _ = watched_step(
            recipe_of(preset, class_capsules, precision), MNIST_SHAPE, batch_size, arithmetic
        )
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            for tensor in (weight, weight.grad):
                assert (tensor.dtype, tensor.device) == (torch.float32, GPU), name
            # The fused optimizers read both in one order.
            assert weight.grad.stride() == weight.stride(), name


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_stays_on_its_gpu(optimizer, monkeypatch) -> None:
    recipe = recipe_of("tiny", "none").model_copy(update={"optimizer": OPTIMIZERS[optimizer]()})
    with fake_gpu(monkeypatch):
        # Torch copies a fake tensor into a fake world of its own.
        monkeypatch.setattr(copy, "deepcopy", lambda network: fake_network(recipe, MNIST_SHAPE))
        watched_step(recipe, MNIST_SHAPE, 4, FAST_ON_GPU)


def test_the_watch_sees_what_a_graph_cannot_hold(monkeypatch) -> None:
    with fake_gpu(monkeypatch):
        tensor = torch.ones(3)
        with Watch() as watch:
            (tensor.view(3, 1) * 2).sum()
        assert watch.kernels.total() == 2
        with Watch(), pytest.raises(AssertionError, match="waits for a number"):
            tensor.sum().item()
        with Watch(), pytest.raises(AssertionError, match="left the device"):
            tensor.cpu()
        with Watch(), pytest.raises(AssertionError, match="left the device"):
            tensor + torch.ones((), device="cpu")
