"""What is timed: spans on a device, added up."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

import torch


class Stopwatch:
    """Adds up the seconds of its ``with`` blocks, each to the end of all work queued on the device.

    Args:
        device: Where the work is done.
        seconds: What it begins with.
        clock: Tells the time.

    >>> clock = Stopwatch(torch.device("cpu"))
    >>> with clock:
    ...     pass
    >>> clock.seconds >= 0
    True
    """

    def __init__(
        self, device: torch.device, seconds: float = 0.0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._device = device
        self._start = 0.0

    def __enter__(self) -> Stopwatch:
        self._start = self._now()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds += self._now() - self._start

    def _now(self) -> float:
        # A GPU works behind the program's back: without the wait, its time would fall to the next span.
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return self._clock()
