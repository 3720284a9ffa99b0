"""What the machine allows: the fastest step that its own kernels, or its own rates, leave room for.

On a processor the limit is measured: the convolutions and matrix products of a step alone, forward and
backward. On a GPU it is worked out from two measured rates, because there single kernels are far from both.

Dimensions: B images of a batch, N primary capsules of D numbers, T capsule types, K classes, E numbers of a
class capsule.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from dse.bench.worker import TakeSteps
from dse.networks.precision import products_in
from dse.recipe.models.capsnet import KERNEL, CapsNetSize
from dse.recipe.recipe import Precision

FLOAT_BYTES = 4
# TF32 rounds only what enters the matrix units; memory holds float32. bfloat16 halves what lies between the layers:
# a step that keeps some of it in float32 moves more, so the least is every number in 2 bytes.
ACTIVATION_BYTES: dict[Precision, int] = {"float32": 4, "tf32": 4, "bfloat16": 2}
# Adam reads weight, gradient and two moments, and writes weight and moments; the backward pass writes the gradient.
ADAM_TRANSFERS = 8
# The backward pass multiplies twice for each product of the forward pass: once for either factor's gradient.
PASSES = 3
OPERATIONS_PER_MULTIPLICATION = 2
# Large enough to reach a GPU's rates, and for the copy to pass its caches by.
MATRIX_SIDE = 8192
COPIED_BYTES = 2**30

Kernel = Callable[[], object]
Draw = Callable[..., Tensor]


def kernel_run(
    size: CapsNetSize, routing_iterations: int, batch_size: int, precision: Precision = "float32"
) -> TakeSteps:
    """Make what runs a step's convolutions and matrix products, forward and backward, and nothing else.

    The library's own kernels with the gradients that training needs: none for the images. Left out are routing's
    weighted sums and agreements, which a fused step need not do as matrix products, and all that is elementwise.

    Args:
        size: Of the network.
        routing_iterations: As in the network.
        batch_size: Images of a step.
        precision: ``float32`` or ``bfloat16``; routing is in float32, and with it the products of shared matrices.
    """
    draw = partial(torch.rand, dtype=torch.bfloat16 if precision == "bfloat16" else torch.float32)
    shared = size.sharing.class_capsules == "per_type"
    works = [
        *_convolutions(size, batch_size, draw),
        *(
            _shared_products(size, routing_iterations, batch_size)
            if shared
            else _votes(size, batch_size, draw)
        ),
        *_decoder(size, batch_size, draw),
    ]

    def run(steps: int) -> None:
        with torch.inference_mode():
            for _ in range(steps):
                for work in works:
                    work()

    return run


def _convolutions(size: CapsNetSize, batch: int, draw: Draw) -> list[Kernel]:
    image, sharing = size.image, size.sharing
    filters = size.filters // sharing.convolution
    channels = size.types * size.primary_size // sharing.primary_capsules
    images_BCHW = draw(batch, image.channels, image.height, image.width)
    features_BFHW = draw(batch, filters, *size.convolved)
    first = draw(filters, image.channels, KERNEL, KERNEL), draw(filters)
    primary = draw(channels, filters, size.primary_kernel, size.primary_kernel)
    primary_gradient = draw(batch, channels, *size.grid)
    plain = ([0, 0], [1, 1], False, [0, 0], 1)  # padding, dilation, transposed, output padding, groups
    once, stride = [1, 1], [size.primary_stride] * 2
    forward, backward = torch.ops.aten.convolution, torch.ops.aten.convolution_backward
    return [
        lambda: forward(images_BCHW, *first, once, *plain),
        lambda: backward(
            features_BFHW, images_BCHW, first[0], [filters], once, *plain, [False, True, True]
        ),
        lambda: forward(features_BFHW, primary, None, stride, *plain),
        lambda: backward(
            primary_gradient, features_BFHW, primary, None, stride, *plain, [True, True, False]
        ),
    ]  # fmt: skip


def _votes(size: CapsNetSize, batch: int, draw: Draw) -> list[Kernel]:
    capsules = size.types * size.positions
    outputs = size.image.classes * size.class_size
    primary_NBD = draw(capsules, batch, size.primary_size)
    return _product(primary_NBD, draw(capsules, size.primary_size, outputs))


def _shared_products(size: CapsNetSize, routing_iterations: int, batch: int) -> list[Kernel]:
    classes, inputs = size.image.classes, size.types * size.primary_size
    matrices_KxE = torch.rand(classes, inputs, size.class_size)
    weighted = _product(torch.rand(classes, batch, inputs), matrices_KxE)
    agreement = _product(torch.rand(classes, batch, size.class_size), matrices_KxE.transpose(1, 2))
    return weighted * routing_iterations + agreement * (routing_iterations - 1)


def _product(left: Tensor, right: Tensor) -> list[Kernel]:
    """Give a batched product and the two of its gradients."""
    gradient = torch.rand(*left.shape[:2], right.shape[2], dtype=left.dtype)
    return [
        lambda: torch.bmm(left, right),
        lambda: torch.bmm(gradient, right.transpose(1, 2)),
        lambda: torch.bmm(left.transpose(1, 2), gradient),
    ]


def _decoder(size: CapsNetSize, batch: int, draw: Draw) -> list[Kernel]:
    return [
        kernel
        for fan_in, fan_out in itertools.pairwise(size.decoder_widths)
        for kernel in _linear(batch, fan_in, fan_out, draw)
    ]


def _linear(batch: int, fan_in: int, fan_out: int, draw: Draw) -> list[Kernel]:
    inputs, weight, bias = draw(batch, fan_in), draw(fan_out, fan_in), draw(fan_out)
    gradient = draw(batch, fan_out)
    return [
        lambda: torch.addmm(bias, inputs, weight.t()),
        lambda: torch.mm(gradient, weight),
        lambda: torch.mm(gradient.t(), inputs),
    ]


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a training step cannot do without.

    Attributes:
        operations: Floating-point multiplications and additions of all products, forward and backward.
        bytes: Moved to and from memory: the weights' update, and every activation written and read once.
    """

    operations: int
    bytes: int


def step_cost(size: CapsNetSize, batch_size: int, precision: Precision = "float32") -> StepCost:
    """Count the operations and the bytes of a step; weights, gradients and moments are float32 in any precision."""
    activations = 2 * activation_floats(size) * batch_size
    return StepCost(
        operations=PASSES * OPERATIONS_PER_MULTIPLICATION * size.multiplications * batch_size,
        bytes=FLOAT_BYTES * ADAM_TRANSFERS * size.parameters + ACTIVATION_BYTES[precision] * activations,
    )


def activation_floats(size: CapsNetSize) -> int:
    """Count the numbers between the layers for one image, votes included where they are held."""
    capsules = size.types * size.positions
    outputs = size.image.classes * size.class_size
    votes = capsules * outputs if size.sharing.class_capsules == "none" else 0
    features = size.filters // size.sharing.convolution * math.prod(size.convolved)
    capsule_floats = capsules * size.primary_size + votes + outputs
    return size.image.pixels + features + capsule_floats + sum(size.decoder_widths)


def rate_runs(
    device: torch.device,
    precision: Precision = "float32",
    side: int = MATRIX_SIDE,
    copied_bytes: int = COPIED_BYTES,
) -> dict[str, TakeSteps]:
    """Make what measures a device's two rates: a large matrix product in that precision, and a large copy."""
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    left, right = torch.rand(2, side, side, dtype=dtype, device=device)
    product = torch.empty_like(left)
    source = torch.zeros(copied_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def multiply(steps: int) -> None:
        with products_in(precision, device):
            for _ in range(steps):
                torch.mm(left, right, out=product)

    def copy(steps: int) -> None:
        for _ in range(steps):
            target.copy_(source)

    return {"matrix_product": multiply, "copy": copy}


def limit_seconds(cost: StepCost, taken: Mapping[str, float]) -> float:
    """Give the least seconds of a step.

    Args:
        cost: Of the step.
        taken: Seconds of ``limit``, where the kernels were measured; else of ``matrix_product`` and ``copy``
            in their own sizes, and the larger of the two bounds is the limit.

    >>> second_each = {"matrix_product": 1.0, "copy": 1.0}
    >>> limit_seconds(StepCost(operations=2 * MATRIX_SIDE**3, bytes=6 * COPIED_BYTES), second_each)
    3.0
    """
    if "limit" in taken:
        return taken["limit"]
    operation_rate = OPERATIONS_PER_MULTIPLICATION * MATRIX_SIDE**3 / taken["matrix_product"]
    byte_rate = 2 * COPIED_BYTES / taken["copy"]  # each byte is read and written
    return max(cost.operations / operation_rate, cost.bytes / byte_rate)
