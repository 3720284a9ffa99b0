"""How long it takes to judge a study: python benchmarks/evidence.py [--recipes 500] [--seeds 5] [--epochs 30].

Two studies, each with its images recorded: in one recipes differ as those of a search space do, so that few may be on
the front; in the other all are equally good, so that nearly all may be.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Collection, Iterator

import numpy as np

from dse.data.datasets import find_dataset
from dse.evidence.judge import judged
from dse.recipe.learning_rate import Fixed
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.record.epoch import EpochRow
from dse.record.objectives import measure
from dse.record.right import Marks, Right, RightImages
from dse.record.run import Outcome, Run
from dse.record.tables import StudyTables, make_tables
from dse.record.trial import Trial

RECIPE, SEED, EPOCH = 0.5, 0.7, 0.3  # noise of an image beside its difficulty, which has 1


@dataclasses.dataclass(frozen=True)
class Size:
    """How large a study is."""

    recipes: int
    seeds: int
    epochs: int
    images: int


def made_up(size: Size, spread: float) -> StudyTables:
    """Make a study whose recipes' skills spread by this much."""
    rng = np.random.default_rng(0)
    hard = rng.standard_normal(size.images, dtype=np.float32)
    right: dict[tuple[int, int], Right] = {}
    trials = [trial for r in range(size.recipes) for trial in _runs(r, size, spread, hard, rng, right)]

    def read(numbers: Collection[int]) -> RightImages:
        wanted = set(numbers)
        return {key: marks for key, marks in right.items() if key[0] in wanted}

    data = {
        "name": "mnist",
        "images": None,
        "validation_images": size.images,
        "test_images": None,
        "split_seed": 0,
    }
    space = {"objectives": ["train_seconds", "accuracy"], "protocol": "holdout", "target": None, "data": data}
    return make_tables("made-up", trials, space, trials[0].recipe.id, {}, read)


def _runs(
    r: int,
    size: Size,
    spread: float,
    hard: np.ndarray,
    rng: np.random.Generator,
    right: dict[tuple[int, int], Right],
) -> Iterator[Trial]:
    rate = Fixed(base_rate=1e-5 * (r + 1))
    recipe = Recipe(model=CapsNetModel(preset="tiny"), epochs=size.epochs, learning_rate=rate)
    plan = compile_plan(recipe, find_dataset("mnist").shape, 50_000)
    top, speed, step = (
        3.5 + spread * rng.normal(),
        np.exp(spread * rng.normal()),
        np.exp(spread * rng.normal()),
    )
    own = hard + RECIPE * rng.standard_normal(size.images, dtype=np.float32)
    for seed in range(size.seeds):
        noise = own + SEED * rng.standard_normal(size.images, dtype=np.float32) + rng.normal(0, 0.05)
        number, rows = r * size.seeds + seed, []
        pace = 5 * step * np.exp(0.03 * rng.normal())
        for epoch in range(1, size.epochs + 1):
            skill = top - 2.5 * np.exp(-0.5 * speed * epoch)
            marks = Marks.of(skill + noise + EPOCH * rng.standard_normal(size.images, dtype=np.float32) > 0)
            right[number, epoch] = Right(marks, marks)
            rows.append(EpochRow(epoch, 128, 400, 50_000 * epoch, 1e-3, 1e-3, pace * epoch, 1.0, 1.0, 0.5, 20.0,
                                 marks.share, marks.share))  # fmt: skip
        run = Run(tuple(rows), Outcome.COMPLETE, setup_seconds=1.0)
        yield Trial(number, recipe, seed, run, measure(run, plan, None))


def main() -> None:
    """Print seconds of one core, and what they were spent on."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("recipes", 500), ("seeds", 5), ("epochs", 30), ("images", 10_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    size = Size(**vars(parser.parse_args()))
    for what, spread in (("recipes differ", 0.25), ("recipes are alike", 0.02)):
        tables = made_up(size, spread)
        began, clock = time.process_time(), time.perf_counter()
        found = judged(tables).evidence
        assert found is not None
        print(
            f"{what}: {time.process_time() - began:.2f} s of processor ({time.perf_counter() - clock:.2f} s by the "
            f"clock); {len(found.points)} points may be on the front of {len(tables.front)}, best accuracy "
            f"{100 * tables.points['accuracy'].max():.2f} %"
        )


if __name__ == "__main__":
    main()
