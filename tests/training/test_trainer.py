"""A machine with data on it: small, frozen, and the same in another process."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
import torch

import dse
from dse.errors import DataError, DeviceError
from dse.recipe.batch_size import Constant, Growing
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.recipe import Recipe
from dse.training.engines import engine_choices
from dse.training.machine import Machine
from dse.training.stretches import epoch_stretches
from dse.training.trainer import Trainer
from tests.small import FEW_DIGITS

RECIPE = Recipe(model=LeNet5Model(), batch_size=Constant(size=50), epochs=1)


def test_a_machine_is_frozen_and_knows_its_engines() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Machine().threads = 2
    with pytest.raises(
        DeviceError, match="engine 'fats' is unknown. Choose one of: auto, reference, fast, fu"
    ):
        Machine(engine="fats")
    for name in engine_choices():
        assert pickle.loads(pickle.dumps(Machine(engine=name))) == Machine(engine=name)


def test_a_trainer_is_sent_without_its_images_and_trains_alike_there(trainer: Trainer) -> None:
    run = trainer.train(trainer.plan(RECIPE), 3)
    sent = pickle.dumps(trainer)
    assert len(sent) < 1000
    copy = pickle.loads(sent)
    assert (copy.machine, copy.data, copy.title) == (trainer.machine, trainer.data, trainer.title)
    again = copy.train(copy.plan(RECIPE), 3)
    assert [row.loss for row in again.curve] == [row.loss for row in run.curve]
    assert copy.environment() == trainer.environment()


def test_an_epoch_passes_over_each_image_once_in_stretches_of_one_batch_size(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dse.training.stretches.STEPS_BETWEEN_CHECKS", 2)
    schedule = Growing(start=8, at=(0.3, 0.7), within_epochs=True)
    plan = trainer.plan(Recipe(model=LeNet5Model(), batch_size=schedule, epochs=2))
    rates_seen: list[float] = []
    for epoch in plan.epochs:
        found = list(epoch_stretches(plan, epoch, torch.Generator().manual_seed(0)))
        assert sorted(torch.cat([chosen for chosen, *_ in found]).tolist()) == list(range(plan.images))
        assert all(-(-len(chosen) // size) == len(rates) <= 2 for chosen, size, rates, _ in found)
        # Only the last stretch may end with a smaller batch.
        assert all(len(chosen) % size == 0 for chosen, size, _, _ in found[:-1])
        assert {size for _, size, _, _ in found} == {segment.batch_size for segment in epoch.segments}
        rates_seen += [rate for _, _, rates, _ in found for rate in rates.tolist()]
    assert rates_seen == plan.rates.tolist()
    run = trainer.train(plan, 0)
    assert [(row.steps, row.batch_size) for row in run.curve] == [
        (epoch.steps, epoch.batch_size) for epoch in plan.epochs
    ]


def test_planning_reads_no_images() -> None:
    trainer = Trainer(Machine(data_dir="/nowhere"), dse.DataChoice(name="mnist"))
    assert trainer.plan(RECIPE).images == 54_000
    with pytest.raises(DataError, match="data set 'mnits' is unknown"):
        Trainer(Machine(), dse.DataChoice(name="mnits")).plan(RECIPE)


def test_auto_is_settled_once_for_runs_like_a_plan(trainer: Trainer) -> None:
    asked = Trainer(Machine(device="cpu", engine="auto"), FEW_DIGITS)
    settled, reason = asked.settled(asked.plan(RECIPE))
    assert settled.machine == Machine(device="cpu", engine="fast")
    assert reason == "not compiled: only a CapsNet's steps are compiled"
    assert asked.train(asked.plan(RECIPE), 0).engine == "fast"
    assert trainer.settled(trainer.plan(RECIPE))[1] == ""


def test_saved_weights_predict_as_the_trained_network_did(tmp_path) -> None:
    path = tmp_path / "net.safetensors"
    _, run = dse.train(RECIPE, FEW_DIGITS, Machine(device="cpu"), seed=3, save=path)
    network, origin = dse.load_weights(path)
    assert (origin.recipe, origin.dataset, origin.seed) == (RECIPE, "digits", 3)
    trainer = Trainer(Machine(device="cpu"), FEW_DIGITS)
    tested = trainer.images.test
    right = network.predict(torch.from_numpy(tested.pixels) / 255).numpy() == tested.labels
    assert right.mean() == pytest.approx(run.curve[-1].test_accuracy)


def test_weights_are_not_written_under_another_formats_name(tmp_path) -> None:
    with pytest.raises(dse.DseError, match=r"net.pt: .*the safetensors format.*Use .*net.safetensors"):
        dse.train(RECIPE, FEW_DIGITS, save=tmp_path / "net.pt")
