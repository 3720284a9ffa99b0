"""The trainer: a machine with data on it, and the training loop with its clocks and evaluations."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from dse.data.choice import DataChoice
from dse.data.images import ImageData, load_images
from dse.errors import DataError, DeviceError
from dse.networks.build import build_network, sized_plan
from dse.networks.network import Network
from dse.recipe.plan import Plan, compile_plan
from dse.recipe.recipe import Recipe
from dse.record.calibration import Measured, Wanted
from dse.record.environment import describe_code, describe_environment
from dse.record.epoch import EpochRow
from dse.record.run import OnEpoch, Run, Training, finished
from dse.training.calibrating import calibrate
from dse.training.checkpoint import CheckpointFiles, Checkpoints
from dse.training.device import device_title, find_device, hardware, threads_of, use_threads
from dse.training.energy import FindMeter, Meter, find_meter
from dse.training.engines import AUTO, build_engine, choose_engine
from dse.training.images import DeviceImages
from dse.training.loop import Loop
from dse.training.machine import Machine
from dse.training.randomness import seeded
from dse.training.step_engine import Engine, Setup

# What a run must find again to go on as it would have, beside torch and the choice of data.
RESUMED_ON = ("dse", "commit", "device", "threads", "engine", "data_fingerprint")


@dataclass(frozen=True, slots=True, eq=False)
class Luggage:
    """What a trainer has with it that it would find at home.

    Attributes:
        images: That the data choice means.
        code: Version and commit of the code, which a copy of it does not know.
    """

    images: ImageData
    code: dict[str, object]


class Trainer:
    """A machine with data on it: plans recipes, and trains them.

    It can be pickled. The device is looked for, and the images are read and moved to it, when they are first needed;
    a copy in another process looks and reads for itself.

    Args:
        machine: What trains.
        data: Which images it trains on, chooses on and tests on.
        kept_in: Folder of the checkpoints; no run keeps any if None.
        luggage: What it need not look for.
        find_meter: Finds the device's meter of energy; its energy is not recorded if there is none.

    >>> import dse
    >>> trainer = Trainer(dse.Machine("cpu"), dse.DataChoice(images=50, validation_images=20, test_images=20))
    >>> plan = trainer.plan(dse.Recipe(model=dse.CnnModel(filters=4), epochs=2, batch_size=dse.Constant(size=10)))
    >>> run = trainer.train(plan, seed=0)
    >>> run.outcome.value, [row.images_seen for row in run.curve]
    ('complete', [50, 100])
    """

    def __init__(
        self,
        machine: Machine,
        data: DataChoice,
        kept_in: Path | None = None,
        luggage: Luggage | None = None,
        find_meter: FindMeter = find_meter,
    ) -> None:
        self.machine = machine
        self.data = data
        self.kept_in = kept_in
        self.luggage = luggage
        self.find_meter = find_meter

    def __getstate__(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in ("machine", "data", "kept_in", "luggage", "find_meter")}

    def _changed(self, **changes: Any) -> Trainer:
        return Trainer(**self.__getstate__() | changes)

    @cached_property
    def device(self) -> torch.device:
        """The device that trains.

        Raises:
            DeviceError: It is not here, or has fewer cores than threads are wanted.
        """
        use_threads(self.machine.threads)
        return find_device(self.machine.device)

    @cached_property
    def meter(self) -> Meter | None:
        """Reads the device's energy; None if it has no meter that can be read."""
        with suppress(DeviceError):
            return self.find_meter(self.device)
        return None

    @property
    def title(self) -> str:
        """The device's name, as a table of results would give it."""
        return device_title(self.device)

    @cached_property
    def images(self) -> ImageData:
        """All images, in the processor's memory."""
        if self.luggage is not None:
            return self.luggage.images
        return load_images(self.data, self.machine.data_dir)

    @cached_property
    def parts(self) -> tuple[DeviceImages, DeviceImages | None, DeviceImages]:
        """The images to train on, to choose on and to test on, on the device."""
        held = self.images
        validation = None if held.validation is None else DeviceImages.of(held.validation, self.device)
        return DeviceImages.of(held.train, self.device), validation, DeviceImages.of(held.test, self.device)

    def environment(self) -> dict[str, object]:
        """Describe machine, code and data, so that figures can be judged later.

        Raises:
            DataError: The images cannot be read.
        """
        here = describe_environment(
            self.title,
            self.device.type,
            threads_of(self.device),
            self.machine.engine,
            self.images.fingerprint,
        ) | hardware(self.device)
        return here if self.luggage is None else here | self.luggage.code

    @property
    def _files(self) -> CheckpointFiles | None:
        return None if self.kept_in is None else CheckpointFiles(self.kept_in)

    @cached_property
    def _checkpoints(self) -> Checkpoints | None:
        if self.kept_in is None:
            return None
        environment = self.environment()
        here = {key: environment[key] for key in RESUMED_ON}
        return Checkpoints(
            self.kept_in, here | {"torch": torch.__version__, "data": self.data.model_dump(mode="json")}
        )

    def kept(self, plan: Plan, seed: int) -> tuple[EpochRow, ...]:
        """Give the rows of the epochs that ``train`` would not train again: a checkpoint holds what came of them."""
        return () if self._checkpoints is None else self._checkpoints.curve(plan, seed)

    def forget(self, plan: Plan, seed: int) -> None:
        """Remove a run's checkpoint: it has ended for good."""
        if self._files is not None:
            self._files.forget(plan, seed)

    def forget_others(self, runs: Collection[tuple[str, int]]) -> None:
        """Remove all checkpoints but those of these runs, by id of their recipe and seed."""
        if self._files is not None:
            self._files.forget_others(runs)

    def checkpoint(self, plan: Plan, seed: int) -> bytes | None:
        """Give the content of a run's checkpoint, if it has one."""
        return None if self._files is None else self._files.content(plan, seed)

    def take_checkpoint(self, plan: Plan, seed: int, content: bytes) -> None:
        """Keep a run's checkpoint that a copy of this trainer wrote.

        Raises:
            CheckpointError: The file cannot be written.
        """
        if self._files is not None:
            self._files.take(plan, seed, content)

    def portable(self) -> Trainer:
        """Give a copy with its images, which another machine may not have."""
        return self._changed(luggage=Luggage(self.images, describe_code()))

    def keeping_in(self, folder: Path) -> Trainer:
        """Give a copy that keeps checkpoints in another folder, if this one keeps any."""
        return self._changed(kept_in=self.kept_in and folder)

    def plan(self, recipe: Recipe) -> Plan:
        """Compile a recipe for the data.

        Raises:
            RecipeError: A batch is larger than the data, or the images do not fit the model.
            DataError: The data set is unknown or too small.
        """
        return self.sized(compile_plan(recipe, self.data.dataset.shape, self.data.split.train_images))

    def sized(self, plan: Plan) -> Plan:
        """Give a plan that knows the sizes of its network; one of the user's own is imported and built for that.

        Raises:
            RecipeError: It cannot be imported or built.
        """
        return sized_plan(plan)

    def settled(self, plan: Plan) -> tuple[Trainer, str]:
        """Decide once which engine all runs like this plan's have.

        Returns:
            A trainer whose engine is not ``auto``, and why it is that one; no reason where nothing was left to decide.

        Raises:
            DeviceError: The machine's engine cannot run the plan here.
        """
        engine, reason = choose_engine(self.machine.engine, plan, self.device.type)
        return self._changed(machine=dataclasses.replace(self.machine, engine=engine)), reason

    def on(self, machine: Machine, engine: str | None = None) -> Trainer:
        """Give a trainer of the same data on another machine; with the same engine if None is given."""
        return self._changed(machine=dataclasses.replace(machine, engine=engine or self.machine.engine))

    def network(self, plan: Plan, seed: int) -> Network:
        """Build a plan's network on the device, with initial weights that depend on the seed alone."""
        return build_network(plan.recipe, plan.image, seed, self.device)

    def engine(self, plan: Plan, seed: int, network: Network | None = None) -> Engine:
        """Build what runs a plan's steps, on the network or, if None, on a fresh one.

        Raises:
            DeviceError: The device does not compute in the recipe's precision.
        """
        name = self.machine.engine
        if name == AUTO:
            name, _ = choose_engine(name, plan, self.device.type)
        network = self.network(plan, seed) if network is None else network
        return build_engine(name, Setup.of(plan, network, self.parts[0], seed))

    def calibrate(self, wanted: Wanted) -> Measured:
        """Measure how long kinds of steps take here; no run is affected.

        Raises:
            RecipeError, DeviceError, DeviceLostError: As for ``epochs``.
        """
        device, images = self.device, len(self.parts[0])
        return calibrate(wanted, lambda plan: self.engine(self.sized(plan), 0), images, device)

    def train(
        self, plan: Plan, seed: int, on_epoch: OnEpoch | None = None, network: Network | None = None
    ) -> Run:
        """Train a network as planned, to its end; see ``epochs``.

        Args:
            plan: Every batch size, step and rate.
            seed: Decides the initial weights, the order of the images and their shifts.
            on_epoch: Called with every new row as soon as it is complete; the run ends as ``stopped`` if it returns a
                reason.
            network: As for ``epochs``.
        """
        return finished(self.epochs(plan, seed, network), on_epoch)

    def epochs(self, plan: Plan, seed: int, network: Network | None = None) -> Training:
        """Train a network as planned, an epoch each time that the generator is resumed.

        On the processor, the same plan, data, seed and number of threads give the same curve bit for bit, all but the
        seconds; a run that resumes from a checkpoint too. Each epoch leaves a checkpoint before its row is yielded.

        Args:
            plan: Every batch size, step and rate.
            seed: Decides the initial weights, the order of the images and their shifts.
            network: Trained in place, and holds in the end the weights that were evaluated; lives on the device.
                The plan's own if None.

        Yields:
            Every new row as soon as it is complete; what happens until the generator is resumed is on no clock. The
            run ends as ``stopped`` if a reason is sent.

        Returns:
            The run; its ``engine`` is what really ran. If a loss is not finite, it ends there as ``diverged``, with
            the rows of the epochs before.

        Raises:
            DataError: The plan is for another number or shape of images.
            DeviceError: The device does not compute in the recipe's precision, or the engine cannot run there.
            RecipeError: A batch does not fit in the device's memory.
            DeviceLostError: The device stopped answering.
            CheckpointError: A checkpoint cannot be written.
        """
        self._check_fit(plan)
        with seeded(seed, self.device):
            loop = Loop(plan, seed, lambda: self.parts, self.device, self._checkpoints, self.meter)
            return (yield from loop.run(lambda: self.engine(plan, seed, network), network))

    def _check_fit(self, plan: Plan) -> None:
        shape, count = self.data.dataset.shape, self.data.split.train_images
        if (shape, count) != (plan.image, plan.images):
            raise DataError(
                f"the plan is for {plan.images} training images of {plan.image}, but {self.data.name} holds "
                f"{count} of {shape}. Compile the plan for these."
            )
