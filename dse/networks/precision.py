"""What a training step's convolutions and matrix products are computed in. Evaluation is always float32."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch

from dse.errors import DeviceError
from dse.recipe.recipe import Precision


def check_precision(precisions: Iterable[Precision], device: torch.device) -> None:
    """Refuse what the device would silently compute in another precision.

    Args:
        precisions: Of a recipe, or every one that a search space may draw.
        device: What is to train.

    Raises:
        DeviceError: ``tf32`` is among them, and the device is no GPU.
    """
    if "tf32" in precisions and device.type != "cuda":
        raise DeviceError(
            f"precision: tf32 has no effect on device {str(device)!r}: only GPUs compute in it. "
            "Use float32 or bfloat16, or train on a GPU."
        )


@contextmanager
def products_in(precision: Precision, device: torch.device) -> Iterator[None]:
    """Let float32 products on a GPU be rounded to TF32, or not; the former setting is restored afterwards.

    By default torch rounds convolutions, but not matrix products. The setting holds for all threads, so the
    backward pass belongs inside.
    """
    if device.type != "cuda":
        yield
        return
    products, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    kinds = (products, cudnn.conv, cudnn.rnn)  # type: ignore[attr-defined]
    before = [kind.fp32_precision for kind in kinds]
    readable = _rounded()
    try:
        # The older names set the newer ones too; after the newer ones alone the older ones raise when they are
        # read, which torch.compile does.
        products.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
        yield
    finally:
        if readable is not None:
            products.allow_tf32, cudnn.allow_tf32 = readable
        for kind, setting in zip(kinds, before, strict=True):
            if kind.fp32_precision != setting:
                kind.fp32_precision = setting


@contextmanager
def kernels_chosen(by_trial: bool, device: torch.device) -> Iterator[None]:
    """Let a GPU's library try its kernels for each new convolution, or choose by rule; then as before."""
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark
    if device.type == "cuda":
        cudnn.benchmark = by_trial
    try:
        yield
    finally:
        cudnn.benchmark = before


def _rounded() -> tuple[bool, bool] | None:
    """Read whether matrix products and convolutions are rounded; None where the newer names were used alone."""
    try:
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    except RuntimeError:
        return None


def inputs_in(precision: Precision, device: torch.device) -> torch.autocast:
    """Round the inputs of products to bfloat16 if that is the precision, for a forward pass inside ``with``.

    The weights themselves stay float32, and so do their gradients. The backward pass of each product is in the
    precision of its forward pass, and belongs outside.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def in_full(device: torch.device) -> torch.autocast:
    """Keep what is computed inside ``with`` from being rounded by an ``inputs_in`` around it."""
    return torch.autocast(device.type, enabled=False)
