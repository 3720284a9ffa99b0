"""What of a machine each of several workers has."""

from __future__ import annotations

import dataclasses
import os

from dse.errors import DeviceError
from dse.training.device import find_device, gpus_here
from dse.training.machine import Machine


def shares(machine: Machine, workers: int) -> list[Machine]:
    """Divide a machine: the threads of its processor, or its GPUs, of which one worker has one to itself.

    Args:
        machine: What trains.
        workers: How many train at once.

    Raises:
        DeviceError: There are too few cores or GPUs.
    """
    if workers == 1:
        return [machine]
    if find_device(machine.device).type == "cpu":
        cores = os.cpu_count() or 1
        threads = machine.threads or max(1, cores // workers)
        if workers * threads > cores:
            raise DeviceError(
                f"workers: {workers} with {threads} thread{'s' * (threads > 1)} each, but this machine has {cores} "
                f"cores. Use at most {max(1, cores // threads)}."
            )
        return [dataclasses.replace(machine, threads=threads)] * workers
    gpus = gpus_here()
    if ":" in machine.device or workers > gpus:
        raise DeviceError(
            f"workers: {workers} on device {machine.device!r}, but a GPU trains one run at a time, and there are "
            f"{gpus}. Use at most {gpus} with --device cuda."
        )
    return [dataclasses.replace(machine, device=f"cuda:{number}") for number in range(workers)]
