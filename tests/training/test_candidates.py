"""What is off until it is measured on a GPU trains as the reference does."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from dse.data.datasets import ImageShape
from dse.networks.capsnet import CapsNet
from dse.networks.precision import kernels_chosen
from dse.recipe.models.capsnet import CapsNetSize
from dse.recipe.weight_sharing import WeightSharing
from dse.training.candidates import CANDIDATES, Corner, build_candidate, candidates_in
from dse.training.engines import build_engine
from dse.training.graph_engine import GraphEngine
from dse.training.graphs import Work
from dse.training.images import DeviceImages
from dse.training.step_engine import Engine, Setup

SHAPE = ImageShape(1, 20, 20, 10)


def setup_of(count: int, device: torch.device = torch.device("cpu")) -> Setup:  # noqa: B008 - a constant
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, 1, 20, 20), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (count,), generator=generator)
    images = DeviceImages(pixels.to(device), labels.to(device))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = CapsNet(CapsNetSize(SHAPE, WeightSharing(), filters=128, types=16, decoder_hidden=(16, 16)))
    return Setup(network.to(device), images, 7)


def trained(engine: Engine, images: int, batch_size: int) -> torch.Tensor:
    """Give the sums of losses of two passes."""
    device = engine.generator.device
    rates = torch.full((-(-images // batch_size),), 1e-3, dtype=torch.float64, device=device)
    chosen = torch.arange(images, device=device)
    return torch.stack([engine.train(chosen, batch_size, rates) for _ in range(2)]).cpu()


@cache
def expected_of(images: int, batch_size: int) -> torch.Tensor:
    return trained(build_engine("reference", setup_of(images)), images, batch_size)


@pytest.mark.parametrize("batch_size", [1, 16, 64])
@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_trains_as_the_reference_does(name: str, batch_size: int) -> None:
    if name.startswith("fused"):
        pytest.skip("its kernels run on GPUs only; tests/networks/test_triton_routing.py compares them")
    if name == "compiled":
        pytest.skip("tests/training/test_compiling.py compares it")
    images = 2 * batch_size + batch_size // 2
    candidate = build_candidate(name, setup_of(images))
    assert candidate.name == name
    found = trained(candidate, images, batch_size)
    torch.testing.assert_close(found, expected_of(images, batch_size), rtol=5e-4, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.parametrize("batch_size", [1, 16, 64])
@pytest.mark.parametrize("name", [name for name in CANDIDATES if name != "compiled"])
def test_every_candidate_can_be_recorded(gpu: torch.device, name: str, batch_size: int) -> None:
    images = 2 * batch_size + batch_size // 2
    engines = (
        build_engine("reference", setup_of(images, gpu)),
        build_candidate(name, setup_of(images, gpu)),
    )
    expected, found = (trained(engine, images, batch_size) for engine in engines)
    torch.testing.assert_close(found, expected, rtol=5e-3, atol=1e-3)


def test_a_graph_passes_over_as_many_images_as_it_is_told() -> None:
    def again(work: Work) -> Work:
        work()
        return work

    for images, lengths in ((8, {(1, 4), (2, 4)}), (128, {(1, 4), (32, 4)})):
        setup = setup_of(10)
        engine = GraphEngine(setup, "graph", CANDIDATES["fast"].arithmetic, again, images)
        engine.prepare([4])
        assert set(engine._recordings) == lengths
        torch.testing.assert_close(trained(engine, 10, 4), expected_of(10, 4), rtol=5e-4, atol=1e-4)


def test_only_what_differs_is_a_candidate() -> None:
    assert candidates_in(Corner(128, "float32", "cpu")) == [
        "fast",
        "plain",
        "channels_last",
        "spectral",
    ]
    on_gpu = {
        batch_size: candidates_in(Corner(batch_size, "bfloat16", "cuda", shared=True))
        for batch_size in (1, 128)
    }
    assert set(CANDIDATES) - set(on_gpu[1]) == {"spectral", "fused", "fused_dots"}
    assert set(CANDIDATES) - set(on_gpu[128]) == {
        "unfold",
        "spectral",
        "fused",
        "fused_dots",
        "graph_of_8_images",
        "graph_of_128_images",
    }
    assert all(names[0] == "fast" for names in on_gpu.values())


@pytest.mark.parametrize("by_trial", [False, True])
def test_kernels_are_tried_on_a_gpu_alone_and_only_inside(
    by_trial: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for before in (False, True):
        monkeypatch.setattr(torch.backends.cudnn, "benchmark", before)
        with kernels_chosen(by_trial, torch.device("cuda", 0)):
            assert torch.backends.cudnn.benchmark == by_trial
        with kernels_chosen(by_trial, torch.device("cpu")):
            assert torch.backends.cudnn.benchmark == before
        assert torch.backends.cudnn.benchmark == before
