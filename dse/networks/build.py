"""From a recipe to its network."""

from __future__ import annotations

import torch

from dse.data.datasets import ImageShape
from dse.networks.capsnet import CapsNet
from dse.networks.lenet import LeNet5
from dse.networks.network import Network
from dse.recipe.model import CapsNetModel, CapsNetSize, LeNet5Size
from dse.recipe.recipe import Recipe


def build_network(recipe: Recipe, image: ImageShape, seed: int, device: torch.device) -> Network:
    """Build a recipe's network, with initial weights that depend on the seed alone.

    The weights are drawn on the processor, so they are the same for every device. Torch's global source of
    chance is left as it was.

    Args:
        recipe: What to build.
        image: Shape of the images.
        seed: Any integer.
        device: Where the network shall live.

    Raises:
        RecipeError: The images leave no capsules, or a sharing factor does not divide its channels.
    """
    size = recipe.size(image)
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also seed the GPUs, which fork_rng does not restore.
        torch.default_generator.manual_seed(seed)
        network = _build(recipe, size)
    return network.to(device)


def _build(recipe: Recipe, size: CapsNetSize | LeNet5Size) -> Network:
    if isinstance(recipe.model, CapsNetModel):
        assert isinstance(size, CapsNetSize)
        return CapsNet(size, recipe.model.routing_iterations, recipe.model.squash)
    assert isinstance(size, LeNet5Size)
    return LeNet5(size)
