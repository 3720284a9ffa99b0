"""From a recipe to its network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch

from dse.data.datasets import ImageShape
from dse.networks.capsnet import CapsNet
from dse.networks.cnn import Cnn
from dse.networks.efficient_capsnet import EfficientCapsNet
from dse.networks.imported import build_imported
from dse.networks.lenet import LeNet5
from dse.networks.network import Network
from dse.recipe.models.capsnet import CapsNetSize
from dse.recipe.models.cnn import CnnSize
from dse.recipe.models.efficient_capsnet import EfficientCapsNetSize
from dse.recipe.models.lenet5 import LeNet5Size
from dse.recipe.plan import Plan
from dse.recipe.recipe import Recipe


def _capsnet(size: CapsNetSize, recipe: Recipe, image: ImageShape) -> CapsNet:
    return CapsNet(size, recipe.loss, recipe.initialisation)


def _lenet5(size: LeNet5Size, recipe: Recipe, image: ImageShape) -> LeNet5:
    return LeNet5(size)


def _cnn(size: CnnSize, recipe: Recipe, image: ImageShape) -> Cnn:
    return Cnn(size)


def _efficient_capsnet(size: EfficientCapsNetSize, recipe: Recipe, image: ImageShape) -> EfficientCapsNet:
    return EfficientCapsNet(size, recipe.loss)


def _imported(size: None, recipe: Recipe, image: ImageShape) -> Network:
    return build_imported(recipe, image)


# What builds each registered model of its own size, the rest of a recipe, and the images' shape.
BUILDERS: dict[str, Callable[[Any, Recipe, ImageShape], Network]] = {
    "capsnet": _capsnet,
    "lenet5": _lenet5,
    "cnn": _cnn,
    "efficient_capsnet": _efficient_capsnet,
    "imported": _imported,
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
        RecipeError: The images leave no capsules, a sharing factor does not divide its channels, or a network of the
            user's own cannot be imported or built.
    """
    size = recipe.size(image)
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also seed the GPUs, which fork_rng does not restore.
        torch.default_generator.manual_seed(seed)
        network = BUILDERS[recipe.model.name](size, recipe, image)
    return network.to(device)


def sized_plan(plan: Plan) -> Plan:
    """Give a plan that knows the sizes of its network: one of the user's own is imported and built for that.

    Raises:
        RecipeError: It cannot be imported or built.
    """
    if plan.size is not None:
        return plan
    network = build_network(plan.recipe, plan.image, 0, torch.device("cpu"))
    return dataclasses.replace(plan, size=network.size)
