"""Print how the fast engine's seconds of an epoch grow with images, batch size, parameters and updates, as tables.

Ratios to one epoch of the same table, turn by turn. The images are random; nothing is read or written.

    python benchmarks/growth.py --device cpu --threads 2 --repeats 5
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import torch

from dse.bench.bench import describe
from dse.bench.contest import Contestant, ratio, take_turns
from dse.bench.entries import SEED, random_images
from dse.data.datasets import MNIST_SHAPE
from dse.errors import DseError
from dse.networks.build import build_network
from dse.recipe.averaging import ExponentialAveraging
from dse.recipe.batch_size import Constant
from dse.recipe.models.capsnet import CapsNetModel, Preset
from dse.recipe.optimizer import OPTIMIZERS
from dse.recipe.plan import Plan, compile_plan
from dse.recipe.recipe import Recipe
from dse.training.device import find_device, use_threads
from dse.training.engines import build_engine
from dse.training.step_engine import Setup
from dse.training.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over some images, as a recipe has it."""

    title: str
    recipe: Recipe
    images: int

    @property
    def plan(self) -> Plan:
        """Its plan."""
        return compile_plan(self.recipe, MNIST_SHAPE, self.images)


def epoch(preset: Preset, batch_size: int, images: int) -> Epoch:
    """One pass as the paper trains, at another size."""
    recipe = Recipe(model=CapsNetModel(preset=preset), batch_size=Constant(size=batch_size), epochs=1)
    return Epoch(f"{preset}, batch {batch_size}, {images} images", recipe, images)


def updates(preset: Preset, images: int) -> tuple[Epoch, ...]:
    """One pass at batch 32 for each optimizer, and with a mean of the weights; Adam comes first."""
    plain = epoch(preset, min(32, images), images)
    parts = [{"optimizer": kind()} for kind in OPTIMIZERS.values()] + [{"averaging": ExponentialAveraging()}]
    recipes = [plain.recipe.model_copy(update=part) for part in parts]
    return tuple(
        Epoch(f"{preset}, {next(iter(part.values())).name}", recipe, images)
        for part, recipe in zip(parts, recipes, strict=True)
    )


# What the others of a table are compared with comes first.
TABLES: dict[str, tuple[Epoch, ...]] = {
    "images": tuple(epoch("full", 128, times * 384) for times in (1, 2, 4)),
    "batch size": tuple(epoch("full", size, 256) for size in (128, 256, 64, 16, 4, 1)),
    "parameters": tuple(epoch(preset, 128, 384) for preset in ("tiny", "small", "full")),
    "updates, tiny": updates("tiny", 320),
    "updates, full": updates("full", 32),
}


def contestant(epoch: Epoch, device: torch.device) -> Contestant:
    """Build what trains such epochs and gives their seconds."""
    plan = epoch.plan
    images = random_images(epoch.images, MNIST_SHAPE, device)
    network = build_network(plan.recipe, MNIST_SHAPE, SEED, device)
    engine = build_engine("fast", Setup.of(plan, network, images, SEED))
    engine.prepare(plan.step_sizes)
    size = int(plan.batch_sizes[0])
    rates, shares = (
        None if of is None else torch.from_numpy(of.copy()).to(device)
        for of in (plan.rates, plan.average_shares)
    )

    def timed(epochs: int) -> float:
        clock = Stopwatch(device)
        with clock:
            for _ in range(epochs):
                order = torch.randperm(epoch.images, generator=engine.generator, device=device)
                engine.train(order, size, rates, shares)
        return clock.seconds

    return Contestant(epoch.title, timed)


def table(epochs: Sequence[Epoch], device: torch.device, seconds: float, repeats: int) -> str:
    """Measure one table."""
    turns = take_turns([contestant(epoch, device) for epoch in epochs], seconds, repeats, _fail)
    base = epochs[0]
    lines = [
        "| epoch | parameters | operations | seconds |",
        "|---|---|---|---|",
        f"| {base.title} | {base.plan.parameters:,} | 1 | 1 |",
    ]
    for epoch in epochs[1:]:
        spread = ratio([turn[epoch.title] for turn in turns], [turn[base.title] for turn in turns])
        operations = epoch.plan.train_flops / base.plan.train_flops
        lines.append(
            f"| {epoch.title} | {epoch.plan.parameters:,} | {operations:.3g} | "
            f"{spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f}) |"
        )
    return "\n".join(lines)


def _fail(title: str, error: DseError) -> NoReturn:
    raise error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--threads", type=int, help="threads of the processor; torch's own choice if left out"
    )
    parser.add_argument("--tables", default=";".join(TABLES), help="those to measure: %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="length of a turn; at least one epoch is run"
    )
    parser.add_argument("--repeats", type=int, default=5, help="turns of each epoch")
    chosen = parser.parse_args()
    use_threads(chosen.threads)
    device = find_device(chosen.device)
    print(describe(device))
    for name in chosen.tables.split(";"):
        print(f"\n{table(TABLES[name], device, chosen.seconds, chosen.repeats)}", flush=True)
