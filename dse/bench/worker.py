"""Contestants in processes of their own, so that what one sets does not help or hinder another.

The fast step may tell the C library to keep freed memory, the authors' code lets cuDNN try its kernels: both
hold for a whole process. Only one process runs at a time.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

import torch

from dse.bench.contest import Contestant
from dse.errors import DseError, InputError, RunError
from dse.training.stopwatch import Stopwatch

TakeSteps = Callable[[int], object]

_SECONDS_TO_LEAVE = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """What a process can run.

    Attributes:
        runs: By the contestant's name, what runs a number of steps. It may leave work queued on the device.
        device: What it runs on; a turn ends when it is idle.
        details: What a result says besides the times.
    """

    runs: Mapping[str, TakeSteps]
    device: torch.device
    details: dict[str, Any] = field(default_factory=dict)

    def timed(self, name: str, steps: int) -> float:
        """Run a number of steps of a contestant; give the seconds that they took."""
        clock = Stopwatch(self.device)
        with clock:
            self.runs[name](steps)
        return clock.seconds


def peak_memory(device: torch.device) -> dict[str, int]:
    """Give the most bytes of a GPU that this process's tensors took, and that torch held for them; else nothing.

    Counted since the start of the process or the last ``torch.cuda.reset_peak_memory_stats``.
    """
    if device.type != "cuda":
        return {}
    return {
        "peak_allocated_bytes": torch.cuda.max_memory_allocated(device),
        "peak_reserved_bytes": torch.cuda.max_memory_reserved(device),
    }


class Worker:
    """A process that builds an entry and times it when asked; a context manager that ends it.

    Args:
        build: Builds the entry in the process; can be pickled.
        batch_size: Named in an error about memory.

    Attributes:
        details: Those of its entry and, on a GPU, its peak memory so far.
    """

    def __init__(self, build: Callable[[], Entry], batch_size: int) -> None:
        self._batch_size = batch_size
        # A process that torch has run in must not be forked.
        context = multiprocessing.get_context("spawn")
        self._connection, there = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(there, build, batch_size, torch.get_num_threads())
        )
        self._process.start()
        there.close()
        self.details: dict[str, Any] = {}

    def contestants(self) -> list[Contestant]:
        """Wait until the entry is built; give who can run in it."""
        names, self.details = self._receive()
        return [Contestant(name, partial(self._timed, name)) for name in names]

    def _timed(self, name: str, steps: int) -> float:
        # Where the process is gone, the receipt says so.
        with suppress(OSError):
            self._connection.send((name, steps))
        seconds: float
        seconds, memory = self._receive()
        self.details |= memory
        return seconds

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(_SECONDS_TO_LEAVE)
            code = self._process.exitcode
            if code == -signal.SIGKILL:
                raise does_not_fit(self._batch_size, "the system ended the process") from None
            raise RunError(f"a process of the benchmark ended with code {code}. Run it again.") from None
        if isinstance(answer, DseError):
            raise answer
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if kind is None:
            self._process.join(_SECONDS_TO_LEAVE)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(_SECONDS_TO_LEAVE)
            self._process.kill()  # one that the device does not answer ignores the first signal
        self._process.join()


def _serve(connection: Connection, build: Callable[[], Entry], batch_size: int, threads: int) -> None:
    # Ctrl-C reaches all processes of a terminal; the first one ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    try:
        entry = build()
        connection.send((list(entry.runs), entry.details))
        while True:
            name, steps = connection.recv()
            connection.send((entry.timed(name, steps), peak_memory(entry.device)))
    except EOFError:
        return  # the other process has left
    except Exception as error:
        with suppress(OSError):
            connection.send(explained(error, batch_size))


def explained(error: Exception, batch_size: int) -> DseError:
    """Turn what was raised into an error that can be sent to another process.

    Args:
        error: What was raised.
        batch_size: What is named where memory was too small.
    """
    if isinstance(error, DseError):
        return error
    # A GPU's allocator has an error of its own; a processor's is known by its text only.
    out_of_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    if out_of_memory or "allocate memory" in str(error):
        return does_not_fit(batch_size, (str(error) or "out of memory").splitlines()[0])
    return RunError("a process of the benchmark failed.\n" + "".join(traceback.format_exception(error)))


def does_not_fit(batch_size: int, reason: str) -> InputError:
    """Say that a batch size takes too much memory."""
    return InputError(
        f"batch size {batch_size} does not fit in memory: {reason.rstrip('.')}. "
        "Leave it out of --batch-sizes, or choose a smaller --preset."
    )


def contestants_of(
    workers: Mapping[str, Worker], on_failure: Callable[[str, DseError], None]
) -> list[Contestant]:
    """Give the contestants of all workers, in their order; one that fails to start is left out.

    Args:
        workers: By name.
        on_failure: Called with the name of one that fails, and why.
    """
    contestants: list[Contestant] = []
    for name, worker in workers.items():
        try:
            contestants += worker.contestants()
        except DseError as error:
            on_failure(name, error)
    return contestants
