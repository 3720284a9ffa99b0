from __future__ import annotations

import pytest
import torch

from dse.networks.loss import (
    CLASS_LOSSES,
    CapsuleLoss,
    analytic_margin_loss,
    cross_entropy,
    is_true,
    margin_loss,
    reconstruction_loss,
)
from dse.recipe.loss import LOSSES, CrossEntropy


def test_margin_loss_by_hand():
    lengths_BK = torch.tensor([[0.5, 0.3, 0.05], [0.95, 0.1, 0.6]])
    labels_B = torch.tensor([0, 1])
    # first: (0.9 - 0.5)^2 + 0.5 (0.3 - 0.1)^2;  second: (0.9 - 0.1)^2 + 0.5 ((0.95 - 0.1)^2 + (0.6 - 0.1)^2)
    first, second = 0.16 + 0.5 * 0.04, 0.64 + 0.5 * (0.7225 + 0.25)
    assert margin_loss(lengths_BK, labels_B).item() == pytest.approx((first + second) / 2)


def test_lengths_beyond_the_margins_cost_nothing():
    assert margin_loss(torch.tensor([[0.95, 0.05]]), torch.tensor([0])).item() == 0


def test_reconstruction_loss_by_hand():
    reconstructed, images = torch.tensor([[0.0, 1.0], [0.5, 0.5]]), torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    assert reconstruction_loss(reconstructed, images).item() == (1 + 0.5) / 2


def test_every_loss_is_computed():
    assert CLASS_LOSSES.keys() == LOSSES.keys()


def test_cross_entropy_is_that_of_scaled_lengths():
    lengths_BK = torch.tensor([[0.5, 0.3, 0.05], [0.95, 0.1, 0.6]])
    labels_B = torch.tensor([0, 1])
    expected = -(10 * lengths_BK).log_softmax(1)[[0, 1], labels_B].mean()
    assert cross_entropy(lengths_BK, labels_B, 10).item() == pytest.approx(expected.item())
    computed = CLASS_LOSSES["cross_entropy"](CrossEntropy(scale=10)).plain(lengths_BK, labels_B)
    assert computed.item() == pytest.approx(expected.item())


def test_the_margin_losss_written_gradient_is_the_slope():
    # On either side of both margins, and none at one.
    lengths_BK = torch.tensor([[0.5, 0.3, 0.05], [0.95, 0.15, 0.6]], dtype=torch.float64, requires_grad=True)
    true_BK = is_true(torch.tensor([0, 1]), 3, torch.float64)
    assert torch.autograd.gradcheck(lambda lengths: analytic_margin_loss(lengths, true_BK), lengths_BK)


@pytest.mark.parametrize("decoded", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_twins_lose_alike(dtype: torch.dtype, loss: str, decoded: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    class_BKE = torch.rand(20, 10, 3, dtype=dtype, generator=generator, requires_grad=True)
    labels_B = torch.randint(10, (20,), generator=generator)
    images_BX = torch.rand(20, 30, dtype=dtype, generator=generator)
    decode = (lambda class_BKE: class_BKE.flatten(1).sigmoid()) if decoded else None
    twins = CapsuleLoss.of(LOSSES[loss](reconstruction_weight=0.25))
    found = [lose(class_BKE, labels_B, images_BX, decode) for lose in (twins.plain, twins.analytic)]
    torch.testing.assert_close(*found)
    torch.testing.assert_close(*(torch.autograd.grad(3 * losses.total, class_BKE)[0] for losses in found))
