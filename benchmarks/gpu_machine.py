"""What a GPU machine is, and whether the tests that need a GPU pass on it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import torch
from gpu_plan import ROOT, Measured

from dse.record.environment import describe_environment
from dse.training.device import device_title, threads_of

# One module that cannot be imported there costs no other's tests.
TESTS = [sys.executable, "-m", "pytest", "-v", "-m", "gpu", "-p", "no:cacheprovider", "--continue-on-collection-errors",
         "tests/training", "tests/networks", "tests/bench"]  # fmt: skip
TAIL_CHARACTERS = 4000
STOPPING_SECONDS = 2.0
MOST_TEST_SECONDS = 180.0


def describe_machine(device: torch.device) -> Measured:
    """Describe hardware, versions and code."""
    described: Measured = describe_environment(
        device_title(device), device.type, threads_of(device), "fast", ""
    )
    del described["data_fingerprint"], described["engine"]
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        described |= {
            "gpu_memory_bytes": properties.total_memory,
            "multiprocessors": properties.multi_processor_count,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
            "nvidia_smi": _nvidia_smi(),
        }
    return described


def run_tests(log: Path, seconds: float) -> Measured:
    """Run the tests that need a GPU; their output is in the log as they write it.

    Raises:
        RuntimeError: They failed, or did not end within their seconds.
    """
    # Less than it has, so that no tests are left running behind a process that was stopped.
    timeout = max(1.0, min(MOST_TEST_SECONDS, seconds - STOPPING_SECONDS))
    # What else is installed on a lent machine may break pytest by its plugins.
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUNBUFFERED": "1"}
    log.parent.mkdir(parents=True, exist_ok=True)
    ending = f"did not end within {timeout:.0f} s"
    status: int | None = None
    with log.open("w", encoding="utf-8") as stream, suppress(subprocess.TimeoutExpired):
        status = subprocess.run(
            TESTS, cwd=ROOT, env=environment, timeout=timeout, stdout=stream, stderr=subprocess.STDOUT
        ).returncode
        ending = f"ended with {status}"
    tail = log.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:]
    if status != 0:
        raise RuntimeError(f"{' '.join(TESTS[1:])} {ending}; all output is in {log}:\n{tail}")
    last_line = tail.strip().splitlines()[-1]
    counts = {name: int(count) for count, name in re.findall(r"(\d+) ([a-z]+)", last_line)}
    return {"counts": counts, "output": tail}


def _nvidia_smi() -> str | None:
    """Ask the driver for what torch does not know."""
    query = "--query-gpu=name,driver_version,power.limit,clocks.max.sm,clocks.max.memory"
    try:
        result = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
