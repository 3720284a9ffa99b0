from __future__ import annotations

import pytest
import torch

from dse.networks.loss import CLASS_LOSSES, cross_entropy, margin_loss, reconstruction_loss
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
    computed = CLASS_LOSSES["cross_entropy"](CrossEntropy(scale=10))(lengths_BK, labels_B)
    assert computed.item() == pytest.approx(expected.item())
