"""The fused kernels are routing's twin: on a GPU as they are, elsewhere by Triton's interpreter.

The interpreter must be chosen before Triton is imported, so the twins run in a process of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from dse.data.datasets import MNIST_SHAPE
from dse.networks.build import build_network
from dse.networks.network import Arithmetic
from dse.networks.routing import OwnVotes, route
from dse.networks.squash import squash_exact
from dse.recipe.recipe import Recipe

pytest.importorskip("triton")

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
PLACES = [
    pytest.param(
        "interpreter",
        marks=pytest.mark.skipif(not INTERPRETED, reason="run in a process of its own"),
    ),
    pytest.param(
        "gpu", marks=[pytest.mark.gpu, pytest.mark.skipif(INTERPRETED, reason="Triton interprets here")]
    ),
]


@pytest.mark.slow
def test_the_twins_agree_in_the_interpreter() -> None:
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "twin_ and interpreter",
        __file__,
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


# One image; a group that is not full; more than one group. Sizes that are no powers of two, and one iteration. Seven
# capsules in parts of three leave one over.
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("batch", "capsules", "numbers", "classes", "size", "iterations"),
    [(1, 4, 8, 10, 16, 3), (5, 3, 2, 3, 5, 2), (17, 2, 2, 3, 5, 3), (3, 6, 8, 10, 16, 1), (3, 7, 2, 3, 5, 3)],
)
@pytest.mark.parametrize("dots", [False, True])
def test_twin_kernels_route_alike(
    batch, capsules, numbers, classes, size, iterations, place, dots, request, monkeypatch
) -> None:
    from dse.networks import triton_routing
    from dse.networks.triton_routing import route_fused

    if capsules == 7:
        monkeypatch.setattr(triton_routing, "PROGRAMS", 3)
    device = request.getfixturevalue("gpu" if place == "gpu" else "cpu")
    generator = torch.Generator().manual_seed(0)
    shapes = (batch, capsules, numbers), (capsules, numbers, classes, size), (classes, size)
    inputs = [torch.randn(shape, generator=generator).to(device).requires_grad_() for shape in shapes]
    gradient = torch.randn(batch, classes, size, generator=generator).to(device)

    def with_gradients(routed: torch.Tensor) -> list[torch.Tensor]:
        return [routed, *torch.autograd.grad(routed, inputs, gradient)]

    primary, matrices, bias = inputs
    logits = torch.zeros(batch, classes, capsules, device=device)
    plain = route(OwnVotes(primary, matrices), logits, bias, iterations, squash_exact)
    fused = route_fused(primary, matrices, bias, iterations, squash_exact, dots)
    torch.testing.assert_close(with_gradients(fused), with_gradients(plain), rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("capsules", [1, 7, 1152, 1153])
@pytest.mark.parametrize("batch", [1, 128, 100_000])
def test_parts_hold_every_capsule_and_none_is_empty(batch, capsules) -> None:
    from dse.networks.triton_routing import PROGRAMS, _blocks

    shapes = (batch, capsules, 8), (capsules, 8, 10, 16), (batch, 10, 16)
    groups, parts, sizes = _blocks(*(torch.empty(shape, device="meta") for shape in shapes))
    assert (parts - 1) * sizes["part"] < capsules <= parts * sizes["part"]
    assert groups * parts <= max(PROGRAMS, groups)
    # A prime number of capsules fills a GPU about as well as its neighbour.
    assert 2 * groups * parts >= min(PROGRAMS, groups * capsules)


@pytest.mark.gpu
@pytest.mark.parametrize("dots", [False, True])
@pytest.mark.parametrize("batch", [1, 16, 128])
def test_the_full_capsnet_loses_alike_with_fused_kernels(gpu, batch, dots) -> None:
    network = build_network(Recipe(), MNIST_SHAPE, 0, gpu)
    images, labels = torch.rand(batch, 1, 28, 28, device=gpu), torch.randint(10, (batch,), device=gpu)
    results = []
    for fused in (False, True):
        network.zero_grad()
        losses = network.losses(images, labels, Arithmetic(fused_routing=fused, fused_dots=dots))
        losses.total.backward()
        results.append([*losses, *(parameter.grad for parameter in network.parameters())])
    torch.testing.assert_close(results[1], results[0], rtol=1e-3, atol=1e-4)
