"""Errors of a device, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dse.errors import DeviceLostError, RecipeError


@contextmanager
def explained_faults(device: torch.device, batch_size: int) -> Iterator[None]:
    """Turn a device's faults inside ``with`` into errors for the user; all others pass.

    Args:
        device: What computes.
        batch_size: What it computes with.

    Raises:
        RecipeError: The batch does not fit in the device's memory.
        DeviceLostError: The device no longer answers.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        if is_out_of_memory(error):
            raise RecipeError(
                f"batch_size: training with batches of {batch_size} does not fit in the memory of device "
                f"{str(device)!r}: {reason}. Use smaller batches or a smaller model preset, or end other programs "
                "that use the device."
            ) from error
        if not _answers(device):
            raise DeviceLostError(
                f"device {str(device)!r} stopped answering at batch size {batch_size}: {reason}. "
                "Look at the driver's log, then start dse again: studies resume where they stopped."
            ) from error
        raise


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory was too small: a GPU's allocator has an error of its own, a processor's only a text."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _answers(device: torch.device) -> bool:
    # After a fault of the device, as opposed to one of the program, every further call fails too.
    if device.type == "cuda":
        try:
            torch.cuda.synchronize(device)
        except RuntimeError:
            return False
    return True
