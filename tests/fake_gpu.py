"""A GPU that is none: tensors without numbers that say they lie on one, so that a processor can watch a step there.

Torch's autograd engine asks the driver for its devices, so the way back is walked here, node by node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from dse.data.datasets import ImageShape
from dse.networks.build import BUILDERS
from dse.networks.network import Arithmetic, Network
from dse.recipe.recipe import Recipe
from dse.training.images import DeviceImages
from dse.training.step import Step, add_up
from dse.training.update import build_update

GPU = torch.device("cuda", 0)
# What makes no kernel run, beside views.
FREE = ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided", "_unsafe_view", "unfold")
# Those of several kernels; of a convolution's way back it is one for each gradient.
KERNELS = {"mse_loss": 2}


class Watch(TorchDispatchMode):
    """Counts kernels, and refuses what waits for the device or leaves it.

    The count is an estimate: of what a library does inside an operation it knows nothing.

    Attributes:
        kernels: By the operation's name.
        strict: Whether to refuse.
    """

    def __init__(self, strict: bool = True) -> None:
        super().__init__()
        self.strict = strict
        self._answer = True
        self.kernels: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.split("::")[1]
        if func.namespace != "aten":
            return func(*args, **(kwargs or {}))
        if name == "_local_scalar_dense":
            assert not self.strict, "the step waits for a number from the device"
            return self._answer
        # An optimizer asks whether its rate is at least 0, or whether it is less.
        self._answer = name != "lt"
        # Torch knows no shapes for the fused optimizers, which change tensors in place.
        result = None if name.startswith("_fused_") else func(*args, **(kwargs or {}))
        if self.strict:
            for tensor in pytree.tree_leaves((args, kwargs, result)):
                assert not isinstance(tensor, Tensor) or tensor.device == GPU, f"{name} left the device"
        self.kernels[name] += kernels_of(func, name, args)
        return result


def kernels_of(func: Any, name: str, args: Sequence[Any]) -> int:
    """Estimate how many kernels an operation launches."""
    aliases = [found.alias_info for found in func._schema.returns]
    if name in FREE or any(alias is not None and not alias.is_write for alias in aliases):
        return 0
    return sum(args[-1]) if name == "convolution_backward" else KERNELS.get(name, 1)


def walk_back(total: Tensor) -> None:
    """Do what ``torch.autograd.backward`` does, by the same nodes."""
    waits: Counter[Any] = Counter()
    found, left = {total.grad_fn}, [total.grad_fn]
    while left:
        for node, _ in left.pop().next_functions:
            waits[node] += 1
            if node is not None and node not in found:
                found.add(node)
                left.append(node)
    gradients: dict[Any, dict[int, Tensor]] = {total.grad_fn: {0: torch.ones_like(total)}}
    ready: list[Any] = [total.grad_fn]
    while ready:
        node = ready.pop()
        got = gradients.pop(node)
        given = [got.get(i) for i in range(max(got) + 1)]
        if hasattr(node, "variable"):
            keep(node.variable, given[0])
            continue
        results = node.apply(*given) if hasattr(node, "_forward_cls") else node(*given)
        results = results if isinstance(results, tuple) else (results,)
        # A function of ours answers for each of its arguments, and only tensors have edges.
        wanted = (
            node.needs_input_grad if hasattr(node, "_forward_cls") else [e[0] for e in node.next_functions]
        )
        passed = [result for result, want in zip(results, wanted, strict=True) if want]
        edges = [edge for edge in node.next_functions if edge[0] is not None]
        for (follower, i), result in zip(edges, passed, strict=True):
            if result is not None:
                fitted = fit(result, follower._input_metadata[i])
                held = gradients.setdefault(follower, {})
                held[i] = held[i] + fitted if i in held else fitted
            waits[follower] -= 1
            if not waits[follower]:
                ready.append(follower)


def fit(gradient: Tensor, wanted: Any) -> Tensor:
    """Sum over what was broadcast, and round to what is wanted."""
    shape = tuple(wanted.shape)
    summed = gradient if gradient.shape == shape else gradient.sum_to_size(shape)
    return summed.to(wanted.dtype)


def keep(weight: Tensor, gradient: Tensor | None) -> None:
    """Keep a weight's gradient, copied only if it lies otherwise than the weight."""
    assert gradient is not None
    assert weight.grad is None
    same = gradient.stride() == weight.stride()
    weight.grad = gradient if same else torch.empty_like(weight).copy_(gradient)


@contextmanager
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let tensors be made on a GPU, without numbers."""
    monkeypatch.setattr(torch.autograd, "backward", torch.no_grad()(walk_back))
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    with FakeTensorMode(), torch.device(GPU):
        yield


def fake_network(recipe: Recipe, shape: ImageShape) -> Network:
    """Build a recipe's network within ``fake_gpu``."""
    network = BUILDERS[recipe.model.name](recipe.size(shape), recipe, shape)
    for module in network.modules():
        for name, buffer in module.named_buffers(recurse=False):
            module._buffers[name] = torch.empty_like(buffer, device=GPU)
    return network


def watched_step(
    recipe: Recipe, shape: ImageShape, batch_size: int, arithmetic: Arithmetic
) -> tuple[nn.Module, Watch]:
    """Take an engine's step within ``fake_gpu``; give the network and what was seen."""
    network = fake_network(recipe, shape)
    with Watch(strict=False):  # an optimizer looks at its rate when it is made
        update = build_update(network, recipe.optimizer, False, GPU)
    losses_of = partial(network.losses, arithmetic=arithmetic)
    # Torch makes no generator for a GPU that is not there.
    step = Step(losses_of, update, None, recipe.precision)  # type: ignore[arg-type]
    size = (2 * batch_size, shape.channels, shape.height, shape.width)
    images = DeviceImages(torch.zeros(size, dtype=torch.uint8), torch.zeros(size[0], dtype=torch.int64))
    chosen = torch.zeros(batch_size, dtype=torch.int64)
    rate, share = torch.zeros(2).unbind()
    sums = torch.zeros(3, dtype=torch.float64)
    with Watch() as watch:
        add_up(sums, step(images[chosen], rate, share), batch_size)
    return network, watch
