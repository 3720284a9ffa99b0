"""Small runs that tests share. Nothing here needs more than training does, so that a GPU machine can run its tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dse.data.choice import DataChoice
from dse.networks.network import Network
from dse.recipe.recipe import Recipe
from dse.record.run import OnEpoch, Run
from dse.training.machine import Machine
from dse.training.trainer import Trainer

NOWHERE = Path("unused")
FEW_DIGITS = DataChoice(images=100, validation_images=50, test_images=50)


def trained(
    recipe: Recipe,
    data: DataChoice = FEW_DIGITS,
    seed: int = 0,
    machine: Machine = Machine(device="cpu"),  # noqa: B008 - frozen
    network: Network | None = None,
    on_epoch: OnEpoch | None = None,
) -> Run:
    """Train a recipe, or another network as its plan says."""
    trainer = Trainer(machine, data)
    return trainer.train(trainer.plan(recipe), seed, on_epoch, network)


def state_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copy a network's weights and buffers, the unsaved ones included."""
    held = dict(network.named_parameters()) | dict(network.named_buffers())
    return {name: tensor.detach().clone() for name, tensor in held.items()}


OwnArrays = dict[str, np.ndarray]


def own_arrays(image: tuple[int, ...] = (9, 8)) -> OwnArrays:
    """Thirty images to train on and nine to test on, of three classes that a network can tell apart."""
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 30), ("test", 9)):
        labels = np.arange(count) % 3
        noise = random.integers(0, 80, (count, *image))
        arrays[f"{part}_images"] = (noise + 80 * labels.reshape(-1, *(1 for _ in image))).astype(np.uint8)
        arrays[f"{part}_labels"] = labels
    return arrays


def save_folder(folder: Path, arrays: OwnArrays) -> Path:
    """Save images as a folder of images by class, called a, b and c."""
    for part in ("train", "test"):
        for i, (pixels, label) in enumerate(
            zip(arrays[f"{part}_images"], arrays[f"{part}_labels"], strict=True)
        ):
            file = folder / part / "abc"[label] / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    return folder


def counted_multiplications(network: torch.nn.Module, forward: Callable[[], object]) -> int:
    """Count what a network's convolutions and linear layers multiply in a forward pass of one image."""
    counted = 0

    def count(layer: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal counted
        counted += output.numel() * layer.weight[0].numel()

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(count)
    forward()
    return counted
