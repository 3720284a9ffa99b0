"""Engines: what runs the steps. All train the same, one step a batch; they differ in speed.

``reference`` runs the plain step and is the oracle. ``fast`` is its twin: the same losses step by step up to
rounding, by other arithmetic where that pays, and on a GPU as CUDA graphs. ``fast_compiled`` is ``fast`` with its
losses compiled, on a processor and for narrow networks; ``fast`` runs where that is not to be had.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from dse.data.images import Images
from dse.errors import DeviceError
from dse.networks.capsnet import CapsNet
from dse.networks.network import Network
from dse.recipe.recipe import Precision
from dse.training.allocator import keep_freed_memory
from dse.training.graphs import Capture, CaptureError, GraphCapture, Work, restored
from dse.training.step import add_gradients, build_optimizer, train_step

EngineName = Literal["fast", "fast_compiled", "reference"]

# Measured, forward and backward: with 256 channels in and out the spectral convolution is 1.8 times as fast as
# the plain one at batch 128, 1.4 times at 64, and slower at 32; with 64 channels it is slower at every size.
SPECTRAL_FROM_BATCH = 64
SPECTRAL_FROM_CHANNELS = 128
IMAGES_A_GRAPH = 32
# Compiled graphs a process may hold, one for each batch size of each network; torch stops at 8.
COMPILED_GRAPHS = 1000


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
        precision: Of convolutions and matrix products.
    """

    def __init__(
        self,
        name: EngineName,
        network: Network,
        images: Images,
        seed: int,
        device: torch.device,
        precision: Precision,
    ) -> None:
        self.name: EngineName = name
        self.generator = torch.Generator(device).manual_seed(seed)
        self._network = network
        self._images = images
        self._precision: Precision = precision
        self._optimizer = build_optimizer(network, device)

    def prepare(self, batch_sizes: Iterable[int]) -> None:
        """Run each batch size forward and backward once on black images.

        The first pass at a new shape makes the libraries choose kernels and reserve memory, which is no training.
        """
        own_generator = torch.Generator(self.generator.device)
        for size in sorted(set(batch_sizes), reverse=True):
            batch = self._images[:size]
            black = Images(torch.zeros_like(batch.pixels), torch.zeros_like(batch.labels))
            add_gradients(self._network, black, own_generator, self._precision)
        self._network.zero_grad(set_to_none=True)

    def train(self, chosen_N: Tensor, batch_size: int, rates_S: Tensor) -> Tensor:
        """Train on these images in their order, one step a batch; see ``Engine``."""
        # In double precision for a sum over many small steps.
        sums = torch.zeros(3, dtype=torch.float64, device=chosen_N.device)
        self._take_steps(torch.split(chosen_N, batch_size), rates_S, sums)
        return sums

    def _take_steps(self, batches: Iterable[Tensor], rates_S: Tensor, sums: Tensor) -> None:
        """Take one step for each batch of indices, and add the losses of its images to the sums."""
        for chosen, rate in zip(batches, rates_S, strict=True):
            batch = self._images[chosen]
            losses = train_step(self._network, self._optimizer, batch, rate, self.generator, self._precision)
            sums += torch.stack(losses) * len(chosen)


class CompiledEngine(StepEngine):
    """Runs the same steps with the network's losses compiled, forward and backward, for each batch size.

    Torch keeps what it has compiled: another network of the same sizes is trained by it too.

    Args:
        network: Trained in place; lives on the processor.
        images: What it is trained on.
        seed: Of the generator.
        device: The processor.
        precision: Of convolutions and matrix products.
    """

    def __init__(
        self, network: CapsNet, images: Images, seed: int, device: torch.device, precision: Precision
    ) -> None:
        super().__init__("fast_compiled", network, images, seed, device, precision)
        network.one_pass_votes = False  # the compiler puts the passes together itself
        # In one graph, or not at all: parts left out would run uncompiled without a word.
        network.losses = torch.compile(network.losses, dynamic=False, fullgraph=True)  # type: ignore[method-assign]

    def prepare(self, batch_sizes: Iterable[int]) -> None:
        """Compile the losses for these batch sizes.

        Raises:
            DeviceError: They cannot be compiled.
        """
        from torch._dynamo.exc import TorchDynamoException  # takes seconds to import

        try:
            with torch._dynamo.config.patch(recompile_limit=COMPILED_GRAPHS):
                super().prepare(batch_sizes)
        except TorchDynamoException as error:
            raise DeviceError(
                f"the training step cannot be compiled: {str(error).splitlines()[0]}. Use --compile off."
            ) from error


@dataclass(frozen=True, slots=True)
class _Recording:
    """Some steps of one batch size, and where they read from. S steps, B images of a batch."""

    chosen_SB: Tensor
    rates_S: Tensor
    replay: Work


class GraphEngine(StepEngine):
    """Runs the same steps as CUDA graphs, recorded for each batch size.

    A graph of one step runs whatever a longer one leaves over, an epoch's last, smaller batch too: that takes one
    more capture of a size, and no second way to run a step. A size that was not prepared is recorded when it is met.

    Args:
        network: Trained in place; lives on the device.
        images: What it is trained on, on the device.
        seed: Of the generator.
        device: Where it trains.
        precision: Of convolutions and matrix products.
        capture: Records work; as CUDA graphs if None.
    """

    def __init__(
        self,
        network: Network,
        images: Images,
        seed: int,
        device: torch.device,
        precision: Precision,
        capture: Capture | None = None,
    ) -> None:
        super().__init__("fast", network, images, seed, device, precision)
        self._capture = GraphCapture(device, self.generator, self._optimizer) if capture is None else capture
        self._recordings: dict[tuple[int, int], _Recording] = {}
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)

    def prepare(self, batch_sizes: Iterable[int]) -> None:
        """Record every graph of these batch sizes.

        Raises:
            DeviceError: The steps cannot be recorded.
        """
        # The largest first: the smaller ones then find room in the memory that it reserves.
        for size in sorted(set(batch_sizes), reverse=True):
            for steps in sorted({1, steps_a_graph(size)}):
                self._recorded(steps, size)

    def train(self, chosen_N: Tensor, batch_size: int, rates_S: Tensor) -> Tensor:
        """Train on these images in their order, one step a batch; see ``Engine``."""
        if len(rates_S) != -(-len(chosen_N) // batch_size):
            raise ValueError(
                f"{len(rates_S)} rates for {len(chosen_N)} images in batches of {batch_size}: "
                "there must be one for each batch."
            )
        self._sums.zero_()
        step = 0
        while step < len(rates_S):
            whole_steps = len(chosen_N) // batch_size - step
            steps = steps_a_graph(batch_size)
            steps = steps if steps <= whole_steps else 1
            chosen = chosen_N[step * batch_size : (step + steps) * batch_size]
            recording = self._recorded(steps, len(chosen) // steps)
            recording.chosen_SB.copy_(chosen.view_as(recording.chosen_SB))
            recording.rates_S.copy_(rates_S[step : step + steps])
            recording.replay()
            step += steps
        return self._sums.clone()

    def _recorded(self, steps: int, batch_size: int) -> _Recording:
        if (steps, batch_size) not in self._recordings:
            self._recordings[steps, batch_size] = self._record(steps, batch_size)
        return self._recordings[steps, batch_size]

    def _record(self, steps: int, batch_size: int) -> _Recording:
        device = self.generator.device
        chosen_SB = torch.zeros(steps, batch_size, dtype=torch.int64, device=device)
        rates_S = torch.zeros(steps, dtype=torch.float64, device=device)
        lasting = [*self._network.parameters(), *self._network.buffers(), self._sums]
        lasting += [moment for state in self._optimizer.state.values() for moment in state.values()]

        def work() -> None:
            self._take_steps(chosen_SB, rates_S, self._sums)

        try:
            with restored(lasting, self.generator):
                replay = self._capture(work)
        except CaptureError as error:
            raise DeviceError(
                f"a training step of batch size {batch_size} cannot be recorded as a CUDA graph: {error}. "
                "Use --engine reference, which runs the same steps kernel by kernel."
            ) from error
        # Gradients lie in the graphs' memory, where the next graph may want them to be.
        self._network.zero_grad(set_to_none=True)
        return _Recording(chosen_SB, rates_S, replay)


def steps_a_graph(batch_size: int) -> int:
    """Decide how many steps one graph holds: as many as it takes to pass over 32 images.

    Between two graphs the device copies indices and rates and waits for the launch. The shorter the step, the larger
    the share of that, so short steps are launched together. The 32 is an estimate, not yet measured.

    >>> steps_a_graph(1), steps_a_graph(16), steps_a_graph(128)
    (32, 2, 1)
    """
    return max(1, IMAGES_A_GRAPH // batch_size)


def build_engine(
    name: EngineName,
    network: Network,
    images: Images,
    seed: int,
    device: torch.device,
    precision: Precision = "float32",
) -> Engine:
    """Build the engine of that name.

    Args:
        name: ``fast``, ``fast_compiled`` or ``reference``.
        network: Trained in place; lives on the device.
        images: What it is trained on, on the device.
        seed: Of the shifts and the order.
        device: Where it trains.
        precision: Of convolutions and matrix products; evaluation is no matter of the engine.
    """
    if name == "reference":
        return StepEngine(name, network, images, seed, device, precision)
    if isinstance(network, CapsNet):
        network.one_pass_votes = True
    if device.type == "cuda":
        return GraphEngine(network, images, seed, device, precision)
    keep_freed_memory()
    # In bfloat16 the transforms of the spectral convolution would be too coarse, and compiling is not measured.
    if isinstance(network, CapsNet) and precision == "float32":
        if is_wide(network.size.primary_channels):
            network.spectral_from_batch = SPECTRAL_FROM_BATCH
        elif name == "fast_compiled":
            return CompiledEngine(network, images, seed, device, precision)
    return StepEngine("fast", network, images, seed, device, precision)


def is_wide(primary_channels: tuple[int, int]) -> bool:
    """Tell whether the primary convolution takes most of a step: then the spectral one pays, and compiling does not.

    Args:
        primary_channels: Channels in and out that it is computed with.
    """
    return min(primary_channels) >= SPECTRAL_FROM_CHANNELS
