"""Small runs that tests share. Nothing here needs more than training does, so that a GPU machine can run its tests."""

from __future__ import annotations

import torch

from dse.data.choice import DataChoice
from dse.networks.network import Network
from dse.recipe.recipe import Recipe
from dse.record.run import OnEpoch, Run
from dse.training.machine import Machine
from dse.training.trainer import Trainer

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
