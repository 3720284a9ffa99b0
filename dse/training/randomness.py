"""Torch's global sources of randomness, which networks of the user's own draw from, as dropout does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the processor's and the device's global source of randomness; afterwards they are what they were before."""
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        # torch.manual_seed would also seed other GPUs, which fork_rng does not restore.
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def global_randomness(device: torch.device) -> dict[str, Tensor]:
    """Give the state of the global sources of randomness, by name: dropout draws from them."""
    state = {"global.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["global.cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_randomness(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Set the global sources of randomness to what ``global_randomness`` gave."""
    torch.set_rng_state(state["global.cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["global.cuda"], device)
