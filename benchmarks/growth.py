"""Print how the fast engine's seconds of an epoch grow with images, batch size and parameters, as Markdown tables.

Ratios to one epoch of the same table, turn by turn. The images are random; nothing is read or written.

    python benchmarks/growth.py --device cpu --threads 2 --repeats 5
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import torch

from dse.bench.bench import describe
from dse.bench.contest import Contestant, ratio, take_turns
from dse.bench.entries import SEED, random_images
from dse.data.datasets import MNIST_SHAPE
from dse.networks.build import build_network
from dse.recipe.batch_size import Constant
from dse.recipe.models.capsnet import CapsNetModel, Preset
from dse.recipe.plan import Plan, compile_plan
from dse.recipe.recipe import Recipe
from dse.training.device import find_device, use_threads
from dse.training.engines import build_engine
from dse.training.step_engine import Setup
from dse.training.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over some images."""

    preset: Preset
    batch_size: int
    images: int

    @property
    def plan(self) -> Plan:
        """Its plan."""
        recipe = Recipe(
            model=CapsNetModel(preset=self.preset), batch_size=Constant(size=self.batch_size), epochs=1
        )
        return compile_plan(recipe, MNIST_SHAPE, self.images)

    def __str__(self) -> str:
        return f"{self.preset}, batch {self.batch_size}, {self.images} images"


# What the others of a table are compared with comes first.
TABLES: dict[str, tuple[Epoch, ...]] = {
    "images": tuple(Epoch("full", 128, times * 384) for times in (1, 2, 4)),
    "batch size": tuple(Epoch("full", size, 256) for size in (128, 256, 64, 16, 4, 1)),
    "parameters": tuple(Epoch(preset, 128, 384) for preset in ("tiny", "small", "full")),
}


def contestant(epoch: Epoch, device: torch.device) -> Contestant:
    """Build what trains such epochs and gives their seconds."""
    plan = epoch.plan
    images = random_images(epoch.images, MNIST_SHAPE, device)
    network = build_network(plan.recipe, MNIST_SHAPE, SEED, device)
    engine = build_engine("fast", Setup(network, images, SEED))
    engine.prepare({epoch.batch_size})
    rates = torch.from_numpy(plan.rates[plan.epoch_steps(1)].copy()).to(device)

    def timed(epochs: int) -> float:
        clock = Stopwatch(device)
        with clock:
            for _ in range(epochs):
                order = torch.randperm(epoch.images, generator=engine.generator, device=device)
                engine.train(order, epoch.batch_size, rates)
        return clock.seconds

    return Contestant(str(epoch), timed)


def table(name: str, device: torch.device, seconds: float, repeats: int) -> str:
    """Measure one table."""
    epochs = TABLES[name]
    turns = take_turns([contestant(epoch, device) for epoch in epochs], seconds, repeats)
    base = epochs[0]
    lines = [
        "| epoch | parameters | operations | seconds |",
        "|---|---|---|---|",
        f"| {base} | {base.plan.parameters:,} | 1 | 1 |",
    ]
    for epoch in epochs[1:]:
        spread = ratio([turn[str(epoch)] for turn in turns], [turn[str(base)] for turn in turns])
        operations = epoch.plan.train_flops / base.plan.train_flops
        lines.append(
            f"| {epoch} | {epoch.plan.parameters:,} | {operations:.3g} | "
            f"{spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f}) |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--threads", type=int, help="threads of the processor; torch's own choice if left out"
    )
    parser.add_argument("--tables", default=",".join(TABLES), help="those to measure: %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="length of a turn; at least one epoch is run"
    )
    parser.add_argument("--repeats", type=int, default=5, help="turns of each epoch")
    chosen = parser.parse_args()
    use_threads(chosen.threads)
    device = find_device(chosen.device)
    print(describe(device))
    for name in chosen.tables.split(","):
        print(f"\n{table(name, device, chosen.seconds, chosen.repeats)}", flush=True)
