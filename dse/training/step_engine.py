"""What an engine is, and the one that runs the plain step: the oracle of all others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from dse.networks.network import PLAIN, Arithmetic, Network
from dse.recipe.optimizer import Adam, Optimizer
from dse.recipe.plan import Plan
from dse.recipe.recipe import Precision
from dse.training.graphs import restored
from dse.training.images import DeviceImages
from dse.training.step import LossesOf, Step, add_up
from dse.training.update import build_update

ADAM = Adam()
_GENERATOR = "generator"
_OWN = ("network.", "update.")


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What an engine trains, and on what.

    Attributes:
        network: Its weights are trained in place, and nothing else of it is changed; lives on the device.
        images: What it is trained on; on the device.
        seed: Of the order of the images and of their shifts.
        precision: Of the steps' convolutions and matrix products.
        optimizer: How gradients change the weights.
        averages: Whether a mean of the weights is kept and evaluated; ``schedule_free`` always keeps one.
    """

    network: Network
    images: DeviceImages
    seed: int
    precision: Precision = "float32"
    optimizer: Optimizer = ADAM
    averages: bool = False

    @classmethod
    def of(cls, plan: Plan, network: Network, images: DeviceImages, seed: int) -> Setup:
        """Give what an engine needs to know to run a plan."""
        recipe, averages = plan.recipe, plan.average_shares is not None
        return cls(network, images, seed, recipe.precision, recipe.optimizer, averages)

    @property
    def device(self) -> torch.device:
        """The device that holds network and images, and trains."""
        return self.images.device


class Engine(Protocol):
    """Trains a network on images held in memory.

    Attributes:
        name: What it is, as the records say it.
        generator: Source of the shifts; on the engine's device. Whoever shuffles draws from it too.
    """

    name: str
    generator: torch.Generator

    @property
    def evaluated(self) -> Network:
        """The network that predicts: the one that is trained, or a copy that holds the mean of its weights."""

    def prepare(self, batch_sizes: Iterable[int]) -> None:
        """Do what need not be timed, for these batch sizes; weights, optimizer and generator stay as they are."""

    def steps_at_once(self, batch_size: int) -> int:
        """Tell how many steps are launched together, where there are as many."""

    def train(
        self, chosen_N: Tensor, batch_size: int, rates_S: Tensor, shares_S: Tensor | None = None
    ) -> Tensor:
        """Train on these images in their order, one step a batch, the last batch with what is left.

        Args:
            chosen_N: Indices of images, int64, on the device.
            batch_size: Images a step.
            rates_S: Learning rate of each step, on the device.
            shares_S: How far each step moves the mean of the weights, on the device; None where there is no mean.

        Returns:
            Sums of total, margin and reconstruction loss over the images, before each update; float64, shape
            (3,), on the device, which is not waited for.
        """

    def predict(self, images_BCHW: Tensor) -> Tensor:
        """Give the likeliest class of each image in [0, 1], by the engine's own arithmetic; shape (B,), int64."""

    def state(self) -> dict[str, Tensor]:
        """Give every tensor that further training depends on, by name: weights, optimizer, mean, randomness."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to where an engine of the same setup was when it gave this state.

        Raises:
            ValueError: It is another setup's.
        """


class StepEngine:
    """Runs one step after the other.

    Args:
        setup: What is trained on what.
        name: What the records shall say.
        arithmetic: How losses and predictions are computed.
    """

    def __init__(self, setup: Setup, name: str, arithmetic: Arithmetic = PLAIN) -> None:
        self.name = name
        self.arithmetic = arithmetic
        self.generator = torch.Generator(setup.device).manual_seed(setup.seed)
        self._network = setup.network
        self._images = setup.images
        losses_of: LossesOf = partial(setup.network.losses, arithmetic=arithmetic)
        if arithmetic.compiled:
            # In one graph, or not at all: parts left out would run uncompiled without a word.
            losses_of = torch.compile(setup.network.losses, dynamic=False, fullgraph=True)
        self._step = Step(
            losses_of,
            build_update(setup.network, setup.optimizer, setup.averages, setup.device),
            self.generator,
            setup.precision,
            arithmetic.kernels_by_trial,
        )

    @property
    def evaluated(self) -> Network:
        """The network that predicts; see ``Engine``."""
        return self._step.update.evaluated

    def prepare(self, batch_sizes: Iterable[int]) -> None:
        """Run each batch size forward and backward once on black images.

        The first pass at a new shape makes the libraries choose kernels and reserve memory, which is no training.
        """
        pass_through = replace(self._step, generator=torch.Generator(self.generator.device))
        for size in sorted(set(batch_sizes), reverse=True):
            batch = self._images[:size]
            black = DeviceImages(torch.zeros_like(batch.pixels), torch.zeros_like(batch.labels))
            # Batch normalisation counts what it sees, and shall not have seen these.
            with restored(list(self._network.buffers()), pass_through.generator):
                pass_through(black, None)
        self._network.zero_grad(set_to_none=True)

    def steps_at_once(self, batch_size: int) -> int:
        """Tell how many steps are launched together: one."""
        return 1

    def train(
        self, chosen_N: Tensor, batch_size: int, rates_S: Tensor, shares_S: Tensor | None = None
    ) -> Tensor:
        """Train on these images in their order, one step a batch; see ``Engine``."""
        self._check_shares(shares_S)
        sums = torch.zeros(3, dtype=torch.float64, device=chosen_N.device)
        rates = rates_S.to(torch.float32)
        shares = [None] * len(rates_S) if shares_S is None else shares_S
        for chosen, rate, share in zip(torch.split(chosen_N, batch_size), rates, shares, strict=True):
            add_up(sums, self._step(self._images[chosen], rate, share), len(chosen))
        return sums

    def _check_shares(self, shares_S: Tensor | None) -> None:
        if shares_S is None and self._step.update.averages:
            raise ValueError(
                "the mean of the weights moves by a share each step: give the plan's average_shares."
            )

    def predict(self, images_BCHW: Tensor) -> Tensor:
        """Give the likeliest class of each image in [0, 1]; shape (B,), int64."""
        return self.evaluated.predict(images_BCHW, self.arithmetic)

    def state(self) -> dict[str, Tensor]:
        """Give every tensor that further training depends on; see ``Engine``."""
        return {**self._tensors(), _GENERATOR: self.generator.get_state()}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to where an engine of the same setup was; see ``Engine``."""
        tensors = self._tensors()
        held = {name: tensor.shape for name, tensor in state.items() if name.startswith(_OWN)}
        if held != {name: tensor.shape for name, tensor in tensors.items()}:
            raise ValueError("the state is that of an engine of another network or optimizer")
        for name, tensor in tensors.items():
            tensor.copy_(state[name])
        self.generator.set_state(state[_GENERATOR])

    def _tensors(self) -> dict[str, Tensor]:
        weights = {f"network.{name}": tensor for name, tensor in self._network.state_dict().items()}
        return weights | {f"update.{i}": tensor for i, tensor in enumerate(self._step.update.lasting)}
