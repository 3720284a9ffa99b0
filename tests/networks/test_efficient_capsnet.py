"""Efficient-CapsNet: its published size, its attention against plain loops, and its running means."""

from __future__ import annotations

import math
import re

import pytest
import torch

from dse.data.datasets import MNIST_SHAPE, ImageShape
from dse.errors import RecipeError
from dse.networks.build import build_network
from dse.networks.efficient_capsnet import EfficientCapsNet, squash_exponential
from dse.networks.network import PLAIN, Arithmetic
from dse.recipe.initialisation import Initialisation
from dse.recipe.models.efficient_capsnet import EfficientCapsNetModel
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing
from tests.small import counted_multiplications

BARE = Recipe(model=EfficientCapsNetModel(), weight_sharing=WeightSharing(decoder="none"))


def test_it_has_its_published_weights() -> None:
    assert BARE.size(MNIST_SHAPE).parameters == 161_824
    assert Recipe(model=EfficientCapsNetModel()).size(MNIST_SHAPE).parameters == 161_824 + 1_411_344


@pytest.mark.parametrize("shape", [MNIST_SHAPE, ImageShape(3, 32, 36, 5)], ids=str)
@pytest.mark.parametrize("decoder", ["full", "none"])
def test_its_sizes_are_those_that_torch_finds(decoder: str, shape: ImageShape, cpu: torch.device) -> None:
    recipe = Recipe(model=EfficientCapsNetModel(), weight_sharing=WeightSharing(decoder=decoder))
    network = build_network(recipe, shape, 0, cpu)
    size = recipe.size(shape)
    assert sum(weight.numel() for weight in network.parameters()) == size.parameters
    image = torch.zeros(1, shape.channels, shape.height, shape.width)
    layers = counted_multiplications(network, lambda: network.losses(image, torch.tensor([0])))
    assert layers + size.capsules * shape.classes * 16 * (8 + 2) == size.multiplications


def test_attention_is_the_formula_capsule_by_capsule(cpu: torch.device) -> None:
    network = build_network(BARE, MNIST_SHAPE, 0, cpu).double()
    assert isinstance(network, EfficientCapsNet)
    with torch.no_grad():
        network.prior_KN.normal_()
    images = torch.rand(3, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    numbers: list[torch.Tensor] = []
    network.depthwise.register_forward_hook(lambda layer, inputs, output: numbers.append(output))
    found = network.class_capsules(images, by_batch=False)
    for image, class_KE in zip(numbers[0], found, strict=True):
        primary = squash_exponential(image.reshape(16, 8))
        votes = torch.einsum("nd,ndke->kne", primary, network.class_matrices_NDKE)
        agreement = torch.stack([(vote @ vote.T).sum(1) for vote in votes]) / math.sqrt(16)
        coupling = agreement.softmax(0) + network.prior_KN
        torch.testing.assert_close(class_KE, squash_exponential((coupling[..., None] * votes).sum(1)))


@pytest.mark.parametrize("decoder", ["full", "none"])
def test_its_analytic_losses_are_the_twins_of_the_plain_ones(decoder: str, cpu: torch.device) -> None:
    recipe = Recipe(model=EfficientCapsNetModel(), weight_sharing=WeightSharing(decoder=decoder))
    network = build_network(recipe, MNIST_SHAPE, 0, cpu).double()
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(4, 1, 28, 28, dtype=torch.float64, generator=generator)
    found = []
    for arithmetic in (PLAIN, Arithmetic(analytic=True)):
        losses = network.losses(images, torch.tensor([0, 3, 9, 9]), arithmetic)
        found.append((*losses, *torch.autograd.grad(losses.total, tuple(network.parameters()))))
    for plain, analytic in zip(*found, strict=True):
        torch.testing.assert_close(analytic, plain)


def test_training_moves_the_running_means_and_predicting_does_not(cpu: torch.device) -> None:
    network = build_network(BARE, MNIST_SHAPE, 0, cpu)
    images = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))

    def means() -> list[torch.Tensor]:
        return [buffer.clone() for name, buffer in network.named_buffers() if "running" in name]

    before = means()
    network.predict(images)
    assert all(map(torch.equal, before, means()))
    network.losses(images, torch.arange(4))
    assert not any(map(torch.equal, before, means()))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"1x26x28 leave no capsules: .* a height of at least 27, not 26. Upscale"
    ):
        BARE.size(ImageShape(1, 26, 28, 10))
    BARE.size(ImageShape(1, 27, 27, 10))
    with pytest.raises(
        RecipeError, match=re.escape("per_type is for capsnet: efficient_capsnet can only leave")
    ):
        Recipe(model=EfficientCapsNetModel(), weight_sharing=WeightSharing(class_capsules="per_type")).size(
            MNIST_SHAPE
        )
    with pytest.raises(
        RecipeError, match="balanced start has no meaning for efficient_capsnet. Leave it out"
    ):
        Recipe(model=EfficientCapsNetModel(), initialisation=Initialisation(class_matrices="balanced"))
