"""A Ray cluster: how it is joined, what of it a worker needs, and how many find room."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

import dse
from dse.errors import DeviceError
from dse.runners.settled import Common, Settled, settle
from dse.training.machine import Machine
from dse.training.trainer import Trainer

LOCAL = "local"
AUTO = "auto"

# Read when Ray begins: it sends no figures of its use anywhere, and leaves workers the priority that dse has.
_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
_CRITICAL = 50  # level of logging
_SECONDS_TO_CONNECT = 10.0
_SECONDS_BEFORE_NOTE = 15.0


@contextmanager
def joined(address: str, modules: Sequence[Path] = ()) -> Iterator[None]:
    """Start Ray on this machine, or join a cluster; if the process has joined it already, that is used as it is.

    Args:
        address: ``local``, ``auto`` (the cluster of this machine, or of ``RAY_ADDRESS``) or host:port.
        modules: Files and folders of Python modules that the nodes of a cluster need, beside dse itself.

    Raises:
        DeviceError: There is no such cluster, or the process has joined another one.
    """
    if ray.is_initialized():
        there = ray.get_runtime_context().gcs_address
        if address not in (AUTO, there):
            raise DeviceError(
                f"ray: {address!r}, but this process has joined the cluster at {there} already. Give auto to use that, "
                "or leave it by ray.shutdown()."
            )
        yield
        return
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    options: dict[str, Any] = {"include_dashboard": False}
    if address != LOCAL:
        check_reachable(address)
        sent = [str(path) for path in [Path(dse.__file__).parent, *modules]]
        options = {"runtime_env": {"py_modules": sent, "excludes": ["__pycache__"]}}
    try:
        with _signals_kept():
            ray.init(address=address, log_to_driver=False, logging_level=_CRITICAL, **options)
    except (ConnectionError, RuntimeError, ValueError, SystemExit) as error:
        raise DeviceError(_no_cluster(address, f"{error}".splitlines()[0] if f"{error}" else "")) from None
    try:
        yield
    finally:
        ray.shutdown()


def check_reachable(address: str) -> None:
    """Knock at a cluster's door: Ray itself would knock for minutes, and then end the process.

    Raises:
        DeviceError: Nobody answers, or it is no address.
    """
    named = os.environ.get("RAY_ADDRESS", "") if address == AUTO else address
    if not named:
        return
    host, _, port = named.rpartition(":")
    if "/" in host or not host or not port.isdigit():
        raise DeviceError(
            f"ray: {named!r} is no address of a cluster. Give local, auto, or the host:port that `ray start --head` "
            "prints."
        )
    try:
        socket.create_connection((host, int(port)), _SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise DeviceError(_no_cluster(named, str(error))) from None


def _no_cluster(address: str, reason: str) -> str:
    return (
        f"ray: no cluster answers at {address!r}{f' ({reason})' if reason else ''}. Start one with "
        "`ray start --head` and give the host:port that it prints, or use --ray local."
    )


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep the handler of SIGTERM, in place of which Ray puts one that ends the process."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a worker needs of its node.

    Attributes:
        cpus: Cores.
        gpus: GPUs, which it has to itself.
    """

    cpus: int = 1
    gpus: int = 0

    def options(self) -> dict[str, Any]:
        """Give Ray's options for an actor or task."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "scheduling_strategy": "SPREAD"}

    def room(self) -> int:
        """Count the workers that the cluster has room for now, if nobody else used it; at least 1."""
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        return max(1, sum(self._fit(node["Resources"]) for node in nodes if node["Alive"]))

    def _fit(self, resources: dict[str, float]) -> int:
        by_cpus = int(resources.get("CPU", 0) // self.cpus)
        return min(by_cpus, int(resources.get("GPU", 0) // self.gpus)) if self.gpus else by_cpus

    def __str__(self) -> str:
        cores = f"{self.cpus} core{'s' * (self.cpus > 1)}"
        return f"{cores} and {self.gpus} GPU" if self.gpus else cores


def machine_on(machine: Machine) -> tuple[Machine, Needs]:
    """Give the machine as a worker sees it, and what that needs of a node.

    Raises:
        DeviceError: It names a GPU by its number, which is Ray's to choose.
    """
    if ":" in machine.device:
        raise DeviceError(
            f"device: {machine.device!r}, but on a cluster Ray chooses which GPU a worker has. Use --device cuda."
        )
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    if machine.device == "cuda" or (machine.device == "auto" and resources.get("GPU", 0) >= 1):
        return dataclasses.replace(machine, device="cuda"), Needs(machine.threads or 1, 1)
    threads = machine.threads or 1
    device = "cpu" if machine.device == "auto" else machine.device
    return dataclasses.replace(machine, device=device, threads=threads), Needs(threads)


def settle_there(trainer: Trainer, needs: Needs, common: Common, noted: Callable[[str], None]) -> Settled:
    """Settle on a node of the cluster what its workers must agree on.

    Args:
        trainer: What a worker is to be like.
        needs: Of a worker.
        common: Of all runs.
        noted: Called if the cluster has no room yet.

    Raises:
        DeviceError: The device is not there, or cannot do what is asked of it; or no worker can begin there.
    """
    task = ray.remote(_settled).options(max_retries=0, **needs.options())
    answer = task.remote(trainer.portable(), common)
    if not ray.wait([answer], timeout=_SECONDS_BEFORE_NOTE)[0]:
        noted(f"waiting for a node of the cluster that has {needs} free, and for dse to begin there")
    try:
        settled: Settled = ray.get(answer)
        return settled
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, dse.DseError):
            raise error.cause from None
        raise DeviceError(_cannot_begin(str(error.cause))) from None
    except ray.exceptions.RayError as error:
        raise DeviceError(_cannot_begin(last_line(error))) from None


def _settled(trainer: Trainer, common: Common) -> Settled:
    return settle(trainer, common)[1]


def _cannot_begin(reason: str) -> str:
    return (
        f"ray: no worker can begin on the cluster ({reason}). Its nodes need the Python and Ray of this machine, and "
        "the packages that dse depends on."
    )


def last_line(error: Exception) -> str:
    """Give the line of one of Ray's errors that says what happened: the others lead there."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
