"""Where a study was measured: machine, device, versions and code."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Names of engines in studies of version 0.1.
_RENAMED_ENGINES = {"fast_compiled": "compiled"}

PACKAGES = ("torch", "torchvision", "numpy", "optuna", "pandas", "moocore", "scikit-learn", "scipy")


def describe_environment(
    device: str, device_type: str, threads: int | None, engine: str, data_fingerprint: str
) -> dict[str, object]:
    """Describe this machine and this code, so that figures can be judged later.

    Args:
        device: Name of what trains, as in "NVIDIA H200" or a processor's model with its threads.
        device_type: ``cpu`` or ``cuda``.
        threads: Threads of the processor that train; None if a GPU does.
        engine: What was asked to run the steps.
        data_fingerprint: Hash of the images: a study is resumed on the same ones only.
    """
    return describe_code() | {
        "device": device,
        "device_type": device_type,
        "threads": threads,
        "engine": engine,
        "data_fingerprint": data_fingerprint,
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
    }


def describe_code() -> dict[str, object]:
    """Give version and commit of this code."""
    return {"dse": _version("capsnet-dse"), "commit": _commit()}


def check_environment(content: object) -> dict[str, object]:
    """Refuse what no ``describe_environment`` gave, of this version or another.

    Raises:
        ValueError: It is no group of plain values, but for the group of versions.
    """
    if not isinstance(content, dict):
        raise ValueError("it is no group of keys")
    for key, value in content.items():
        parts = value.values() if key == "versions" and isinstance(value, dict) else [value]
        if not all(part is None or isinstance(part, str | int | float) for part in parts):
            raise ValueError(f"{key!r:.80} is neither text nor a number")
    if not isinstance(content.get("versions", {}), dict):
        raise ValueError("versions is no group of keys")
    return content


def workers_of(environment: Mapping[str, object]) -> int:
    """Give how many runs a study trained at once, at most."""
    workers = environment.get("workers", 1)
    return workers if isinstance(workers, int) else 1


def engine_name(recorded: str) -> str:
    """Give today's name of an engine that a study recorded.

    >>> engine_name("fast_compiled"), engine_name("fast")
    ('compiled', 'fast')
    """
    return _RENAMED_ENGINES.get(recorded, recorded)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Name the commit of a source checkout, with ``+`` if files differ from it; None for an installed package."""
    folder = Path(__file__).resolve().parents[1]
    if not (folder.parent / ".git").exists():
        return None
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=folder, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
