"""Squashing by formula, and its written gradient as the twin of autograd's."""

from __future__ import annotations

import pytest
import torch

from dse.networks.squash import (
    EPSILON,
    SQUASHES,
    Squash,
    analytic_lengths,
    capsule_lengths,
    squash_approximate,
    squash_exact,
)

EACH_SQUASH = pytest.mark.parametrize("squash", SQUASHES.values(), ids=SQUASHES)


def test_squash_by_formula():
    capsules = (
        torch.randn(100, 8, dtype=torch.float64) * torch.logspace(-3, 3, 100, dtype=torch.float64)[:, None]
    )
    length = capsules.square().sum(-1, keepdim=True).sqrt()
    exact = length**2 / (1 + length**2) * capsules / (length + 1e-7)
    approximate = torch.where(length <= 2, capsules / 2, capsules / length)
    torch.testing.assert_close(squash_exact(capsules), exact)
    torch.testing.assert_close(squash_approximate(capsules), approximate)
    assert (squash_exact(capsules).norm(dim=-1) < 1).all()
    assert (squash_approximate(capsules).norm(dim=-1) <= 1 + 1e-12).all()


@pytest.mark.parametrize(
    ("squash", "slope"),
    [
        (squash_exact, 0.0),
        (squash_approximate, 0.5),
        (SQUASHES["exact"].analytic, 0.0),
        (SQUASHES["approximate"].analytic, 0.5),
    ],
)
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-20])
def test_squash_has_a_finite_slope_at_zero(squash, slope, scale):
    capsule = torch.full((2, 8), scale, requires_grad=True)
    squash(capsule).sum().backward()
    torch.testing.assert_close(capsule.grad, torch.full((2, 8), slope), atol=1e-6, rtol=0)


@EACH_SQUASH
def test_the_written_gradient_is_the_slope(squash: Squash) -> None:
    capsules = torch.randn(6, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    # Lengths on both sides of 1 and of 2, where the slopes turn.
    lengths = torch.logspace(-2, 2, 30, dtype=torch.float64).view(6, 5, 1)
    capsules = (capsules / capsules.norm(dim=-1, keepdim=True) * lengths).requires_grad_()
    assert torch.autograd.gradcheck(squash.analytic, capsules)
    assert torch.autograd.gradcheck(lambda s: squash.analytic(s.transpose(0, 1)), capsules)
    assert torch.autograd.gradcheck(analytic_lengths, capsules)


@EACH_SQUASH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_twins_squash_alike(squash: Squash, dtype: torch.dtype) -> None:
    drawn = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    capsules = (drawn * torch.logspace(-6, 3, 200)[:, None]).to(dtype).requires_grad_()
    slope = torch.randn(200, 8, generator=torch.Generator().manual_seed(1)).to(dtype)
    plain, analytic = squash.plain(capsules), squash.analytic(capsules)
    # The epsilon that the analytic one leaves out moves no capsule by half of it.
    rounding = 4 * torch.finfo(dtype).eps
    assert (plain - analytic).abs().max() <= EPSILON / 2 + rounding
    expected, found = (torch.autograd.grad(squashed, capsules, slope)[0] for squashed in (plain, analytic))
    torch.testing.assert_close(found, expected, rtol=1e-4 if dtype == torch.float32 else 1e-6, atol=1e-6)


def test_twins_measure_alike_at_zero_too() -> None:
    capsules = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e-30, 0.0]], requires_grad=True)
    slope = torch.tensor([2.0, 1.0, 0.0])
    plain, analytic = capsule_lengths(capsules), analytic_lengths(capsules)
    assert torch.equal(plain, analytic)
    expected, found = (torch.autograd.grad(lengths, capsules, slope)[0] for lengths in (plain, analytic))
    torch.testing.assert_close(found, expected)


def test_what_is_squashed_lies_contiguous_and_its_gradient_as_the_capsules_did() -> None:
    held = torch.randn(2, 3, 4, requires_grad=True)
    squashed = SQUASHES["exact"].analytic(held.transpose(1, 2))
    assert squashed.is_contiguous()
    assert torch.autograd.grad(squashed.sum(), held)[0].is_contiguous()
