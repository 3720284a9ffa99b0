"""Signals that end a command: SIGTERM of a scheduler and SIGHUP of a lost terminal do what Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from typing_extensions import override


class Ended(KeyboardInterrupt):
    """A signal asked the command to end.

    Attributes:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @override
    def __str__(self) -> str:
        return signal.Signals(self.number).name


def exit_status(interrupt: KeyboardInterrupt) -> int:
    """Give the exit status of an interrupted command, as a shell has it: 128 and the signal's number."""
    return 128 + (interrupt.number if isinstance(interrupt, Ended) else signal.SIGINT)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise ``Ended`` at the first SIGTERM or SIGHUP; further ones are ignored, so that what it began is finished."""
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers are the main thread's
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    # Under nohup SIGHUP is ignored already, and stays so.
    handled = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def end(number: int, frame: FrameType | None) -> None:
        for each in handled:
            signal.signal(each, signal.SIG_IGN)
        raise Ended(number)

    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])
