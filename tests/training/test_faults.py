"""A device that cannot go on says what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from dse.errors import DeviceLostError, RecipeError
from dse.networks.network import PLAIN, Arithmetic, Losses, Network
from dse.recipe.batch_size import Constant
from dse.recipe.recipe import Recipe
from dse.training.faults import explained_faults
from dse.training.machine import Machine
from tests.small import trained


class Glutton(Network):
    """Asks for more memory than any machine has."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def losses(self, images_BCHW: Tensor, labels_B: Tensor, arithmetic: Arithmetic = PLAIN) -> Losses:
        loss = self.weight * torch.empty(2**50, device=self.weight.device).sum()
        return Losses(loss, loss, loss)


@pytest.mark.parametrize("device", ["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_a_batch_that_does_not_fit_names_itself_and_the_cure(device, engine, request) -> None:
    device = request.getfixturevalue(device)
    recipe = Recipe(batch_size=Constant(size=64), epochs=1)
    with pytest.raises(
        RecipeError,
        match=f"batches of 64 does not fit in the memory of device '{device}': .*Use smaller batches",
    ):
        trained(recipe, machine=Machine(str(device), engine), network=Glutton().to(device))


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
from dse.data.choice import DataChoice
from dse.errors import DeviceLostError
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.recipe import Recipe
from dse.training.machine import Machine
from dse.training.trainer import Trainer

trainer = Trainer(Machine(device="cuda"), DataChoice(images=200))
trainer.parts[0].labels.add_(10)
try:
    trainer.train(trainer.plan(Recipe(model=CapsNetModel(preset="tiny"), epochs=1)), 0)
except DeviceLostError as error:
    print("LOST", error)
"""


@pytest.mark.gpu
def test_a_fault_on_the_device_is_told_as_one(gpu) -> None:
    # In a process of its own, as no other test of that process could use the device afterwards.
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, check=False)
    assert "LOST device 'cuda:0' stopped answering at batch size 128" in done.stdout, done.stderr
