"""Calibrating on real steps: the runs that come after are the same bit for bit, and larger steps take longer."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from dse.networks.network import PLAIN
from dse.recipe.batch_size import Constant
from dse.recipe.kinds import StepKind
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.optimizer import ScheduleFree
from dse.recipe.plan import Plan
from dse.recipe.recipe import Recipe
from dse.record.calibration import Wanted
from dse.training.calibrating import calibrate
from dse.training.graph_engine import GraphEngine
from dse.training.graphs import Work
from dse.training.randomness import global_randomness
from dse.training.step_engine import Engine, Setup
from dse.training.trainer import Trainer
from dse.training.turns import Effort

QUICK = Effort(block_seconds=0.002, error=0.05, least_pairs=3, seconds=0.3, reference_seconds=0.05)
RECIPE = Recipe(model=CapsNetModel(preset="tiny"), batch_size=Constant(size=32), epochs=2)


def kind(trainer: Trainer, size: int, recipe: Recipe = RECIPE) -> StepKind:
    return StepKind.of(recipe, trainer.data.dataset.shape, size)


def measured(trainer: Trainer, wanted: Wanted):
    return calibrate(
        wanted, lambda plan: trainer.engine(plan, 0), len(trainer.parts[0]), trainer.device, QUICK
    )


def test_a_run_is_the_same_bit_for_bit_after_its_steps_were_calibrated(trainer: Trainer) -> None:
    plan, before, threads = trainer.plan(RECIPE), global_randomness(trainer.device), torch.get_num_threads()
    plain = trainer.train(plan, seed=3)
    reference = kind(trainer, 32)
    measured(trainer, Wanted(reference, (reference, kind(trainer, 4))))
    network = trainer.network(plan, seed=3)
    again = trainer.train(plan, seed=3, network=network)
    assert figures(again) == figures(plain)
    assert torch.equal(global_randomness(trainer.device)["global.cpu"], before["global.cpu"])
    assert torch.get_num_threads() == threads


def figures(run) -> list[dict]:
    return [
        {name: value for name, value in dataclasses.asdict(row).items() if "seconds" not in name}
        for row in run.curve
    ]


def test_larger_steps_take_longer_and_a_kind_takes_as_long_as_itself(trainer: Trainer) -> None:
    reference, small = kind(trainer, 32), kind(trainer, 2)
    # The same steps under another id: what a rule for ids would tell apart for no reason.
    twin = kind(
        trainer,
        32,
        RECIPE.model_copy(update={"optimizer": RECIPE.optimizer.model_copy(update={"beta2": 0.99})}),
    )
    found = measured(trainer, Wanted(reference, (reference, small, twin)))
    assert found.reference is not None
    assert 0 < found.reference.seconds < 1
    assert found.ratios[small.id].value < 0.7
    assert found.ratios[twin.id].value == pytest.approx(1, abs=0.25)


def test_steps_that_are_launched_together_are_timed_together(trainer: Trainer) -> None:
    launched: list[tuple[int, int]] = []

    class Counting(GraphEngine):
        def _recorded(self, steps: int, batch_size: int) -> Any:
            launched.append((steps, batch_size))
            return super()._recorded(steps, batch_size)

    def again(work: Work) -> Work:
        work()
        return work

    def build(plan: Plan) -> Engine:
        images = trainer.parts[0]
        return Counting(Setup.of(plan, trainer.network(plan, 0), images, 0), "graphs", PLAIN, again, 8)

    reference, small = kind(trainer, 8), kind(trainer, 2)
    found = calibrate(Wanted(reference, (small,)), build, len(trainer.parts[0]), trainer.device, QUICK)
    assert launched.count((1, 2)) == 1, "a step that shares its graph with others was timed alone"
    assert launched.count((4, 2)) > 3
    assert 0 < found.ratios[small.id].value < 1


def test_the_reference_is_timed_only_where_it_is_wanted(trainer: Trainer) -> None:
    found = measured(trainer, Wanted(kind(trainer, 32), (kind(trainer, 8),)))
    assert found.reference is None
    assert list(found.ratios) == [kind(trainer, 8).id]


@pytest.mark.parametrize("optimizer", [ScheduleFree()], ids=["schedule_free"])
def test_steps_that_keep_a_mean_are_timed_with_it(trainer: Trainer, optimizer: ScheduleFree) -> None:
    averaged = kind(trainer, 8, RECIPE.model_copy(update={"optimizer": optimizer}))
    assert averaged.plan().average_shares is not None
    assert measured(trainer, Wanted(kind(trainer, 32), (averaged,))).ratios[averaged.id].value > 0
