"""What ``gpu.py`` measures: one function for each part, run in a process of its own.

A process is used for piece after piece until one fails: after an error of CUDA nothing else in it can be trusted.
The program that records knows no torch, so neither a crash nor a stopped piece costs it anything.
"""

from __future__ import annotations

import gc
import itertools
import os
import re
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

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
from dse.record.environment import describe_environment
from dse.record.run import EpochRow, Run
from dse.training.device import device_title, find_device, threads_of
from dse.training.machine import Machine
from dse.training.trainer import Trainer

if TYPE_CHECKING:
    from gpu import Settings

Measured = dict[str, Any]
Tell = Callable[[Measured], None]

ROOT = Path(__file__).resolve().parents[1]
TESTS = ("tests/training", "tests/networks", "tests/bench")
TAIL_CHARACTERS = 4000
STOPPING_SECONDS = 2.0
MOST_TEST_SECONDS = 180.0
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
        described: Measured = describe_environment(
            device_title(self.device), self.device.type, threads_of(self.device), "fast", ""
        )
        del described["data_fingerprint"], described["engine"]
        if self.device.type == "cuda":
            properties = torch.cuda.get_device_properties(self.device)
            described |= {
                "gpu_memory_bytes": properties.total_memory,
                "multiprocessors": properties.multi_processor_count,
                "cuda": torch.version.cuda,
                "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
                "nvidia_smi": _nvidia_smi(),
            }
        return described

    def tests(self, seconds: float, tell: Tell) -> Measured:
        """Run the tests that need a GPU; their output is in ``tests.log`` as they write it."""
        command = [sys.executable, "-m", "pytest", "-v", "-m", "gpu", "-p", "no:cacheprovider", *TESTS]
        # Less than it has, so that no tests are left running behind a process that was stopped.
        timeout = max(1.0, min(MOST_TEST_SECONDS, seconds - STOPPING_SECONDS))
        # What else is installed on a lent machine may break pytest by its plugins.
        environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUNBUFFERED": "1"}
        log = self.settings.out.resolve() / "tests.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        ending = f"did not end within {timeout:.0f} s"
        status: int | None = None
        with log.open("w", encoding="utf-8") as stream, suppress(subprocess.TimeoutExpired):
            status = subprocess.run(
                command, cwd=ROOT, env=environment, timeout=timeout, stdout=stream, stderr=subprocess.STDOUT
            ).returncode
            ending = f"ended with {status}"
        tail = log.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:]
        if status != 0:
            raise RuntimeError(f"{' '.join(command[1:])} {ending}; all output is in {log}:\n{tail}")
        last_line = tail.strip().splitlines()[-1]
        counts = {name: int(count) for count, name in re.findall(r"(\d+) ([a-z]+)", last_line)}
        return {"counts": counts, "output": tail}

    def bench(
        self, seconds: float, tell: Tell, sharing: Any, batch_size: int, precision: Any, peer: bool
    ) -> Measured:
        """Measure a row of ``dse bench``."""
        settings = self.settings
        job = Job(
            batch_size,
            self.device,
            settings.preset,
            sharing,
            images=self.trainer.data.split.train_images,
            precision=precision,
        )
        (row,) = bench([job], settings.turn_seconds, settings.repeats, settings.peer if peer else None)
        if row.failures:
            tell(row.as_dict())  # what the others gave is kept
            raise RuntimeError("; ".join(f"{name}: {_last_line(why)}" for name, why in row.failures.items()))
        return row.as_dict()

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
            curve.append(asdict(row))
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


def _nvidia_smi() -> str | None:
    """Ask the driver for what torch does not know."""
    query = "--query-gpu=name,driver_version,power.limit,clocks.max.sm,clocks.max.memory"
    try:
        result = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
