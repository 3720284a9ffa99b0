"""What ``gpu.py`` measures, piece by piece, in the order of its worth; nothing here knows torch."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import itertools
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if importlib.util.find_spec("dse") is None:
    sys.path.insert(0, str(ROOT))

PARTS = ("smoke", "profile", "alternatives", "bench", "epoch", "target", "accuracy", "tests")
SHARINGS = ("none", "per_type")
PRECISIONS = ("float32", "tf32", "bfloat16")
# Those that may reach the target within seconds first; those that begin with batches of 1, 60,000 steps an epoch, last.
RECIPES = (
    "paper/one_cycle",
    "paper/exponential_decay",
    "paper/baseline",
    "paper/warm_restarts",
    "paper/weight_sharing",
    "paper/adabatch",
    "paper/warm_ada_batch",
    "paper/warm_ada_batch_weight_sharing",
)
BATCH_1_RECIPES = RECIPES[5:]
# Cheapest first. They train with one batch size and with small ones.
ACCURACY_RECIPES = ("paper/baseline", "paper/warm_ada_batch")
# What a piece of a part is given before one of its kind has been measured.
FIRST_GUESS_SECONDS = {
    "smoke": 10.0,
    "profile": 15.0,
    "alternatives": 60.0,
    "bench": 40.0,
    "epoch": 30.0,
    "target": 20.0,
    "accuracy": 20.0,
    "tests": 60.0,
}

# The program ends this long before its minutes do: to stop a process, and to write.
RESERVE_SECONDS = 5.0

# What decides a figure: another version of these is another section of the results.
CODE = (
    "benchmarks/gpu_measures.py",
    "benchmarks/gpu_steps.py",
    "dse/bench",
    "dse/data",
    "dse/networks",
    "dse/record/epoch.py",
    "dse/record/run.py",
    "dse/recipe",
    "dse/training",
)
# The tests' own code: a corrected test is run again, and no figure is measured again for it.
TEST_CODE = ("tests", "pyproject.toml")

Measured = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What all pieces of a call share.

    Attributes:
        data_dir: Where the data set's files are.
        dataset: ``mnist``, or ``digits`` to try the program out.
        device: As ``dse`` names it.
        preset: Size of the CapsNet.
        epochs: Of a training run.
        target: Test accuracy that ends a run of the part ``target``.
        repeats: Turns of each contestant of the parts ``bench`` and ``alternatives``.
        turn_seconds: Length of a turn.
        peer: Checkout of the authors' code, if any.
        out: Folder of the results; the tests' output goes there too.
    """

    data_dir: Path
    dataset: str
    device: str
    preset: Any
    epochs: int
    target: float
    repeats: int
    turn_seconds: float
    peer: Path | None
    out: Path


@dataclass(frozen=True)
class Piece:
    """Something measured at once.

    Attributes:
        part: One of ``PARTS``.
        parameters: Arguments of its function in ``gpu_measures.py``, and what else a figure depends on.
        kind: Pieces of one kind take about as long.
    """

    part: str
    parameters: Measured
    kind: str

    @property
    def arguments(self) -> Measured:
        """What the part's function takes; the rest of the parameters it knows from the settings."""
        settings = {"preset", "dataset", "epochs", "target", "code"}
        return {name: value for name, value in self.parameters.items() if name not in settings}

    @property
    def key(self) -> str:
        """The piece in one line."""
        return " ".join([self.part, *(f"{name}={value}" for name, value in self.parameters.items())])


def plan(options: argparse.Namespace) -> list[Piece]:
    """List all pieces, in the order of their worth."""
    # TF32 is of GPUs alone; the training part refuses it elsewhere.
    precisions = [name for name in options.precisions if name != "tf32" or options.device != "cpu"]
    pieces = [*_of_steps(options, precisions), *_of_runs(options, precisions)]
    pieces.append(Piece("tests", {"code": code_fingerprint(TEST_CODE)}, "tests"))
    return [piece for piece in pieces if piece.part in options.parts]


def _of_steps(options: argparse.Namespace, precisions: list[str]) -> Iterable[Piece]:
    train = {"preset": options.preset, "dataset": options.dataset}
    for part in ("smoke", "profile", "alternatives", "bench", "epoch"):
        # Where kernels are looked at, those of shared matrices tell little that is new.
        sharings = SHARINGS[:1] if part in ("profile", "alternatives") else SHARINGS
        for sharing, size, precision in itertools.product(sharings, options.batch_sizes, precisions):
            # The authors' code has one precision, so it runs once.
            peer = (
                {"peer": options.peer is not None and precision == precisions[0]} if part == "bench" else {}
            )
            corner = {"sharing": sharing, "batch_size": size, "precision": precision}
            yield Piece(part, {**corner, **peer, **train}, f"{part} {size} {peer}")


def _of_runs(options: argparse.Namespace, precisions: list[str]) -> Iterable[Piece]:
    run = {"preset": options.preset, "dataset": options.dataset, "epochs": options.epochs}
    recipes = options.recipes or RECIPES
    for batch_1 in (False, True):
        for seed, recipe, precision in itertools.product(range(options.seeds), recipes, precisions):
            if (recipe in BATCH_1_RECIPES) == batch_1:
                what = {"recipe": recipe, "precision": precision, "seed": seed}
                yield Piece(
                    "target", {**what, "target": options.target, **run}, f"target {recipe} {precision}"
                )
    for recipe, seed, precision in itertools.product(ACCURACY_RECIPES, range(options.seeds), precisions):
        if recipe in recipes:
            what = {"recipe": recipe, "precision": precision, "seed": seed}
            yield Piece("accuracy", {**what, **run}, f"accuracy {recipe} {precision}")


def code_fingerprint(names: Iterable[str] = CODE) -> str:
    """Give twelve hexadecimal digits that depend on the content of these files and folders."""
    files = [path for name in names for path in sorted((ROOT / name).rglob("*.py")) or [ROOT / name]]
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
