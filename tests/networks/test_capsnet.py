"""The CapsNet against plain references: expanded matrices, repeated filters, formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest
import torch
from torch.nn import functional

from dse.data.datasets import ImageShape
from dse.networks.analytic_routing import OwnAnalyticVotes, SharedAnalyticVotes, route_analytically
from dse.networks.capsnet import CapsNet
from dse.networks.loss import CLASS_LOSSES, CapsuleLoss
from dse.networks.network import PLAIN, Arithmetic
from dse.networks.routing import OwnVotes, SharedVotes, route
from dse.networks.squash import SQUASHES, Squash, squash_exact
from dse.recipe.initialisation import Initialisation
from dse.recipe.loss import LOSSES, CrossEntropy
from dse.recipe.models.capsnet import CapsNetSize
from dse.recipe.weight_sharing import WeightSharing

MINI_IMAGE = ImageShape(2, 19, 21, 4)


# A grid of 3x4 instead of 2x3.
OTHER_SIZES = {"primary_kernel": 4, "primary_stride": 3, "primary_size": 4, "class_size": 5}


def mini_size(squash: str = "exact", **sharing: object) -> CapsNetSize:
    """2 types on a grid of 2x3."""
    return CapsNetSize(
        MINI_IMAGE, WeightSharing(**sharing), filters=4, types=2, decoder_hidden=(12, 14), squash=squash
    )


def mini_network(
    squash: str = "exact", sizes: Mapping[str, int] = MappingProxyType({}), **sharing: object
) -> CapsNet:
    torch.manual_seed(0)
    network = CapsNet(replace(mini_size(squash, **sharing), **sizes)).double()
    with torch.no_grad():
        # Large enough to tell routings apart, and no bias at its initial 0.
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.5)
    return network


@pytest.fixture
def images_BCHW() -> torch.Tensor:
    return torch.rand(5, 2, 19, 21, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def labels_B() -> torch.Tensor:
    return torch.tensor([0, 3, 1, 1, 2])


def reference_capsules(network: CapsNet, images_BCHW: torch.Tensor) -> torch.Tensor:
    """Class capsules with every shared filter repeated and every shared matrix expanded, image by image."""
    size, sharing = network.size, network.size.sharing
    factor = sharing.convolution
    kernels = network.convolution.weight.repeat(factor, 1, 1, 1)
    features = functional.conv2d(images_BCHW, kernels, network.convolution.bias.repeat(factor)).relu()
    kernels = network.primary.weight.repeat(sharing.primary_capsules, 1, 1, 1)
    convolved = functional.conv2d(features, kernels, stride=size.primary_stride) / size.types
    convolved = convolved + network.primary_bias_Q[None, :, None, None]
    results, numbers = [], size.primary_size
    for image_QHW in convolved:
        capsules = torch.stack([
            network.squash.plain(image_QHW[numbers * t : numbers * (t + 1), y, x])
            for t in range(size.types) for y in range(size.grid[0]) for x in range(size.grid[1])
        ])  # fmt: skip
        matrices = network.class_matrices_NDKE
        if sharing.class_capsules == "per_type":
            matrices = matrices.repeat_interleave(size.positions, 0)
        votes = torch.einsum("nd,ndke->nke", capsules, matrices)
        logits = torch.zeros(votes.shape[:2], dtype=votes.dtype)
        for _ in range(network.size.routing_iterations):
            result = network.squash.plain(
                (logits.softmax(1)[..., None] * votes).sum(0) + network.class_bias_KE
            )
            logits = logits + (votes * result).sum(-1)
        results.append(result)
    return torch.stack(results)


@pytest.mark.parametrize(
    "sharing",
    [
        {},
        {"class_capsules": "per_type"},
        {"convolution": 2},
        {"primary_capsules": 4},
        {"class_capsules": "per_type", "decoder": "reduced", "convolution": 4, "primary_capsules": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("squash", "sizes"), [("exact", {}), ("approximate", {}), ("exact", OTHER_SIZES)],
    ids=["exact", "approximate", "other_sizes"],
)  # fmt: skip
def test_sharing_equals_expanding_and_repeating(sharing, squash, sizes, images_BCHW):
    network = mini_network(squash, sizes, **sharing)
    weights = torch.randn(5, 4, network.size.class_size, dtype=torch.float64)

    def values_and_gradients(capsules: torch.Tensor) -> list[torch.Tensor]:
        used = [parameter for name, parameter in network.named_parameters() if "decoder" not in name]
        return [capsules, *torch.autograd.grad((capsules * weights).sum(), used)]

    found = values_and_gradients(network.class_capsules(images_BCHW))
    expected = values_and_gradients(reference_capsules(network, images_BCHW))
    for value, reference in zip(found, expected, strict=True):
        assert reference.abs().max() > 0
        torch.testing.assert_close(value, reference, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_shared_votes_equal_expanded_votes(iterations):
    torch.manual_seed(iterations)
    primary_BND = torch.randn(3, 2 * 6, 8, dtype=torch.float64)
    matrices_TDKE = torch.randn(2, 8, 4, 16, dtype=torch.float64)
    logits_BKN, bias_KE = torch.zeros(3, 4, 12, dtype=torch.float64), torch.randn(4, 16, dtype=torch.float64)
    shared = SharedVotes(primary_BND, matrices_TDKE)
    expanded = OwnVotes(primary_BND, matrices_TDKE.repeat_interleave(6, 0))
    torch.testing.assert_close(
        route(shared, logits_BKN, bias_KE, iterations, squash_exact),
        route(expanded, logits_BKN, bias_KE, iterations, squash_exact),
    )


def test_shared_matrices_are_never_expanded():
    network = mini_network(class_capsules="per_type")
    assert network.class_matrices_NDKE.shape == (2, 8, 4, 16)


@pytest.mark.parametrize("sharing", [{}, {"decoder": "reduced"}], ids=["full", "reduced"])
def test_the_decoder_sees_the_chosen_capsule_alone(sharing, images_BCHW, labels_B):
    network = mini_network(**sharing)
    class_BKE = network.class_capsules(images_BCHW).detach().requires_grad_()
    network.reconstruct(class_BKE, labels_B).sum().backward()
    touched_BK = class_BKE.grad.abs().sum(-1) > 0
    assert torch.equal(touched_BK, functional.one_hot(labels_B, 4).bool())
    expected = class_BKE[torch.arange(5), labels_B]
    if not sharing:
        expected = torch.zeros(5, 4, 16, dtype=torch.float64)
        expected[torch.arange(5), labels_B] = class_BKE[torch.arange(5), labels_B]
    assert torch.equal(network.reconstruct(class_BKE, labels_B), network.decoder(expected.reshape(5, -1)))


def test_losses_feed_the_true_class_and_testing_the_longest(images_BCHW, labels_B):
    network = mini_network()
    class_BKE = network.class_capsules(images_BCHW)
    lengths_BK, reconstructed_BCHW = network(images_BCHW)
    torch.testing.assert_close(lengths_BK, class_BKE.norm(dim=-1))
    assert torch.equal(network.predict(images_BCHW), lengths_BK.argmax(1))
    assert torch.equal(reconstructed_BCHW.flatten(1), network.reconstruct(class_BKE, lengths_BK.argmax(1)))
    losses = network.losses(images_BCHW, labels_B)
    errors = network.reconstruct(class_BKE, labels_B) - images_BCHW.flatten(1)
    torch.testing.assert_close(losses.reconstruction, errors.square().sum() / 5)
    torch.testing.assert_close(losses.total, losses.margin + 0.0005 * losses.reconstruction)


@pytest.mark.parametrize("arithmetic", [PLAIN, Arithmetic(analytic=True)], ids=["plain", "analytic"])
def test_black_images_give_finite_gradients(arithmetic):
    torch.manual_seed(0)
    network = CapsNet(mini_size())
    with torch.no_grad():
        network.convolution.bias.zero_()
    network.losses(torch.zeros(2, 2, 19, 21), torch.tensor([0, 1]), arithmetic).total.backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("squash", SQUASHES.values(), ids=SQUASHES)
@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
@pytest.mark.parametrize("shared", [False, True])
def test_analytic_routing_is_the_twin_of_the_plain_one(iterations: int, shared: bool, squash: Squash) -> None:
    generator = torch.Generator().manual_seed(iterations)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)

    primary_BND, bias_KE, slope_BKE = drawn(3, 6, 2), drawn(4, 5), drawn(3, 4, 5)
    matrices_NDKE = drawn(2 if shared else 6, 2, 4, 5)
    votes = (SharedVotes if shared else OwnVotes)(primary_BND, matrices_NDKE)
    logits_BKN = torch.zeros(3, 4, 6, dtype=torch.float64)
    plain = route(votes, logits_BKN, bias_KE, iterations, squash.plain)
    form = SharedAnalyticVotes if shared else OwnAnalyticVotes
    analytic = route_analytically(form, votes.tensors, bias_KE, iterations, squash)
    inputs = (primary_BND, matrices_NDKE, bias_KE)
    found = [
        (class_BKE, *torch.autograd.grad(class_BKE, inputs, slope_BKE.detach(), retain_graph=True))
        for class_BKE in (analytic, plain)
    ]
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("sharing", [{}, {"class_capsules": "per_type", "primary_capsules": 4}], ids=str)
@pytest.mark.parametrize("squash", SQUASHES)
@pytest.mark.parametrize("loss", CLASS_LOSSES)
def test_a_networks_analytic_losses_are_the_twins_of_the_plain_ones(
    loss, squash, sharing, images_BCHW, labels_B
):
    network = mini_network(squash, **sharing)
    network.capsule_loss = CapsuleLoss.of(LOSSES[loss]())
    found = []
    for arithmetic in (PLAIN, Arithmetic(analytic=True)):
        losses = network.losses(images_BCHW, labels_B, arithmetic)
        found.append((*losses, *torch.autograd.grad(losses.total, tuple(network.parameters()))))
    for plain, analytic in zip(*found, strict=True):
        torch.testing.assert_close(analytic, plain, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("sharing", [{}, {"class_capsules": "per_type"}], ids=str)
def test_analytic_routing_predicts_without_gradients(sharing) -> None:
    network = mini_network(**sharing).float()
    images_BCHW = torch.rand(4, 2, 19, 21)
    with torch.inference_mode():
        plain = network.predict(images_BCHW)
        assert torch.equal(network.predict(images_BCHW, Arithmetic(analytic=True)), plain)


def test_a_loss_weighs_class_and_reconstruction(images_BCHW: torch.Tensor) -> None:
    labels_B = torch.tensor([0, 1, 2, 3, 0])
    network = mini_network()
    network.capsule_loss = CapsuleLoss.of(CrossEntropy(reconstruction_weight=0.25))
    losses = network.losses(images_BCHW, labels_B)
    expected = functional.cross_entropy(10 * network(images_BCHW)[0], labels_B)
    assert losses.margin.item() == pytest.approx(expected.item())
    assert losses.total.item() == pytest.approx((losses.margin + 0.25 * losses.reconstruction).item())


def test_without_a_decoder_there_is_no_reconstruction(images_BCHW: torch.Tensor) -> None:
    network = mini_network(decoder="none")
    losses = network.losses(images_BCHW, torch.tensor([0, 1, 2, 3, 0]))
    assert (losses.total, losses.reconstruction) == (losses.margin, 0)
    assert network(images_BCHW)[1] is None
    assert sum(weight.numel() for weight in network.parameters()) == network.size.parameters


def test_a_balanced_start_gives_shared_matrices_the_spread_of_their_own() -> None:
    """With capsules that are alike, sums over 6 positions have the variance of 6 independent votes."""
    deviations = {}
    for sharing, start in (("none", 1.0), ("per_type", "balanced"), ("per_type", 1.0)):
        torch.manual_seed(0)
        size = replace(mini_size(class_capsules=sharing), types=200, class_size=64)
        network = CapsNet(size, initialisation=Initialisation(class_matrices=start))
        alike = torch.ones(1, size.types * size.positions, size.primary_size)
        matrices_NDKE = network.class_matrices_NDKE.detach()
        form = SharedVotes if sharing == "per_type" else OwnVotes
        coupling = torch.ones(1, size.image.classes, size.types * size.positions)
        deviations[sharing, start] = form(alike, matrices_NDKE).weighted_sum(coupling).std().item()
    own = deviations["none", 1.0]
    assert deviations["per_type", "balanced"] == pytest.approx(own, rel=0.15)
    assert deviations["per_type", 1.0] == pytest.approx(6**0.5 * own, rel=0.15)
