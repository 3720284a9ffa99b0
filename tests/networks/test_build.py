"""Numbers of weights, and where initial weights come from."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from dse.data.datasets import DATASETS, MNIST_SHAPE
from dse.errors import RecipeError
from dse.networks.build import build_network
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing

CIFAR10_SHAPE = DATASETS["cifar10"].shape
TINY = CapsNetModel(preset="tiny")


def weights(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("sharing", "expected"),
    [
        ({}, 8_215_728),
        ({"class_capsules": "per_type"}, 6_782_128),
        ({"decoder": "reduced"}, 8_215_728 - 73_728),
        ({"class_capsules": "per_type", "decoder": "reduced"}, 6_708_400),
    ],
    ids=["none", "per_type", "reduced", "both"],
)
def test_the_papers_capsnet_has_its_weights(sharing, expected, cpu):
    recipe = Recipe(weight_sharing=WeightSharing(**sharing))
    assert weights(build_network(recipe, MNIST_SHAPE, 0, cpu)) == expected
    assert recipe.size(MNIST_SHAPE).parameters == expected


def test_lenet5_has_its_weights(cpu):
    recipe = Recipe(model=LeNet5Model())
    assert weights(build_network(recipe, MNIST_SHAPE, 0, cpu)) == 61_706
    for shape in (MNIST_SHAPE, CIFAR10_SHAPE):
        assert weights(build_network(recipe, shape, 0, cpu)) == recipe.size(shape).parameters


FREE = CapsNetModel(
    preset="tiny",
    filters=24,
    types=6,
    primary_kernel=7,
    primary_stride=3,
    class_size=12,
    decoder_hidden=(40,),
)
DENSE = CapsNetModel(
    preset="tiny", types=2, primary_stride=1, routing_iterations=1, decoder_hidden=(8, 9, 10)
)
SIZES = pytest.mark.parametrize(
    "model", [TINY, CapsNetModel(preset="small"), FREE, DENSE], ids=["tiny", "small", "free", "dense"]
)


@SIZES
@pytest.mark.parametrize("shape", [MNIST_SHAPE, CIFAR10_SHAPE], ids=["mnist", "cifar10"])
def test_every_network_has_the_weights_that_its_recipe_says(model, shape, cpu):
    options = itertools.product(("none", "per_type"), ("full", "reduced"), (1, 4), (1, 2))
    for class_capsules, decoder, convolution, primary in options:
        sharing = WeightSharing(
            class_capsules=class_capsules, decoder=decoder, convolution=convolution, primary_capsules=primary
        )
        recipe = Recipe(model=model, weight_sharing=sharing)
        network = build_network(recipe, shape, 0, cpu)
        assert weights(network) == recipe.size(shape).parameters, sharing.label


@SIZES
@pytest.mark.parametrize(
    "sharing",
    [
        {},
        {"decoder": "none"},
        {"class_capsules": "per_type", "decoder": "reduced", "convolution": 4, "primary_capsules": 2},
    ],
    ids=str,
)
def test_a_recipe_counts_the_multiplications_that_torch_counts(model, sharing, cpu):
    recipe = Recipe(model=model, weight_sharing=WeightSharing(**sharing))
    network = build_network(recipe, MNIST_SHAPE, 0, cpu)
    images, labels = torch.rand(3, 1, 28, 28), torch.tensor([1, 5, 9])
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        network.losses(images, labels)
    assert counted.get_total_flops() == 2 * len(images) * recipe.size(MNIST_SHAPE).multiplications


@pytest.mark.parametrize("model", [TINY, LeNet5Model()], ids=["capsnet", "lenet5"])
@pytest.mark.parametrize("shape", [MNIST_SHAPE, CIFAR10_SHAPE], ids=["mnist", "cifar10"])
def test_every_network_learns_and_predicts(model, shape, cpu):
    network = build_network(Recipe(model=model), shape, 0, cpu)
    images = torch.rand(3, shape.channels, shape.height, shape.width)
    losses = network.losses(images, torch.tensor([1, 5, 9]))
    losses.total.backward()
    assert [loss.shape for loss in losses] == [()] * 3
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    labels = network.predict(images)
    assert (labels.shape, labels.dtype) == ((3,), torch.int64)


def test_initial_weights_depend_on_the_seed_alone(cpu):
    def initial(seed: int) -> torch.Tensor:
        network = build_network(Recipe(model=TINY), MNIST_SHAPE, seed, cpu)
        return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])

    torch.manual_seed(5)
    first = initial(0)
    state = torch.get_rng_state()
    assert torch.equal(initial(0), first)
    assert not torch.equal(initial(1), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_initial_weights_are_the_papers(cpu):
    network = build_network(Recipe(), MNIST_SHAPE, 0, cpu)
    matrices = network.class_matrices_NDKE
    assert matrices.mean().abs() < 0.01
    assert abs(matrices.std() - 1) < 0.01
    assert not network.primary_bias_Q.any()
    assert not network.class_bias_KE.any()


def test_images_without_room_for_capsules_are_refused(cpu):
    shape = DATASETS["mnist"].shape.__class__(1, 12, 12, 10)
    with pytest.raises(RecipeError, match="leave no capsules"):
        build_network(Recipe(), shape, 0, cpu)


@pytest.mark.gpu
def test_initial_weights_are_the_same_on_a_gpu(gpu, cpu):
    state = torch.cuda.get_rng_state(gpu)
    here, there = (build_network(Recipe(model=TINY), MNIST_SHAPE, 0, device) for device in (cpu, gpu))
    for ours, theirs in zip(here.parameters(), there.parameters(), strict=True):
        assert torch.equal(ours, theirs.cpu())
    assert torch.equal(torch.cuda.get_rng_state(gpu), state)
