"""The spectral convolution equals the plain one: values and gradients, at every size."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import conv2d

from dse.data.datasets import MNIST_SHAPE, ImageShape
from dse.networks.spectral import SpectralConvolution, spectral_pays
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.weight_sharing import WeightSharing


@given(
    height=st.integers(9, 24),
    width=st.integers(9, 24),
    kernel=st.integers(1, 9),
    stride=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_it_equals_the_plain_convolution(
    height: int, width: int, kernel: int, stride: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(2, 3, height, width, generator=generator).double().requires_grad_()
    kernels = torch.randn(4, 3, kernel, kernel, generator=generator).double().requires_grad_()
    spectral = SpectralConvolution(height, width, kernel, stride).double()
    plain = conv2d(images, kernels, stride=stride)
    fast = spectral(images, kernels)
    # The matrices are kept in single precision.
    torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-4)
    slope = torch.randn(plain.shape, generator=generator).double()
    for ours, theirs in zip(
        torch.autograd.grad(fast, (images, kernels), slope),
        torch.autograd.grad(plain, (images, kernels), slope),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_without_a_gradient_it_is_the_same() -> None:
    images, kernels = torch.randn(2, 3, 20, 20, requires_grad=True), torch.randn(4, 3, 9, 9)
    spectral = SpectralConvolution(20, 20, 9)
    with torch.inference_mode():
        convolved = spectral(images, kernels)
    torch.testing.assert_close(convolved, spectral(images, kernels))


def test_its_gradient_can_be_had_once() -> None:
    images, kernels = torch.randn(2, 3, 20, 20, requires_grad=True), torch.randn(4, 3, 9, 9)
    total = SpectralConvolution(20, 20, 9)(images, kernels).sum()
    total.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


def test_the_full_capsnet_takes_148_points() -> None:
    spectral = SpectralConvolution(20, 20, 9)
    assert spectral.analysis_RP.shape == (148, 100)
    assert spectral.kernel_analysis_RK.shape == (148, 25)
    assert spectral.synthesis_YR.shape == (36, 148)


PAYS = {
    "the full one": ({}, True),
    "the full one on 32x32 images": ({"image": ImageShape(3, 32, 32, 10)}, True),
    "128 channels": ({"filters": 128, "types": 16}, True),
    "fewer channels": ({"filters": 64}, False),
    "shared filters": ({"sharing": WeightSharing(primary_capsules=4)}, False),
    "kernel 7": ({"primary_kernel": 7}, True),
    "kernel 5": ({"primary_kernel": 5}, False),
    "stride 1": ({"primary_stride": 1}, True),
    "stride 3": ({"primary_stride": 3}, False),
    "one position": ({"primary_kernel": 20}, False),
    "a map whose transforms would fill the memory": (
        {"image": ImageShape(3, 224, 224, 10), "sharing": WeightSharing(class_capsules="per_type")},
        False,
    ),
}


@pytest.mark.parametrize("name", PAYS)
def test_it_pays_where_it_halves_the_multiplications_of_a_wide_network(name: str) -> None:
    full = CapsNetModel().size(MNIST_SHAPE, WeightSharing())
    changes, expected = PAYS[name]
    assert spectral_pays(replace(full, **changes)) is expected


def test_single_precision_loses_no_more_than_rounding() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 64, 20, 20, generator=generator)
    kernels = torch.randn(32, 64, 9, 9, generator=generator) / 72
    exact = conv2d(images.double(), kernels.double(), stride=2)
    error = (SpectralConvolution(20, 20, 9)(images, kernels) - exact).norm() / exact.norm()
    assert error < 5e-6, "the plain convolution's own error is about 1e-6"


def test_it_saves_nothing() -> None:
    assert not SpectralConvolution(20, 20, 9).state_dict()
    with pytest.raises(RuntimeError):
        SpectralConvolution(20, 20, 9)(torch.zeros(1, 1, 18, 18), torch.zeros(1, 1, 8, 8))
