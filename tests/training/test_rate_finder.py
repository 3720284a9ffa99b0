from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
import torch

import dse
from dse.errors import RunError
from dse.networks.network import Network
from dse.recipe.batch_size import Constant
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.recipe import Recipe
from dse.training.machine import Machine
from dse.training.rate_finder import RateSearch, find_rate
from tests.small import FEW_DIGITS

BATCH = 10


def test_it_suggests_a_rate_that_trains() -> None:
    recipe = Recipe(model=LeNet5Model(), batch_size=Constant(size=8))
    told = []
    arguments = recipe, FEW_DIGITS, Machine(device="cpu")
    found = dse.find_rate(*arguments, on_step=lambda *step: told.append(step))
    steps = len(found.steps)
    assert 300 < steps <= 601
    assert {array.shape for array in (found.steps, found.rates, found.losses, found.smoothed)} == {(steps,)}
    assert np.allclose(found.rates, 10.0 ** (found.steps / 100 - 6))
    assert found.suggested_rate == pytest.approx(found.rates[np.argmin(found.smoothed)] / 10)
    assert 1e-4 < found.suggested_rate < 1e-2
    assert found.unreached == ""
    assert told == list(zip(range(1, steps + 1), found.rates, found.smoothed, strict=True))
    again = dse.find_rate(*arguments, max_seconds=0.1)
    assert np.array_equal(again.losses, found.losses[: len(again.losses)])


class Pretended:
    """An engine whose steps have given losses."""

    name = "reference"

    def __init__(self, losses: Iterable[float]) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.seen: list[torch.Tensor] = []
        self._losses = iter(losses)

    def prepare(self, batch_sizes: Iterable[int]) -> None: ...

    def predict(self, images_BCHW: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    @property
    def evaluated(self) -> Network:
        raise NotImplementedError

    def train(
        self,
        chosen_N: torch.Tensor,
        batch_size: int,
        rates_S: torch.Tensor,
        shares_S: torch.Tensor | None = None,
    ) -> torch.Tensor:
        self.seen.append(chosen_N)
        return torch.full((3,), batch_size * next(self._losses), dtype=torch.float64)


def search(losses: Iterable[float], **limits: float) -> RateSearch:
    return find_rate(Pretended(losses), 100, BATCH, **limits)


def test_it_stops_once_the_loss_has_grown_fourfold() -> None:
    found = search([1.0] * 100 + [1000.0] * 501)
    assert len(found.steps) == 101
    assert found.smoothed[:100] == pytest.approx(1)  # without bias to the start at 0
    assert found.smoothed[100] > 4
    assert found.unreached == ""


def test_it_stops_before_a_loss_that_is_not_finite() -> None:
    assert search([2.0, 1.0, float("nan")]).losses.tolist() == [2.0, 1.0]


def test_losses_that_are_never_finite_are_an_error() -> None:
    with pytest.raises(RunError, match="not finite at the first step"):
        search([float("nan")])


def test_it_is_bounded_by_steps_and_by_seconds_and_says_what_it_did_not_reach() -> None:
    assert len(search(itertools.repeat(1.0)).steps) == 601
    cut = search(itertools.repeat(1.0), max_seconds=0)
    assert len(cut.steps) == 1
    assert cut.unreached == "rates above 1e-06 were not tried: 0 s were over"


def test_every_batch_is_full_and_passes_follow_each_other() -> None:
    engine = Pretended(itertools.repeat(1.0))
    find_rate(engine, 2 * BATCH + 3, BATCH)
    assert {len(chosen) for chosen in engine.seen} == {BATCH}
    for one, other in (engine.seen[:2], engine.seen[2:4]):
        assert not set(one.tolist()) & set(other.tolist())
