"""The kernels of ``triton_routing`` with votes and both gradients as products of a GPU's tensor cores.

Sums over the numbers of a capsule take barriers between the threads of a program, products take none. Every product is
one for each class, which the warps share among them: votes of a capsule, the gradient of the capsule (summed over the
classes), and that of its matrices. Each float32 number enters a product as three of TF32, which rounds about as
float32 would.

Dimensions: as in ``triton_routing``; G images of a group. Numbers are padded to a block that a product can take.
"""

# Kernels are Triton's language, whose types are its own.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

# A side of the tensor cores' smallest products.
LEAST_SIDE = 16
# Compiled for Hopper with this, the two kernels of the full CapsNet take 97 and 245 registers and spill nothing (Triton
# 3.8; 3.6 about the same), with 37 barriers in the second where the kernels without products have 110. With loads
# begun a step ahead the second spills 72 bytes, with 16 warps 192.
STAGES = 1
WARPS = 8


@triton.jit
def _couplings(logits_KG, in_K):
    logits_KG = tl.where(in_K[:, None], logits_KG, -float("inf"))
    raised_KG = tl.exp(logits_KG - tl.max(logits_KG, 0)[None, :])
    return raised_KG / tl.sum(raised_KG, 0)[None, :]


@triton.jit
def _product(left, right):
    return tl.dot(left, right, input_precision="tf32x3")


@triton.jit  # type: ignore[untyped-decorator]
def sum_kernel(
    primary,
    matrices,
    focus,
    sums,
    batch,
    capsules,
    numbers: tl.constexpr,
    classes: tl.constexpr,
    size: tl.constexpr,
    group: tl.constexpr,
    class_block: tl.constexpr,
    size_block: tl.constexpr,
    number_block: tl.constexpr,
    part: tl.constexpr,
):
    """Sum the votes, each weighted by its coupling."""
    image = tl.program_id(0) * group + tl.arange(0, group)
    first = tl.program_id(1) * part
    k = tl.arange(0, class_block)
    d = tl.arange(0, number_block)
    e = tl.arange(0, size_block)
    in_K = k < classes
    in_KE = in_K[:, None] & (e < size)[None, :]
    at_KE = k[:, None] * size + e[None, :]
    at_KGE = image[None, :, None] * (classes * size) + at_KE[:, None, :]
    in_KGE = (image < batch)[None, :, None] & in_KE[:, None, :]
    at_GD = image[:, None] * (capsules * numbers) + d[None, :]
    in_GD = (image < batch)[:, None] & (d < numbers)[None, :]
    at_KDE = d[None, :, None] * (classes * size) + at_KE[:, None, :]
    in_KDE = (d < numbers)[None, :, None] & in_KE[:, None, :]
    focus_KGE = tl.load(focus + at_KGE, mask=in_KGE, other=0.0)
    sum_KGE = tl.zeros([class_block, group, size_block], tl.float32)
    for capsule in range(first, tl.minimum(first + part, capsules)):
        primary_GD = tl.load(primary + capsule * numbers + at_GD, mask=in_GD, other=0.0)
        at = matrices + capsule * (numbers * classes * size)
        matrix_KDE = tl.load(at + at_KDE, mask=in_KDE, other=0.0)
        primary_KGD = tl.broadcast_to(primary_GD[None, :, :], [class_block, group, number_block])
        votes_KGE = _product(primary_KGD, matrix_KDE)
        coupling_KG = _couplings(tl.sum(votes_KGE * focus_KGE, 2), in_K)
        sum_KGE += coupling_KG[:, :, None] * votes_KGE
    tl.store(sums + tl.program_id(1) * (batch * classes * size) + at_KGE, sum_KGE, mask=in_KGE)


@triton.jit  # type: ignore[untyped-decorator]
def gradient_kernel(
    primary,
    matrices,
    focus,
    gradient,
    primary_gradient,
    matrix_gradients,
    focus_gradients,
    batch,
    capsules,
    numbers: tl.constexpr,
    classes: tl.constexpr,
    size: tl.constexpr,
    group: tl.constexpr,
    class_block: tl.constexpr,
    size_block: tl.constexpr,
    number_block: tl.constexpr,
    part: tl.constexpr,
):
    """Give the gradients of what the votes and their couplings were made of."""
    image = tl.program_id(0) * group + tl.arange(0, group)
    first = tl.program_id(1) * part
    k = tl.arange(0, class_block)
    d = tl.arange(0, number_block)
    e = tl.arange(0, size_block)
    in_K = k < classes
    in_KE = in_K[:, None] & (e < size)[None, :]
    at_KE = k[:, None] * size + e[None, :]
    at_KGE = image[None, :, None] * (classes * size) + at_KE[:, None, :]
    in_KGE = (image < batch)[None, :, None] & in_KE[:, None, :]
    at_GD = image[:, None] * (capsules * numbers) + d[None, :]
    in_GD = (image < batch)[:, None] & (d < numbers)[None, :]
    at_KDE = d[None, :, None] * (classes * size) + at_KE[:, None, :]
    in_KDE = (d < numbers)[None, :, None] & in_KE[:, None, :]
    focus_KGE = tl.load(focus + at_KGE, mask=in_KGE, other=0.0)
    gradient_KGE = tl.load(gradient + at_KGE, mask=in_KGE, other=0.0)
    focus_gradient_KGE = tl.zeros([class_block, group, size_block], tl.float32)
    # The gradients of all groups lie farther apart than 32 bits reach.
    of_group = matrix_gradients + tl.program_id(0).to(tl.int64) * (capsules * numbers * classes * size)
    for capsule in range(first, tl.minimum(first + part, capsules)):
        primary_GD = tl.load(primary + capsule * numbers + at_GD, mask=in_GD, other=0.0)
        at = capsule * (numbers * classes * size)
        matrix_KDE = tl.load(matrices + at + at_KDE, mask=in_KDE, other=0.0)
        primary_KGD = tl.broadcast_to(primary_GD[None, :, :], [class_block, group, number_block])
        votes_KGE = _product(primary_KGD, matrix_KDE)
        coupling_KG = _couplings(tl.sum(votes_KGE * focus_KGE, 2), in_K)

        coupling_gradient_KG = tl.sum(votes_KGE * gradient_KGE, 2)
        mean_G = tl.sum(coupling_KG * coupling_gradient_KG, 0)
        logit_gradient_KG = coupling_KG * (coupling_gradient_KG - mean_G[None, :])
        focus_gradient_KGE += logit_gradient_KG[:, :, None] * votes_KGE
        vote_gradient_KGE = coupling_KG[:, :, None] * gradient_KGE + logit_gradient_KG[:, :, None] * focus_KGE
        by_class_KGD = _product(vote_gradient_KGE, tl.permute(matrix_KDE, (0, 2, 1)))
        at_capsule = primary_gradient + capsule * numbers
        tl.store(at_capsule + at_GD, tl.sum(by_class_KGD, 0), mask=in_GD)
        matrix_gradient_KDE = _product(tl.permute(primary_KGD, (0, 2, 1)), vote_gradient_KGE)
        tl.store(of_group + at + at_KDE, matrix_gradient_KDE, mask=in_KDE)
    at = tl.program_id(1) * (batch * classes * size)
    tl.store(focus_gradients + at + at_KGE, focus_gradient_KGE, mask=in_KGE)
