"""The fast engine is the reference's twin, step by step."""

from __future__ import annotations

import copy
import gc
from dataclasses import replace

import pytest
import torch

from dse.data.datasets import ImageShape
from dse.networks.capsnet import CapsNet
from dse.networks.spectral import SPECTRAL_FROM_BATCH
from dse.recipe.models.capsnet import CapsNetSize
from dse.recipe.weight_sharing import WeightSharing
from dse.training.engines import ENGINES, build_engine
from dse.training.images import DeviceImages
from dse.training.step_engine import Setup
from tests.small import state_of

CPU = torch.device("cpu")
# Enough channels for the spectral convolution, and little else.
SIZE = CapsNetSize(ImageShape(1, 28, 28, 10), WeightSharing(), filters=128, types=16, decoder_hidden=(16, 16))
STEPS = 3


def images(count: int) -> DeviceImages:
    generator = torch.Generator().manual_seed(1)
    return DeviceImages(
        torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8, generator=generator),
        torch.randint(0, 10, (count,), generator=generator),
    )


def network(sharing: WeightSharing) -> CapsNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        size = CapsNetSize(SIZE.image, sharing, SIZE.filters, SIZE.types, SIZE.decoder_hidden)
        return CapsNet(size)


@pytest.mark.parametrize("class_capsules", ["none", "per_type"])
@pytest.mark.parametrize("batch_size", [1, 16, SPECTRAL_FROM_BATCH])
def test_the_twins_lose_alike_step_by_step(batch_size: int, class_capsules: str) -> None:
    data = images(batch_size * STEPS)
    sharing = WeightSharing(class_capsules=class_capsules)
    engines = [build_engine(name, Setup(network(sharing), data, 7)) for name in ("reference", "fast")]
    assert [engine.name for engine in engines] == ["reference", "fast"]
    for step in range(STEPS):
        chosen = torch.arange(step * batch_size, (step + 1) * batch_size)
        reference, fast = (engine.train(chosen, batch_size, torch.tensor([0.001])) for engine in engines)
        torch.testing.assert_close(fast, reference, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("sizes", "spectral"),
    [
        ({"primary_stride": 1, "types": 16}, True),
        ({"primary_kernel": 7, "primary_stride": 2}, True),
        ({"primary_kernel": 5, "primary_stride": 3}, False),
    ],
    ids=["stride 1", "kernel 7", "kernel 5, stride 3"],
)
def test_the_twins_lose_alike_with_any_kernel_and_stride(sizes: dict[str, int], spectral: bool) -> None:
    data = images(SPECTRAL_FROM_BATCH)
    size = replace(SIZE, filters=128, types=32, class_size=4)
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        networks.append(CapsNet(replace(size, **sizes)))
    assert all((each.spectral is not None) is spectral for each in networks)
    reference, fast = (
        build_engine(name, Setup(each, data, 7))
        for name, each in zip(("reference", "fast"), networks, strict=True)
    )
    assert fast.arithmetic.spectral_from_batch == (SPECTRAL_FROM_BATCH if spectral else None)
    rates = torch.tensor([0.001])
    for _ in range(2):
        losses = (engine.train(torch.arange(len(data)), len(data), rates) for engine in (reference, fast))
        torch.testing.assert_close(*losses, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("class_capsules", ["none", "per_type"])
@pytest.mark.parametrize("name", ["reference", "fast"])
def test_steps_leave_no_tensor_behind(name: str, class_capsules: str) -> None:
    data = images(SPECTRAL_FROM_BATCH)
    engine = build_engine(name, Setup(network(WeightSharing(class_capsules=class_capsules)), data, 7))

    def living_after_a_step() -> int:
        engine.train(torch.arange(len(data)), len(data), torch.tensor([0.001]))
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    gc.freeze()  # what others have made is neither collected nor counted
    assert living_after_a_step() == living_after_a_step()


def test_only_large_batches_of_wide_networks_are_spectral() -> None:
    wide, narrow = network(WeightSharing()), network(WeightSharing(convolution=2))
    built = [build_engine("fast", Setup(net, images(2), 0)).arithmetic for net in (wide, narrow)]
    assert [arithmetic.spectral_from_batch for arithmetic in built] == [SPECTRAL_FROM_BATCH, None]
    rounded = build_engine("fast", Setup(wide, images(2), 0, "bfloat16"))
    assert rounded.arithmetic.spectral_from_batch is None


def test_the_rest_of_an_epoch_is_one_smaller_step() -> None:
    data = images(10)
    one, other = (build_engine("reference", Setup(network(WeightSharing()), data, 3)) for _ in range(2))
    rates = torch.full((3,), 0.001)
    together = one.train(torch.arange(10), 4, rates)
    apart = sum(other.train(part, 4, rates[:1]) for part in torch.split(torch.arange(10), 4))
    torch.testing.assert_close(together, apart)


def test_preparing_leaves_no_trace() -> None:
    data = images(8)
    prepared, plain = (build_engine("fast", Setup(network(WeightSharing()), data, 3)) for _ in range(2))
    prepared.prepare([1, 4, 8])
    rates = torch.full((2,), 0.001)
    assert torch.equal(prepared.train(torch.arange(8), 4, rates), plain.train(torch.arange(8), 4, rates))


def test_rates_and_batches_must_agree() -> None:
    engine = build_engine("reference", Setup(network(WeightSharing()), images(8), 3))
    with pytest.raises(ValueError, match="zip"):
        engine.train(torch.arange(8), 4, torch.full((3,), 0.001))


def kept(net: CapsNet) -> dict[str, object]:
    """Everything that a network holds beside its parts, and what they hold."""
    return {name: value for name, value in vars(net).items() if not name.startswith("_")}


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "reference"])
def test_an_engine_changes_nothing_of_a_network_but_its_weights(name: str) -> None:
    data = images(SPECTRAL_FROM_BATCH)
    for net in (network(WeightSharing()), narrow_network()):
        fresh = copy.deepcopy(net)
        before = kept(net)
        build_engine(name, Setup(net, data, 7))
        assert kept(net) == before
        assert all(torch.equal(state_of(net)[key], tensor) for key, tensor in state_of(fresh).items())
        # So a reference engine beside it stays the oracle, bit for bit.
        sums = [
            build_engine("reference", Setup(each, data, 7)).train(
                torch.arange(len(data)), SPECTRAL_FROM_BATCH, torch.tensor([0.001])
            )
            for each in (net, fresh)
        ]
        assert torch.equal(*sums)
        assert all(torch.equal(state_of(net)[key], tensor) for key, tensor in state_of(fresh).items())


def narrow_network() -> CapsNet:
    """Give one that is compiled where that is asked for."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return CapsNet(CapsNetSize(SIZE.image, WeightSharing(), filters=16, types=2, decoder_hidden=(16, 16)))
