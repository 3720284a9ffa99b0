"""What is timed, and what it takes of energy: spans on a device, added up."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

import torch

from dse.training.energy import Meter


class Stopwatch:
    """Adds up the seconds of its ``with`` blocks, each to the end of all work queued on the device.

    Args:
        device: Where the work is done.
        seconds: What it begins with.
        clock: Tells the time.
        meter: Reads the device's energy; it is read outside of the time, just before and after.
        joules: What the energy begins with; None if it is not known.

    >>> clock = Stopwatch(torch.device("cpu"))
    >>> with clock:
    ...     pass
    >>> clock.seconds >= 0
    True
    """

    def __init__(
        self,
        device: torch.device,
        seconds: float = 0.0,
        clock: Callable[[], float] = time.perf_counter,
        meter: Meter | None = None,
        joules: float | None = None,
    ) -> None:
        self.seconds = seconds
        self.joules = joules
        self._meter = None if joules is None else meter
        self._clock = clock
        self._device = device
        self._start = 0.0
        self._joules_before: float | None = None

    def __enter__(self) -> Stopwatch:
        self._wait()
        if self._meter is not None:
            self._joules_before = self._meter()
        self._start = self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait()
        self.seconds += self._clock() - self._start
        if self._meter is not None and self.joules is not None:
            before, after = self._joules_before, self._meter()
            self.joules = None if before is None or after is None else self.joules + after - before

    def _wait(self) -> None:
        # A GPU works behind the program's back: without the wait, its time would fall to the next span.
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
