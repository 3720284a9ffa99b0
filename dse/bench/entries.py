"""Who competes: each function builds one process's contestants."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from dse.bench.limit import FLOAT_BYTES, activation_floats, kernel_run, rate_runs
from dse.bench.peer import Peer, import_peer
from dse.bench.worker import Entry
from dse.data.datasets import MNIST_SHAPE, ImageShape
from dse.networks.build import build_network
from dse.recipe.models.capsnet import CapsNetModel, CapsNetSize, Preset
from dse.recipe.recipe import Precision, Recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.training.allocator import keep_freed_memory
from dse.training.engines import build_engine
from dse.training.images import DeviceImages
from dse.training.step_engine import Engine, Setup
from dse.training.stopwatch import Stopwatch

Sharing = Literal["none", "per_type"]

# As many as MNIST has, so that batches come from memory and not from a cache.
IMAGES = 60_000
RATE = 0.001
SEED = 0


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained.

    Attributes:
        images: Held on the device.
        precision: Of our engines' convolutions and matrix products, and of the limit. The authors' code has torch's
            defaults.
    """

    batch_size: int
    device: torch.device
    preset: Preset = "full"
    sharing: Sharing = "none"
    images: int = IMAGES
    precision: Precision = "float32"

    @property
    def model(self) -> CapsNetModel:
        """The CapsNet of the preset."""
        return CapsNetModel(preset=self.preset)

    @property
    def recipe(self) -> Recipe:
        """The CapsNet with its sharing."""
        sharing = WeightSharing(class_capsules=self.sharing)
        return Recipe(model=self.model, weight_sharing=sharing, precision=self.precision)

    @property
    def size(self) -> CapsNetSize:
        """Every size of the CapsNet."""
        return self.model.size(MNIST_SHAPE, self.recipe.weight_sharing)


def engine_entry(job: Job, name: str, build: Callable[[str, Setup], Engine] = build_engine) -> Entry:
    """Build one of our engines.

    Args:
        job: What is trained.
        name: What ``build`` knows it by, and the contestant's name.
        build: Builds it.
    """
    check_memory(job)
    images = random_images(max(job.images, job.batch_size), MNIST_SHAPE, job.device)
    network = build_network(job.recipe, MNIST_SHAPE, SEED, job.device)
    engine = build(name, Setup(network, images, SEED, job.precision))
    clock = Stopwatch(job.device)
    with clock:
        engine.prepare([job.batch_size])

    def run(steps: int) -> Tensor:
        # Drawn within the turn, as an epoch's order is drawn within train seconds.
        chosen_N = torch.randint(len(images), (steps * job.batch_size,), device=job.device)
        return engine.train(chosen_N, job.batch_size, torch.full((steps,), RATE, device=job.device))

    return Entry({name: run}, job.device, {"name": engine.name, "setup_seconds": clock.seconds})


def peer_entry(job: Job, folder: Path) -> Entry:
    """Build the authors' training, with and without its data loader."""
    check_memory(job)
    images = random_images(max(job.images, job.batch_size), MNIST_SHAPE, job.device)
    code = import_peer(folder)
    peer = Peer(code, job.size, job.model.routing_iterations, images, job.batch_size, job.device)
    return Entry({"peer": peer.run, "peer_without_loader": peer.run_without_loader}, job.device)


def limit_entry(job: Job) -> Entry:
    """Build what the limit is measured by."""
    check_memory(job)
    if job.device.type == "cpu":
        # Otherwise clearing fresh pages for the kernels' outputs would count, which is not their work.
        keep_freed_memory()
        run = kernel_run(job.size, job.model.routing_iterations, job.batch_size, job.precision)
        return Entry({"limit": run}, job.device)
    return Entry(rate_runs(job.device, job.precision), job.device)


def random_images(count: int, shape: ImageShape, device: torch.device) -> DeviceImages:
    """Draw images and labels without meaning, always the same on a device."""
    generator = torch.Generator(device).manual_seed(SEED)
    size = (count, shape.channels, shape.height, shape.width)
    pixels = torch.randint(256, size, dtype=torch.uint8, generator=generator, device=device)
    return DeviceImages(pixels, torch.randint(shape.classes, (count,), generator=generator, device=device))


def check_memory(job: Job) -> None:
    """Refuse a batch whose activations alone exceed a processor's memory: the system might end other programs.

    Raises:
        MemoryError: They do.
    """
    if job.device.type != "cpu" or not hasattr(os, "sysconf"):
        return
    held = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if FLOAT_BYTES * activation_floats(job.size) * job.batch_size > held:
        raise MemoryError(f"its activations alone exceed {held / 2**30:.0f} GiB")
