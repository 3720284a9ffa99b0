"""The device that trains, by name."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import torch

from dse.errors import DeviceError


def find_device(name: str) -> torch.device:
    """Turn a device's name into a device that is there.

    Args:
        name: ``auto`` (the first GPU, or else the processor), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        DeviceError: The name is unknown, or there is no such device here.

    >>> find_device("cpu")
    device(type='cpu')
    """
    gpus = gpus_here()
    if name == "cpu" or (name == "auto" and not gpus):
        return torch.device("cpu")
    number = re.fullmatch(r"cuda(?::(\d+))?", "cuda" if name == "auto" else name)
    if number is None:
        raise DeviceError(f"device {name!r} is unknown. Choose one of: auto, {_present(gpus)}.")
    index = int(number[1] or 0)
    if index >= gpus:
        raise DeviceError(
            f"device {name!r} is not here: torch {torch.__version__} sees {gpus} GPUs. "
            f"Choose one of: auto, {_present(gpus)}"
            + ("." if gpus else ", or install a CUDA build of torch and the GPU's driver.")
        )
    return torch.device("cuda", index)


def gpus_here() -> int:
    """Count the GPUs that torch sees."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def use_threads(threads: int | None) -> None:
    """Let torch compute on this many threads of the processor, for the whole process; leave it as it is if None.

    Raises:
        DeviceError: The machine has fewer cores.
    """
    if threads is None:
        return
    cores = os.cpu_count() or 1
    if threads > cores:
        raise DeviceError(
            f"threads: {threads}, but this machine has {cores} cores, for which more threads would only wait. "
            f"Use at most {cores}."
        )
    torch.set_num_threads(threads)


def threads_of(device: torch.device) -> int | None:
    """Give the number of threads that a device's seconds depend on: torch's on the processor, None on a GPU."""
    return torch.get_num_threads() if device.type == "cpu" else None


def device_title(device: torch.device) -> str:
    """Name a device as a table of results would: a GPU's model, or a processor's with torch's threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{_processor()}, {threads} thread{'' if threads == 1 else 's'}"


def hardware(device: torch.device) -> dict[str, object]:
    """Describe processor and, of a GPU, what drives it, for the record; None for what the system does not tell."""
    here: dict[str, object] = {"processor": _processor()}
    if device.type == "cuda":
        here |= {"cuda": torch.version.cuda, "gpu_driver": _gpu_driver()}
    return here


def _present(gpus: int) -> str:
    return ", ".join(["cpu", *(f"cuda:{i}" for i in range(gpus))])


def _gpu_driver() -> str | None:
    """Give the version of NVIDIA's driver, where Linux tells it."""
    try:
        told = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        return None
    version = re.search(r"Kernel Module.*?\s(\d+\.[\d.]+)\s", told)
    return version[1] if version else None


def _processor() -> str:
    # Only Linux tells the model in a file; elsewhere platform knows a name, or at least the architecture.
    try:
        model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        model = None
    return model[1].strip() if model else platform.processor() or platform.machine()
