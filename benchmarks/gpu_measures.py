"""What ``gpu.py`` measures: one function for each part, run in a process of its own.

A process is used for piece after piece until one fails: after an error of CUDA nothing else in it can be trusted.
The program that records knows no torch, so neither a crash nor a stopped piece costs it anything.
"""

from __future__ import annotations

import gc
import itertools
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from multiprocessing.connection import Connection
from typing import Any

import gpu_steps
import torch
from gpu_machine import describe_machine, run_tests
from gpu_plan import Measured, Settings

from dse.bench.bench import bench
from dse.bench.entries import Job
from dse.bench.worker import peak_memory
from dse.data.choice import DataChoice
from dse.data.datasets import Protocol
from dse.recipe.batch_size import Constant
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.paper import paper_recipe
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.record.epoch import EpochRow
from dse.record.run import Run
from dse.training.device import find_device
from dse.training.machine import Machine
from dse.training.trainer import Trainer

Tell = Callable[[Measured], None]

# An epoch's pilot: enough steps for a rate.
PILOT_STEPS = 100
# More whole epochs than these say nothing new, and longer than this no epoch is measured whole.
MOST_EPOCHS = 5
EPOCH_ALLOWANCE_SECONDS = 20.0


class Bench:
    """The device, the images, and a function for each part.

    Args:
        settings: Of the call.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.device = find_device(settings.device)
        if self.device.type == "cuda":
            torch.cuda.init()  # type: ignore[no-untyped-call]  # its memory is asked for before its first tensor is there

    @cached_property
    def trainer(self) -> Trainer:
        """All training images train, the test images choose: the paper's protocol."""
        machine = Machine(device=self.settings.device, data_dir=self.settings.data_dir)
        return Trainer(machine, DataChoice(name=self.settings.dataset, protocol=Protocol.PAPER))

    def measure(self, part: str, parameters: Measured, seconds: float, tell: Tell) -> Measured:
        """Measure one piece.

        Args:
            part: Name of one of the functions below.
            parameters: Its arguments.
            seconds: How long it may take.
            tell: Is told what there is so far, where a piece is worth something before its end.
        """
        parts: dict[str, Callable[..., Measured]] = {
            "machine": self.machine,
            "smoke": self.smoke,
            "profile": self.profile,
            "alternatives": self.alternatives,
            "tests": self.tests,
            "bench": self.bench,
            "epoch": self.epoch,
            "target": self.target,
            "accuracy": self.accuracy,
        }
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        return parts[part](seconds, tell, **parameters)

    def machine(self, seconds: float, tell: Tell) -> Measured:
        """Describe hardware, versions and code."""
        return describe_machine(self.device)

    def tests(self, seconds: float, tell: Tell) -> Measured:
        """Run the tests that need a GPU; their output is in ``tests.log`` as they write it."""
        return run_tests(self.settings.out.resolve() / "tests.log", seconds)

    def smoke(self, seconds: float, tell: Tell, sharing: Any, batch_size: int, precision: Any) -> Measured:
        """Compare the steps of every engine of graphs with the reference's."""
        return gpu_steps.smoke(self._job(sharing, batch_size, precision), tell)

    def profile(self, seconds: float, tell: Tell, sharing: Any, batch_size: int, precision: Any) -> Measured:
        """List a step's kernels and their time."""
        return gpu_steps.profile(self._job(sharing, batch_size, precision))

    def alternatives(
        self, seconds: float, tell: Tell, sharing: Any, batch_size: int, precision: Any
    ) -> Measured:
        """Let all ways to run a step that may win take turns."""
        job = self._job(sharing, batch_size, precision)
        return gpu_steps.alternatives(job, self.settings.turn_seconds, self.settings.repeats)

    def bench(
        self, seconds: float, tell: Tell, sharing: Any, batch_size: int, precision: Any, peer: bool
    ) -> Measured:
        """Measure a row of ``dse bench``."""
        settings = self.settings
        job = self._job(sharing, batch_size, precision)
        (row,) = bench([job], settings.turn_seconds, settings.repeats, settings.peer if peer else None)
        if row.failures:
            tell(row.as_dict())  # what the others gave is kept
            raise RuntimeError("; ".join(f"{name}: {_last_line(why)}" for name, why in row.failures.items()))
        return row.as_dict()

    def _job(self, sharing: Any, batch_size: int, precision: Any) -> Job:
        images = self.trainer.data.split.train_images
        return Job(batch_size, self.device, self.settings.preset, sharing, images, precision)

    def epoch(self, seconds: float, tell: Tell, sharing: Any, batch_size: int, precision: Any) -> Measured:
        """Measure an epoch's train seconds: several whole ones or, where the time is short, a part of one."""
        recipe = Recipe(
            model=CapsNetModel(preset=self.settings.preset),
            batch_size=Constant(size=batch_size),
            weight_sharing=WeightSharing(class_capsules=sharing),
            precision=precision,
            epochs=1,
        )
        all_images = self.trainer.data.split.train_images
        images = min(all_images, PILOT_STEPS * batch_size)
        pilot = self._train_on(images, recipe)
        rate = images / pilot.train_seconds
        allowance = min(EPOCH_ALLOWANCE_SECONDS, max(0.0, 0.8 * seconds - 2 * pilot.setup_seconds))
        whole = int(allowance * rate / all_images)
        if whole == 0:
            steps = max(PILOT_STEPS, int(allowance * rate / batch_size))
            images = min(all_images, steps * batch_size)
        else:
            images = all_images
        epochs = min(MOST_EPOCHS, max(1, whole))
        run = self._train_on(images, recipe.model_copy(update={"epochs": epochs}))
        ends = [0.0, *(row.train_seconds for row in run.curve)]
        taken = [(end - start) * all_images / images for start, end in itertools.pairwise(ends)]
        return {
            "epoch_seconds": taken,
            "images_measured": images * epochs,
            "images_of_an_epoch": all_images,
            "extrapolated": images < all_images,
            "setup_seconds": run.setup_seconds,
            "engine": run.engine,
            **peak_memory(self.device),
        }

    def target(self, seconds: float, tell: Tell, recipe: str, precision: Any, seed: int) -> Measured:
        """Train a recipe of the paper until it reaches the target."""
        return self._training(recipe, precision, seed, tell, self.settings.target)

    def accuracy(self, seconds: float, tell: Tell, recipe: str, precision: Any, seed: int) -> Measured:
        """Train a recipe of the paper to its last epoch."""
        return self._training(recipe, precision, seed, tell, None)

    def _training(self, name: str, precision: Any, seed: int, tell: Tell, target: float | None) -> Measured:
        recipe = paper_recipe(name)
        given = recipe.model.model_dump(exclude_unset=True)
        model = CapsNetModel.model_validate(given | {"preset": self.settings.preset})
        recipe = recipe.model_copy(
            update={"model": model, "precision": precision, "epochs": self.settings.epochs}
        )
        curve: list[Measured] = []
        started = time.perf_counter()
        setup_seconds = 0.0

        def so_far(outcome: str, reason: str = "") -> Measured:
            return {
                "curve": curve,
                "outcome": outcome,
                "reason": reason,
                "target": target,
                "setup_seconds": setup_seconds,
                **peak_memory(self.device),
            }

        def on_epoch(row: EpochRow) -> None:
            nonlocal setup_seconds
            if not curve:
                setup_seconds = time.perf_counter() - started - row.train_seconds - row.eval_seconds
            curve.append(row.as_dict())
            tell(so_far("stopped"))
            if target is not None and row.test_accuracy >= target:
                raise _TargetReached

        try:
            run = self.trainer.train(self.trainer.plan(recipe), seed, on_epoch)
        except _TargetReached:
            return so_far("target reached")
        return so_far(run.outcome.value, run.reason) | {"engine": run.engine}

    def _train_on(self, images: int, recipe: Recipe) -> Run:
        """Train on so many images; so few are tested that evaluation takes no time."""
        few = self.trainer.data.model_copy(update={"images": images, "test_images": 10})
        trainer = Trainer(self.trainer.machine, few)
        run = trainer.train(trainer.plan(recipe), 0)
        if not run.curve:
            raise RuntimeError(run.reason)
        return run


class _TargetReached(Exception):  # noqa: N818 (no error)
    """Ends a training run."""


def serve(connection: Connection, settings: Settings) -> None:
    """Measure what is asked for, until nobody asks; the answers are pairs of a word and what there is.

    ``so far``, any number of times, then ``done`` with what was measured or ``failed`` with the traceback.
    """
    # Ctrl-C reaches all processes of a terminal; the program ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            measures = Bench(settings)
            while True:
                part, parameters, seconds = connection.recv()
                measured = measures.measure(
                    part, parameters, seconds, lambda found: connection.send(("so far", found))
                )
                connection.send(("done", measured))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception:
            connection.send(("failed", traceback.format_exc()))


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]
