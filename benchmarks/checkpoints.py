"""Print what a checkpoint costs: seconds of writing one, as a share of the seconds of the epoch before it.

The tiny CapsNet on the built-in digits, on a processor; files go to a temporary folder and are removed.

    python benchmarks/checkpoints.py --threads 1 --epochs 30
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from dse.bench.bench import describe
from dse.bench.contest import Spread, ratio
from dse.data.choice import DataChoice
from dse.recipe.batch_size import Constant
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.plan import Plan
from dse.recipe.recipe import Recipe
from dse.training.checkpoint import Checkpoint, Checkpoints
from dse.training.machine import Machine
from dse.training.trainer import Trainer


def cost(trainer: Trainer, batch_size: int, epochs: int) -> Spread:
    """Train a run, and time the writing of its checkpoints."""
    recipe = Recipe(model=CapsNetModel(preset="tiny"), batch_size=Constant(size=batch_size), epochs=epochs)
    plan = trainer.plan(recipe)
    written: list[float] = []
    keep = Checkpoints.keep

    def timed(self: Checkpoints, plan: Plan, seed: int, checkpoint: Checkpoint) -> None:
        start = time.perf_counter()
        keep(self, plan, seed, checkpoint)
        written.append(time.perf_counter() - start)

    with patch.object(Checkpoints, "keep", timed):
        run = trainer.train(plan, 0)
    trainer.forget(plan, 0)
    ends = [0.0, *(row.train_seconds for row in run.curve)]
    return ratio(written, [after - before for before, after in itertools.pairwise(ends)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--threads", type=int, help="threads of the processor; torch's own choice if left out"
    )
    parser.add_argument("--epochs", type=int, default=30, help="epochs of each run: %(default)s")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(Machine(device="cpu", threads=chosen.threads), DataChoice(), Path(folder) / "kept")
        print(describe(trainer.device))
        for batch_size in (128, 16):
            share = cost(trainer, batch_size, chosen.epochs)
            print(f"batch {batch_size}: {share.median:.4f} ({share.low:.4f} to {share.high:.4f}) of an epoch")
