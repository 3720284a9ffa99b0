"""What a training takes of energy: a GPU's own meter, read by NVIDIA's library NVML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from dse.errors import DeviceError

Meter = Callable[[], float | None]
"""Gives the joules that a device has taken since some moment before; None if they cannot be read now."""

FindMeter = Callable[[torch.device], Meter]
"""Finds the meter of a device, or raises a DeviceError that says why there is none."""


def find_meter(device: torch.device) -> Meter:
    """Find the meter of a device: what it has taken, for whichever program, since its driver was loaded.

    Raises:
        DeviceError: It is no GPU, the library is missing, or the GPU has no meter.
    """
    if device.type != "cuda":
        raise DeviceError(
            f"energy_joules: device {device.type} has no meter that dse reads; NVIDIA's GPUs have one, from Volta on. "
            "Leave the objective out, or train with --device cuda."
        )
    try:
        import pynvml
    except ImportError:
        raise DeviceError(
            "energy_joules: is read by the package nvidia-ml-py, which is not installed. Install it: "
            "pip install 'capsnet-dse[energy]'"
        ) from None
    # Torch may count the GPUs otherwise than NVML does.
    return nvml_meter(pynvml, f"GPU-{torch.cuda.get_device_properties(device).uuid}")


def nvml_meter(nvml: Any, uuid: str) -> Meter:
    """Give the meter of the GPU with this identity.

    Args:
        nvml: The module ``pynvml``.
        uuid: As ``nvidia-smi -L`` lists it.

    Raises:
        DeviceError: There is no such GPU, or it has no meter.
    """
    try:
        nvml.nvmlInit()
        gpu = nvml.nvmlDeviceGetHandleByUUID(uuid)
        nvml.nvmlDeviceGetTotalEnergyConsumption(gpu)
    except nvml.NVMLError as reason:
        raise DeviceError(
            f"energy_joules: NVML reads no meter of {uuid} ({reason}); GPUs before Volta have none, nor have parts of "
            "a GPU (MIG). Leave the objective out, or train on another GPU."
        ) from None

    def joules() -> float | None:
        try:
            millijoules: int = nvml.nvmlDeviceGetTotalEnergyConsumption(gpu)
        except nvml.NVMLError:  # an epoch is worth more than its energy
            return None
        return millijoules / 1000

    return joules
