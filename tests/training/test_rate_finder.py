from __future__ import annotations

import numpy as np
import pytest
import torch

from dse.errors import RunError
from dse.networks.network import Losses
from dse.recipe.batch_size import Constant
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.recipe import Recipe
from dse.training import rate_finder
from dse.training.rate_finder import find_rate


def test_it_suggests_a_rate_that_trains(few_digits, cpu):
    recipe = Recipe(model=CapsNetModel(preset="tiny"), batch_size=Constant(size=4))
    found = find_rate(recipe, few_digits, 0, cpu)
    steps = len(found.steps)
    assert 300 < steps <= 601
    assert {array.shape for array in (found.steps, found.rates, found.losses, found.smoothed)} == {(steps,)}
    assert np.allclose(found.rates, 10.0 ** (found.steps / 100 - 6))
    assert found.suggested_rate == pytest.approx(found.rates[np.argmin(found.smoothed)] / 10)
    assert 1e-4 < found.suggested_rate < 1e-2
    again = find_rate(recipe, few_digits, 0, cpu, max_steps=50)
    assert np.array_equal(again.losses, found.losses[:50])


def pretend_losses(monkeypatch, values):
    remaining = iter(values)

    def step(network, optimizer, batch, rate, generator, precision):
        loss = torch.tensor(next(remaining))
        return Losses(loss, loss, loss)

    monkeypatch.setattr(rate_finder, "train_step", step)


def test_it_stops_once_the_loss_has_grown_fourfold(few_digits, cpu, monkeypatch):
    pretend_losses(monkeypatch, [1.0] * 100 + [1000.0] * 501)
    found = find_rate(Recipe(model=LeNet5Model(), batch_size=Constant(size=10)), few_digits, 0, cpu)
    assert len(found.steps) == 101
    assert found.smoothed[:100] == pytest.approx(1)  # without bias to the start at 0
    assert found.smoothed[100] > 4


def test_it_stops_before_a_loss_that_is_not_finite(few_digits, cpu, monkeypatch):
    pretend_losses(monkeypatch, [2.0, 1.0, float("nan")])
    found = find_rate(Recipe(model=LeNet5Model(), batch_size=Constant(size=10)), few_digits, 0, cpu)
    assert found.losses.tolist() == [2.0, 1.0]


def test_losses_that_are_never_finite_are_an_error(few_digits, cpu, monkeypatch):
    pretend_losses(monkeypatch, [float("nan")])
    with pytest.raises(RunError, match="not finite at the first step"):
        find_rate(Recipe(model=LeNet5Model(), batch_size=Constant(size=10)), few_digits, 0, cpu)
