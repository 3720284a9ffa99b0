"""Updates: what a step does to the weights once their gradients are known, and which weights are evaluated.

Everything that changes from step to step is a tensor on the device, made before the first step: a step that was
captured as a graph then reads and writes it in its place.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from typing_extensions import override

from dse.errors import RecipeError
from dse.networks.network import Network
from dse.recipe.optimizer import Adam, Muon, Optimizer, ScheduleFree, Sgd
from dse.training.muon import MatrixMuon


class Update:
    """Steps of one or more optimizers, each of some weights; then a step of the mean, if there is one.

    Attributes:
        network: Whose weights are updated in place.
        evaluated: The network with the weights that it is evaluated with: itself, or a copy that holds the mean.
        optimizers: Of torch's kind; their rates are 0-D tensors.
    """

    def __init__(
        self, network: Network, optimizers: Sequence[torch.optim.Optimizer], averages: bool = False
    ) -> None:
        self.network = network
        self.optimizers = optimizers
        self.evaluated = copy.deepcopy(network) if averages else network
        # Running means of a batch normalisation are averaged like weights.
        self._weights, self._means = _lasting(network), _lasting(self.evaluated)
        for optimizer in optimizers:
            _make_moments(optimizer)
        network.zero_grad(set_to_none=True)

    @property
    def averages(self) -> bool:
        """Whether there is a mean of the weights."""
        return self.evaluated is not self.network

    @property
    def lasting(self) -> list[Tensor]:
        """Every tensor but weights and buffers of the network that one step leaves for the next."""
        moments = [
            value
            for optimizer in self.optimizers
            for state in optimizer.state.values()
            for value in state.values()
            if isinstance(value, Tensor)
        ]
        return moments + (self._means if self.averages else [])

    def __call__(self, rate: Tensor, share: Tensor | None) -> None:
        """Update the weights by their gradients.

        Args:
            rate: Learning rate, 0-D, float32; a graph reads it where it lies.
            share: How far the mean moves towards the new weights, 0-D; None where there is no mean.
        """
        self._step(rate)
        if self.averages:
            self._average(share)

    @torch.no_grad()
    def _average(self, share: Tensor | None) -> None:
        assert share is not None
        weight = share.to(self._means[0].dtype)
        for mean, new in zip(self._means, self._weights, strict=True):
            mean.lerp_(new, weight)

    def _step(self, rate: Tensor) -> None:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()


class ScheduleFreeUpdate(Update):
    """Schedule-free Adam: the optimizer moves z, the mean is x, and the network holds y between the two.

    Its Adam has no momentum and its weights are z, so that torch's fused step does most of the work.
    """

    def __init__(self, network: Network, settings: ScheduleFree, device: torch.device) -> None:
        if any(isinstance(module, _BatchNorm) for module in network.modules()):
            raise RecipeError(
                "optimizer: schedule_free is evaluated at weights that no batch has passed through, but this "
                "network gathers running means over its batches. Use another optimizer."
            )
        self._y = list(network.parameters())
        self._z = [nn.Parameter(weight.detach().clone()) for weight in self._y]
        adam = torch.optim.Adam(self._z, _rate(device), betas=(0.0, settings.beta2), fused=True)
        super().__init__(network, [adam], averages=True)
        self._x = list(self.evaluated.parameters())
        self._beta1 = settings.beta1

    @property
    @override
    def lasting(self) -> list[Tensor]:
        return [*super().lasting, *self._z]

    @override
    @torch.no_grad()
    def __call__(self, rate: Tensor, share: Tensor | None) -> None:
        for z, y in zip(self._z, self._y, strict=True):
            z.grad = y.grad
        self._step(rate)
        assert share is not None
        weight_of_z = share.to(self._x[0].dtype)
        for y, z, x in zip(self._y, self._z, self._x, strict=True):
            x.lerp_(z, weight_of_z)
            torch.lerp(z, x, self._beta1, out=y)
            z.grad = None


def build_update(network: Network, settings: Optimizer, averages: bool, device: torch.device) -> Update:
    """Build what updates a network's weights.

    Args:
        network: Lives on the device.
        settings: Which optimizer.
        averages: Whether a mean of the weights is kept and evaluated.
        device: Where the network lives.

    Raises:
        RecipeError: The optimizer does not suit the network.
    """
    return UPDATES[settings.name](network, settings, averages, device)


def _adam(network: Network, settings: Adam, averages: bool, device: torch.device) -> Update:
    betas = (settings.beta1, settings.beta2)
    adam = torch.optim.Adam(network.parameters(), _rate(device), betas=betas, fused=True)
    return Update(network, [adam], averages)


def _schedule_free(network: Network, settings: ScheduleFree, averages: bool, device: torch.device) -> Update:
    return ScheduleFreeUpdate(network, settings, device)


def _muon(network: Network, settings: Muon, averages: bool, device: torch.device) -> Update:
    # The kernel of a channel of its own is no matrix of several rows.
    kernels = [
        module.weight for module in network.modules() if isinstance(module, nn.Conv2d) and module.groups == 1
    ]
    if not kernels:
        raise RecipeError("optimizer: muon is for convolutions, and this network has none. Use adam.")
    others = [weight for weight in network.parameters() if all(weight is not kernel for kernel in kernels)]
    muon = MatrixMuon(kernels, _rate(device), settings.momentum)
    return Update(network, [muon, torch.optim.Adam(others, _rate(device), fused=True)], averages)


def _sgd(network: Network, settings: Sgd, averages: bool, device: torch.device) -> Update:
    sgd = torch.optim.SGD(
        network.parameters(), _rate(device), momentum=settings.momentum, nesterov=True, fused=True
    )
    return Update(network, [sgd], averages)


# What updates by each registered optimizer.
UPDATES: dict[str, Callable[[Network, Any, bool, torch.device], Update]] = {
    "adam": _adam,
    "schedule_free": _schedule_free,
    "muon": _muon,
    "sgd": _sgd,
}


def _rate(device: torch.device) -> Tensor:
    return torch.zeros((), device=device)


def _make_moments(optimizer: torch.optim.Optimizer) -> None:
    """Have an optimizer make its moments now, all zero, instead of in its first step."""
    for group in optimizer.param_groups:
        for weight in group["params"]:
            weight.grad = torch.zeros_like(weight)
    optimizer.step()  # at a rate of 0
    for state in optimizer.state.values():
        if "step" in state:
            state["step"].zero_()
    optimizer.zero_grad(set_to_none=True)


def _lasting(network: Network) -> list[Tensor]:
    return [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
