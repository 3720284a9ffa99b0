"""A device that cannot go on says what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from dse.data.datasets import MNIST_SHAPE
from dse.errors import DeviceLostError, RecipeError
from dse.networks.network import Losses, Network
from dse.recipe.batch_size import Constant
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.training.faults import explained_faults
from dse.training.train import train


class Glutton(Network):
    """Asks for more memory than any machine has."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def losses(self, images_BCHW: Tensor, labels_B: Tensor) -> Losses:
        loss = self.weight * torch.empty(2**50, device=self.weight.device).sum()
        return Losses(loss, loss, loss)


@pytest.mark.parametrize("device", ["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_a_batch_that_does_not_fit_names_itself_and_the_cure(device, engine, few_digits, request) -> None:
    device = request.getfixturevalue(device)
    plan = compile_plan(Recipe(batch_size=Constant(size=64), epochs=1), MNIST_SHAPE, 100)
    with pytest.raises(
        RecipeError,
        match=f"batches of 64 does not fit in the memory of device '{device}': .*Use smaller batches",
    ):
        train(plan, Glutton().to(device), few_digits, 0, device, engine=engine)


def test_a_device_that_is_gone_says_so(monkeypatch) -> None:
    def synchronize(device: torch.device) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    device = torch.device("cuda", 0)
    with (
        pytest.raises(
            DeviceLostError, match="'cuda:0' stopped answering at batch size 8: .*launch failure. Look"
        ),
        explained_faults(device, 8),
    ):
        raise RuntimeError("CUDA error: unspecified launch failure\nmore")


def test_an_error_of_the_program_stays_as_it_is(cpu) -> None:
    with pytest.raises(RuntimeError, match="^shapes differ$"), explained_faults(cpu, 8):
        raise RuntimeError("shapes differ")


LOST = """
import dataclasses
import torch
from dse.data.datasets import Protocol
from dse.errors import DeviceLostError
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.recipe import Recipe
from dse.data.images import Images, load_images
from dse.training.train import train_recipe

data = load_images("digits", Protocol.HOLDOUT, "unused", images=200)
data = dataclasses.replace(data, train=Images(data.train.pixels, data.train.labels + 10))
try:
    train_recipe(Recipe(model=CapsNetModel(preset="tiny"), epochs=1), data, 0, torch.device("cuda", 0))
except DeviceLostError as error:
    print("LOST", error)
"""


@pytest.mark.gpu
def test_a_fault_on_the_device_is_told_as_one(gpu) -> None:
    # In a process of its own, as no other test of that process could use the device afterwards.
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, check=False)
    assert "LOST device 'cuda:0' stopped answering at batch size 128" in done.stdout, done.stderr
