"""Print the peak memory of a process that trains the full CapsNet on images of MNIST's size, and evaluates it.

The images are random; loading MNIST itself takes less than a step does. Linux and macOS only.

    python benchmarks/peak_memory.py --engine fast --batch-size 128
"""

from __future__ import annotations

import argparse
import resource
import sys

import torch

from dse.bench.entries import random_images
from dse.data.datasets import MNIST_SHAPE
from dse.networks.build import build_network
from dse.recipe.recipe import Recipe
from dse.training.engines import ENGINES, build_engine
from dse.training.step_engine import Setup
from dse.training.trainer import EVALUATION_BATCH, accuracy

IMAGES = 60_000
RATE = 0.001
# macOS counts bytes, Linux kibibytes.
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def peak_bytes(engine_name: str, batch_size: int, steps: int) -> int:
    """Train a few steps, evaluate, train again; give what the process has held at most."""
    cpu = torch.device("cpu")
    images = random_images(IMAGES, MNIST_SHAPE, cpu)
    network = build_network(Recipe(), MNIST_SHAPE, 0, cpu)
    engine = build_engine(engine_name, Setup(network, images, 0))
    engine.prepare([batch_size])
    for _ in range(2):
        chosen = torch.randint(IMAGES, (steps * batch_size,))
        engine.train(chosen, batch_size, torch.full((steps,), RATE))
        accuracy(engine.predict, images[: 2 * EVALUATION_BATCH])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT_BYTES


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=list(ENGINES), default="fast")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=5)
    chosen = parser.parse_args()
    print(f"{peak_bytes(chosen.engine, chosen.batch_size, chosen.steps) / 1e9:.2f} GB")
