"""Routing on a GPU without votes in memory: each pass computes them again from capsules and matrices.

The votes of the full CapsNet are 94 MB at batch 128, and ``analytic_routing`` reads or writes as much some 17 times
a step. To compute a vote again takes 8 multiplications and no memory. Two more savings: logits begin at
zero, so those of an iteration are the agreement with the sum of all class capsules before it, and need no memory
either; and the first iteration's couplings are all equal, so its weighted sum is one matrix product.

Dimensions: B images of a batch, N primary capsules of D numbers, K classes, E numbers of a class capsule; S parts of
the primary capsules and G groups of images, each with partial sums of its own. Blocks of a kernel are powers of two.
"""

# Kernels are Triton's language, whose types are its own.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import Any

import torch
import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]
from torch import Tensor
from torch.autograd import Function

from dse.networks import triton_dots
from dse.networks.routing import Squashing

# A group of images shares the matrices that it fetches. Compiled for Hopper by Triton 3.8, the two kernels take 127 and
# 255 of 255 registers with 16 images, the second with 8 bytes spilt; with 32 they spill more. Where class capsules are
# larger or more, a group is smaller: with as many numbers in all the second takes 169 to 176, and spills nothing.
LARGEST_GROUP = 16
MOST_NUMBERS = 4096
# Enough programs to keep the largest GPU busy, each with several capsules. An estimate, not yet measured.
PROGRAMS = 512


def route_fused(
    primary_BND: Tensor,
    matrices_NDKE: Tensor,
    bias_KE: Tensor,
    iterations: int,
    squash: Squashing,
    dots: bool = False,
) -> Tensor:
    """Route primary capsules to class capsules by agreement; the same as ``routing.route`` from zero logits.

    Args:
        primary_BND: Primary capsules, float32, on a GPU.
        matrices_NDKE: A matrix for each primary capsule and class, float32.
        bias_KE: Added to the weighted sums.
        iterations: At least 1.
        squash: Bounds the class capsules' lengths.
        dots: Whether votes and gradients are products of the tensor cores, where class capsules are small enough.

    Returns:
        Class capsules, shape (B, K, E).
    """
    classes = len(bias_KE)
    mean_BKE = (primary_BND.flatten(1) @ matrices_NDKE.flatten(2).flatten(0, 1)) / classes
    class_BKE = squash(mean_BKE.unflatten(1, bias_KE.shape) + bias_KE)  # type: ignore[no-untyped-call]
    focus_BKE = class_BKE
    for _ in range(iterations - 1):
        summed_BKE: Tensor = _WeightedSum.apply(primary_BND, matrices_NDKE, focus_BKE, dots)
        class_BKE = squash(summed_BKE + bias_KE)
        focus_BKE = focus_BKE + class_BKE
    return class_BKE


class _WeightedSum(Function):
    """Sums the votes, each weighted by the softmax over the classes of its agreement with the focus."""

    @staticmethod
    def forward(
        ctx: Any, primary_BND: Tensor, matrices_NDKE: Tensor, focus_BKE: Tensor, dots: bool
    ) -> Tensor:
        inputs = primary_BND.contiguous(), matrices_NDKE.contiguous(), focus_BKE.contiguous()
        ctx.save_for_backward(*inputs)
        ctx.dots = dots
        groups, parts, sizes = _blocks(*inputs, dots=dots)
        kernel = triton_dots.sum_kernel if "number_block" in sizes else _sum_kernel
        sums_SBKE = inputs[0].new_empty(parts, *focus_BKE.shape)
        kernel[groups, parts](*inputs, sums_SBKE, **sizes)
        return _added(sums_SBKE)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        inputs = ctx.saved_tensors
        primary_BND, matrices_NDKE, focus_BKE = inputs
        groups, parts, sizes = _blocks(primary_BND, matrices_NDKE, focus_BKE, ctx.dots)
        kernel = triton_dots.gradient_kernel if "number_block" in sizes else _gradient_kernel
        primary_gradient_BND = torch.empty_like(primary_BND)
        matrix_gradients_GNDKE = matrices_NDKE.new_empty(groups, *matrices_NDKE.shape)
        focus_gradients_SBKE = focus_BKE.new_empty(parts, *focus_BKE.shape)
        kernel[groups, parts](
            *inputs,
            gradients[0].contiguous(),
            primary_gradient_BND,
            matrix_gradients_GNDKE,
            focus_gradients_SBKE,
            **sizes,
        )
        return primary_gradient_BND, _added(matrix_gradients_GNDKE), _added(focus_gradients_SBKE), None


def _added(parts: Tensor) -> Tensor:
    """Sum over the first dimension; a single part is not copied."""
    return parts[0] if len(parts) == 1 else parts.sum(0)


def numbers_held(classes: int, size: int) -> int:
    """Count the numbers of an image's class capsules as a program holds them: both sizes are powers of two."""
    return int(triton.next_power_of_2(classes) * triton.next_power_of_2(size))


def _blocks(
    primary_BND: Tensor, matrices_NDKE: Tensor, focus_BKE: Tensor, dots: bool = False
) -> tuple[int, int, dict[str, int]]:
    """Decide how many groups and parts there are, and the sizes that a kernel is compiled for.

    Those of the kernels of products have a ``number_block``.
    """
    batch, capsules, numbers = primary_BND.shape
    _, classes, size = focus_BKE.shape
    held = numbers_held(classes, size)
    group = min(LARGEST_GROUP, triton.next_power_of_2(batch), max(1, MOST_NUMBERS // held))
    least = triton_dots.LEAST_SIDE
    dots = dots and least * numbers_held(classes, max(least, size)) <= MOST_NUMBERS
    group = triton_dots.LEAST_SIDE if dots else group
    groups = triton.cdiv(batch, group)
    most = max(1, PROGRAMS // groups)
    # The last part may hold fewer capsules, and none is empty.
    part = triton.cdiv(capsules, min(most, capsules))
    parts = triton.cdiv(capsules, part)
    sizes = {
        "batch": batch,
        "capsules": capsules,
        "numbers": numbers,
        "classes": classes,
        "size": size,
        "group": group,
        "class_block": triton.next_power_of_2(classes),
        "size_block": triton.next_power_of_2(size),
        "part": part,
        "num_warps": 8 if group * held >= MOST_NUMBERS else 4,
    }
    if dots:
        sizes["number_block"] = max(triton_dots.LEAST_SIDE, triton.next_power_of_2(numbers))
        sizes["size_block"] = max(triton_dots.LEAST_SIDE, sizes["size_block"])
        sizes |= {"num_warps": triton_dots.WARPS, "num_stages": triton_dots.STAGES}
    return groups, parts, sizes


@triton.jit  # type: ignore[untyped-decorator]
def _sum_kernel(
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
    part: tl.constexpr,
):
    image = tl.program_id(0) * group + tl.arange(0, group)
    first = tl.program_id(1) * part
    label = tl.arange(0, class_block)
    number = tl.arange(0, size_block)
    at_KE = label[:, None] * size + number[None, :]
    in_KE = (label < classes)[:, None] & (number < size)[None, :]
    at_BKE = image[:, None, None] * (classes * size) + at_KE[None, :, :]
    in_B = image < batch
    in_BKE = in_B[:, None, None] & in_KE[None, :, :]
    focus_BKE = tl.load(focus + at_BKE, mask=in_BKE, other=0.0)
    sum_BKE = tl.zeros([group, class_block, size_block], tl.float32)
    for capsule in range(first, tl.minimum(first + part, capsules)):
        votes_BKE = tl.zeros([group, class_block, size_block], tl.float32)
        for d in tl.static_range(numbers):
            at = capsule * numbers + d
            primary_B = tl.load(primary + image * (capsules * numbers) + at, mask=in_B, other=0.0)
            matrix_KE = tl.load(matrices + at * (classes * size) + at_KE, mask=in_KE, other=0.0)
            votes_BKE += primary_B[:, None, None] * matrix_KE[None, :, :]
        logits_BK = tl.where((label < classes)[None, :], tl.sum(votes_BKE * focus_BKE, 2), -float("inf"))
        raised_BK = tl.exp(logits_BK - tl.max(logits_BK, 1)[:, None])
        coupling_BK = raised_BK / tl.sum(raised_BK, 1)[:, None]
        sum_BKE += coupling_BK[:, :, None] * votes_BKE
    tl.store(sums + tl.program_id(1) * (batch * classes * size) + at_BKE, sum_BKE, mask=in_BKE)


@triton.jit  # type: ignore[untyped-decorator]
def _gradient_kernel(
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
    part: tl.constexpr,
):
    image = tl.program_id(0) * group + tl.arange(0, group)
    first = tl.program_id(1) * part
    label = tl.arange(0, class_block)
    number = tl.arange(0, size_block)
    at_KE = label[:, None] * size + number[None, :]
    in_KE = (label < classes)[:, None] & (number < size)[None, :]
    at_BKE = image[:, None, None] * (classes * size) + at_KE[None, :, :]
    in_B = image < batch
    in_BKE = in_B[:, None, None] & in_KE[None, :, :]
    focus_BKE = tl.load(focus + at_BKE, mask=in_BKE, other=0.0)
    gradient_BKE = tl.load(gradient + at_BKE, mask=in_BKE, other=0.0)
    focus_gradient_BKE = tl.zeros([group, class_block, size_block], tl.float32)
    for capsule in range(first, tl.minimum(first + part, capsules)):
        votes_BKE = tl.zeros([group, class_block, size_block], tl.float32)
        for d in tl.static_range(numbers):
            at = capsule * numbers + d
            primary_B = tl.load(primary + image * (capsules * numbers) + at, mask=in_B, other=0.0)
            matrix_KE = tl.load(matrices + at * (classes * size) + at_KE, mask=in_KE, other=0.0)
            votes_BKE += primary_B[:, None, None] * matrix_KE[None, :, :]
        logits_BK = tl.where((label < classes)[None, :], tl.sum(votes_BKE * focus_BKE, 2), -float("inf"))
        raised_BK = tl.exp(logits_BK - tl.max(logits_BK, 1)[:, None])
        coupling_BK = raised_BK / tl.sum(raised_BK, 1)[:, None]

        coupling_gradient_BK = tl.sum(votes_BKE * gradient_BKE, 2)
        mean_B = tl.sum(coupling_BK * coupling_gradient_BK, 1)
        logit_gradient_BK = coupling_BK * (coupling_gradient_BK - mean_B[:, None])
        focus_gradient_BKE += logit_gradient_BK[:, :, None] * votes_BKE
        vote_gradient_BKE = coupling_BK[:, :, None] * gradient_BKE + logit_gradient_BK[:, :, None] * focus_BKE
        for d in tl.static_range(numbers):
            at = capsule * numbers + d
            primary_B = tl.load(primary + image * (capsules * numbers) + at, mask=in_B, other=0.0)
            matrix_KE = tl.load(matrices + at * (classes * size) + at_KE, mask=in_KE, other=0.0)
            primary_gradient_B = tl.sum(tl.sum(vote_gradient_BKE * matrix_KE[None, :, :], 2), 1)
            tl.store(primary_gradient + image * (capsules * numbers) + at, primary_gradient_B, mask=in_B)
            matrix_gradient_KE = tl.sum(vote_gradient_BKE * primary_B[:, None, None], 0)
            # Above batch 23,000 the gradients of all groups lie farther than 32 bits reach.
            at_group = tl.program_id(0).to(tl.int64) * (capsules * numbers) + at
            tl.store(matrix_gradients + at_group * (classes * size) + at_KE, matrix_gradient_KE, mask=in_KE)
    tl.store(
        focus_gradients + tl.program_id(1) * (batch * classes * size) + at_BKE,
        focus_gradient_BKE,
        mask=in_BKE,
    )
