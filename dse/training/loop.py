"""The loop of one run: its epochs, their clocks and evaluations, and the checkpoints that they leave."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from dse.networks.network import Network
from dse.recipe.plan import EpochPlan, Plan
from dse.record.epoch import EpochRow
from dse.record.right import Right
from dse.record.run import Outcome, Run, Training
from dse.training.checkpoint import Checkpoint, Checkpoints
from dse.training.energy import Meter
from dse.training.evaluation import right_images
from dse.training.faults import explained_faults
from dse.training.images import DeviceImages
from dse.training.randomness import global_randomness, restore_randomness
from dse.training.step_engine import Engine
from dse.training.stopwatch import Stopwatch
from dse.training.stretches import epoch_stretches


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """One training of a plan with a seed.

    Attributes:
        plan: Every batch size, step and rate.
        seed: Names the checkpoint.
        parts: Gives the images to train on, to choose on and to test on; moving them to the device is set-up.
        device: What computes.
        checkpoints: Where an attempt before may have left one, and each epoch leaves one; none if None.
        meter: Reads the device's energy; None if it cannot be read.
    """

    plan: Plan
    seed: int
    parts: Callable[[], tuple[DeviceImages, DeviceImages | None, DeviceImages]]
    device: torch.device
    checkpoints: Checkpoints | None
    meter: Meter | None = None

    def run(self, build: Callable[[], Engine], network: Network | None) -> Training:
        """Train an epoch each time that the generator is resumed; see ``Trainer.epochs``.

        Args:
            build: Builds the engine; its time is set-up.
            network: Holds in the end the weights that were evaluated, if given.
        """
        plan, seed, checkpoints = self.plan, self.seed, self.checkpoints
        start = None if checkpoints is None else checkpoints.find(plan, seed)
        clocks = _Clocks.of(self.device, start, self.meter)
        curve = [] if start is None else [*start.curve]
        with explained_faults(self.device, max(plan.step_sizes)), clocks.setup:
            engine = build()
            engine.prepare(plan.step_sizes)
            if start is not None:
                engine.restore(start.state)
                restore_randomness(start.state, self.device)

        def ended(outcome: Outcome, reason: str) -> Run:
            if network is not None and engine.evaluated is not network:
                network.load_state_dict(engine.evaluated.state_dict())
            return Run(tuple(curve), outcome, reason, clocks.setup.seconds, engine.name)

        for epoch in plan.epochs[len(curve) :]:
            row = self._epoch(engine, epoch, clocks)
            if row is None:
                return ended(Outcome.DIVERGED, _divergence(plan, epoch))
            curve.append(row)
            if checkpoints is not None:
                state = engine.state() | global_randomness(self.device)
                kept = Checkpoint(tuple(curve), clocks.setup.seconds, state)
                checkpoints.keep(plan, seed, kept)
            enough = yield row
            if enough is not None:
                return ended(Outcome.STOPPED, enough)
        return ended(Outcome.COMPLETE, "")

    def _epoch(self, engine: Engine, epoch: EpochPlan, clocks: _Clocks) -> EpochRow | None:
        """Train and evaluate one epoch; None if its loss is not finite."""
        plan = self.plan
        largest = max(segment.batch_size for segment in epoch.segments)
        with explained_faults(self.device, largest), clocks.train:
            sums = torch.zeros(3, dtype=torch.float64, device=self.device)
            for chosen, batch_size, rates, shares in epoch_stretches(plan, epoch, engine.generator):
                sums += engine.train(chosen, batch_size, rates, shares)
                if not sums.isfinite().all():
                    break
            losses = (sums / plan.images).tolist()
        if not all(map(math.isfinite, losses)):
            return None
        _, chosen_on, tested = self.parts()
        with explained_faults(self.device, largest), clocks.evaluation:
            validation = None if chosen_on is None else right_images(engine.predict, chosen_on)
            test = right_images(engine.predict, tested)
        return EpochRow(
            epoch=epoch.epoch,
            batch_size=epoch.batch_size,
            steps=epoch.steps,
            images_seen=epoch.epoch * plan.images,
            first_rate=epoch.first_rate,
            last_rate=epoch.last_rate,
            train_seconds=clocks.train.seconds,
            eval_seconds=clocks.evaluation.seconds,
            loss=losses[0],
            margin_loss=losses[1],
            reconstruction_loss=losses[2],
            validation_accuracy=None if validation is None else validation.share,
            test_accuracy=test.share,
            energy_joules=clocks.train.joules,
            right=Right(validation, test),
        )


@dataclass(frozen=True, slots=True)
class _Clocks:
    """What a run has spent, each on a clock of its own; the training's has the meter of energy."""

    setup: Stopwatch
    train: Stopwatch
    evaluation: Stopwatch

    @classmethod
    def of(cls, device: torch.device, start: Checkpoint | None, meter: Meter | None) -> _Clocks:
        """Begin at 0, or where a run was; what its epochs took is not known if one of them was not metered."""
        if start is None:
            setup, train, evaluation, joules = 0.0, 0.0, 0.0, None if meter is None else 0.0
        else:
            last = start.curve[-1]
            setup, train, evaluation = start.setup_seconds, last.train_seconds, last.eval_seconds
            joules = None if meter is None else last.energy_joules
        trained = Stopwatch(device, train, meter=meter, joules=joules)
        return cls(Stopwatch(device, setup), trained, Stopwatch(device, evaluation))


def _divergence(plan: Plan, epoch: EpochPlan) -> str:
    low, high = sorted((epoch.first_rate, epoch.last_rate))
    return (
        f"the loss stopped being finite in epoch {epoch.epoch} of {len(plan.epochs)}, "
        f"at rates from {low:.3g} to {high:.3g}"
    )
