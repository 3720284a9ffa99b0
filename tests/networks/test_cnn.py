"""The plain network: its sizes are those that torch finds, and it learns."""

from __future__ import annotations

import pytest
import torch

from dse.data.datasets import MNIST_SHAPE, ImageShape
from dse.errors import RecipeError
from dse.networks.build import build_network
from dse.recipe.models.cnn import CnnModel
from dse.recipe.recipe import Recipe
from tests.small import counted_multiplications


@pytest.mark.parametrize("shape", [MNIST_SHAPE, ImageShape(3, 32, 32, 10), ImageShape(2, 9, 14, 5)], ids=str)
@pytest.mark.parametrize("filters", [1, 32])
def test_its_sizes_are_those_that_torch_finds(filters: int, shape: ImageShape, cpu: torch.device) -> None:
    recipe = Recipe(model=CnnModel(filters=filters))
    network = build_network(recipe, shape, 0, cpu)
    assert sum(weight.numel() for weight in network.parameters()) == recipe.size(shape).parameters
    image = torch.zeros(1, shape.channels, shape.height, shape.width)
    assert network(image).shape == (1, shape.classes)
    assert counted_multiplications(network, lambda: network(image)) == recipe.size(shape).multiplications


def test_it_has_104_202_weights_on_mnist() -> None:
    assert Recipe(model=CnnModel()).size(MNIST_SHAPE).parameters == 104_202


def test_it_learns_a_batch_by_heart(cpu: torch.device) -> None:
    network = build_network(Recipe(model=CnnModel(filters=8)), MNIST_SHAPE, 0, cpu)
    images = torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(16) % 10
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        network.losses(images, labels).total.backward()
        optimizer.step()
    assert torch.equal(network.predict(images), labels)


def test_images_too_small_for_three_poolings_are_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"1x7x28 leave nothing after 3 poolings, which need at least 8x8 pixels"
    ):
        Recipe(model=CnnModel()).size(ImageShape(1, 7, 28, 10))
