"""Engines: what runs the steps. All train the same, one step a batch; they differ in speed.

``reference`` runs the plain step and is the oracle. ``fast`` is its twin: the same losses step by step up to
rounding, by other arithmetic where that pays. So far it is faster on a processor; on a GPU ``build_engine``
gives the reference and says so by the engine's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

import torch
from torch import Tensor

from dse.training.allocator import keep_freed_memory
from dse.training.capsnet import CapsNet
from dse.training.data import Images
from dse.training.network import Network
from dse.training.step import build_optimizer, shifted_losses, train_step

EngineName = Literal["fast", "reference"]

# Measured, forward and backward: with 256 channels in and out the spectral convolution is 1.8 times as fast as
# the plain one at batch 128, 1.4 times at 64, and slower at 32; with 64 channels it is slower at every size.
SPECTRAL_FROM_BATCH = 64
SPECTRAL_FROM_CHANNELS = 128


class Engine(Protocol):
    """Trains a network on images held in memory.

    Attributes:
        name: What it is, as the records say it.
        generator: Source of the shifts; on the engine's device. Whoever shuffles draws from it too.
    """

    name: EngineName
    generator: torch.Generator

    def prepare(self, batch_sizes: Iterable[int]) -> None:
        """Do what need not be timed, for these batch sizes; weights, optimizer and generator stay as they are."""

    def train(self, chosen_N: Tensor, batch_size: int, rates_S: Tensor) -> Tensor:
        """Train on these images in their order, one step a batch, the last batch with what is left.

        Args:
            chosen_N: Indices of images, int64, on the device.
            batch_size: Images a step.
            rates_S: Learning rate of each step, on the device.

        Returns:
            Sums of total, margin and reconstruction loss over the images, before each update; float64, shape
            (3,), on the device, which is not waited for.
        """


class StepEngine:
    """Runs ``train_step`` for each batch.

    Args:
        name: What the records shall say.
        network: Trained in place; lives on the device.
        images: What it is trained on, on the device.
        seed: Of the generator.
        device: Where it trains.
    """

    def __init__(
        self, name: EngineName, network: Network, images: Images, seed: int, device: torch.device
    ) -> None:
        self.name: EngineName = name
        self.generator = torch.Generator(device).manual_seed(seed)
        self._network = network
        self._images = images
        self._optimizer = build_optimizer(network, device)

    def prepare(self, batch_sizes: Iterable[int]) -> None:
        """Run each batch size forward and backward once on black images.

        The first pass at a new shape makes the libraries choose kernels and reserve memory, which is no training.
        """
        own_generator = torch.Generator(self.generator.device)
        for size in sorted(set(batch_sizes), reverse=True):
            batch = self._images[:size]
            black = Images(torch.zeros_like(batch.pixels), torch.zeros_like(batch.labels))
            shifted_losses(self._network, black, own_generator).total.backward()  # type: ignore[no-untyped-call]
        self._network.zero_grad(set_to_none=True)

    def train(self, chosen_N: Tensor, batch_size: int, rates_S: Tensor) -> Tensor:
        """Train on these images in their order, one step a batch; see ``Engine``."""
        # In double precision for a sum over many small steps.
        sums = torch.zeros(3, dtype=torch.float64, device=chosen_N.device)
        batches = torch.split(chosen_N, batch_size)
        for chosen, rate in zip(batches, rates_S, strict=True):
            losses = train_step(self._network, self._optimizer, self._images[chosen], rate, self.generator)
            sums += torch.stack(losses) * len(chosen)
        return sums


def build_engine(
    name: EngineName, network: Network, images: Images, seed: int, device: torch.device
) -> Engine:
    """Build the engine of that name, or the reference where nothing is faster; ``Engine.name`` tells which.

    Args:
        name: ``fast`` or ``reference``.
        network: Trained in place; lives on the device.
        images: What it is trained on, on the device.
        seed: Of the shifts and the order.
        device: Where it trains.
    """
    fast = name == "fast" and device.type == "cpu"
    if fast:
        keep_freed_memory()
        if isinstance(network, CapsNet):
            network.one_pass_votes = True
            if min(network.primary_channels) >= SPECTRAL_FROM_CHANNELS:
                network.spectral_from_batch = SPECTRAL_FROM_BATCH
    return StepEngine("fast" if fast else "reference", network, images, seed, device)
