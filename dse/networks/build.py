"""From a recipe to its network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from dse.data.datasets import ImageShape
from dse.networks.capsnet import CapsNet
from dse.networks.cnn import Cnn
from dse.networks.efficient_capsnet import EfficientCapsNet
from dse.networks.lenet import LeNet5
from dse.networks.network import Network
from dse.recipe.models.capsnet import CapsNetSize
from dse.recipe.models.cnn import CnnSize
from dse.recipe.models.efficient_capsnet import EfficientCapsNetSize
from dse.recipe.models.lenet5 import LeNet5Size
from dse.recipe.recipe import Recipe


def _capsnet(size: CapsNetSize, recipe: Recipe) -> CapsNet:
    return CapsNet(size, recipe.loss, recipe.initialisation)


def _lenet5(size: LeNet5Size, recipe: Recipe) -> LeNet5:
    return LeNet5(size)


def _cnn(size: CnnSize, recipe: Recipe) -> Cnn:
    return Cnn(size)


def _efficient_capsnet(size: EfficientCapsNetSize, recipe: Recipe) -> EfficientCapsNet:
    return EfficientCapsNet(size, recipe.loss)


# What builds each registered model, given its size and the whole recipe.
BUILDERS: dict[str, Callable[[Any, Recipe], Network]] = {
    "capsnet": _capsnet,
    "lenet5": _lenet5,
    "cnn": _cnn,
    "efficient_capsnet": _efficient_capsnet,
}


def build_network(recipe: Recipe, image: ImageShape, seed: int, device: torch.device) -> Network:
    """Build a recipe's network, with initial weights that depend on the seed alone.

    The weights are drawn on the processor, so they are the same for every device. Torch's global source of
    randomness is left as it was.

    Args:
        recipe: What to build.
        image: Shape of the images.
        seed: Any integer.
        device: Where its weights are placed.

    Raises:
        RecipeError: The images leave no capsules, or a sharing factor does not divide its channels.
    """
    size = recipe.size(image)
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also seed the GPUs, which fork_rng does not restore.
        torch.default_generator.manual_seed(seed)
        network = BUILDERS[recipe.model.name](size, recipe)
    return network.to(device)
