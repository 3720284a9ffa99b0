"""The process that measures, seen from the program that records and knows no torch."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from gpu_plan import RESERVE_SECONDS, Measured, Settings

# A process that does not end when asked to is killed after these.
STOP_SECONDS = 3.0


class Measurer:
    """A process that measures, started when it is needed and again after it failed; a context manager.

    Args:
        settings: Of all pieces.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: Any = None
        self._connection: Any = None

    def measure(
        self, part: str, parameters: Measured, until: float, so_far: Callable[[Measured], None]
    ) -> tuple[str, Measured, str]:
        """Measure one piece; give its status, what was measured, and what went wrong.

        Args:
            part: Part of the piece.
            parameters: Its arguments.
            until: When it is stopped, by ``time.monotonic``.
            so_far: Is told what there is before the end.
        """
        if self._process is None:
            self._start()
        found: Measured = {}
        try:
            self._connection.send((part, parameters, until - time.monotonic()))
            while self._connection.poll(max(0.0, until - time.monotonic())):
                word, content = self._connection.recv()
                if word == "done":
                    return "done", content, ""
                if word == "failed":
                    self.stop()
                    return "failed", found, content
                found = content
                so_far(found)
        except (EOFError, OSError):
            self._process.join(RESERVE_SECONDS)
            code = self._process.exitcode
            self.stop()
            return "failed", found, f"the process that measured ended with code {code}"
        self.stop()
        return "partial", found, "stopped at the end of the minutes"

    def stop(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._connection.close()
        self._process.terminate()
        self._process.join(STOP_SECONDS)
        self._process.kill()  # one that waits for the device may ignore the first signal
        self._process.join()
        self._process = None

    def _start(self) -> None:
        # A fork would take along this program's threads, and with them their locks.
        context = multiprocessing.get_context("spawn")
        self._connection, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, self._settings))
        self._process.start()
        there.close()

    def __enter__(self) -> Measurer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _serve(connection: Connection, settings: Settings) -> None:
    """Measure in a process of its own, the only one that knows torch."""
    from gpu_measures import serve

    serve(connection, settings)
