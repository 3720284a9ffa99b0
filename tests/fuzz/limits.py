"""What every reader is held to, whatever the file: success or a clean error, within bounds of memory and time."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, Phase, event, settings

from dse.errors import DseError, InputError

# `make fuzz` asks for this profile.
settings.register_profile("fuzz", max_examples=2_000)

Test = TypeVar("Test", bound=Callable[..., None])


def fuzzed(*, one_in: int = 1) -> Callable[[Test], Test]:
    """Give a test as many examples as the profile says: 100, the same each time, or those of ``make fuzz``.

    Args:
        one_in: What is slow has a part of them.
    """
    # Made when a test is, since the profile is chosen after this module is imported.
    return settings(
        max_examples=settings.default.max_examples // one_in,
        deadline=None,  # an alarm of our own also ends what would never end
        derandomize=settings.default.max_examples <= 100,
        phases=set(Phase) - {Phase.explain},  # it takes minutes
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.function_scoped_fixture,
        ],
    )


MOST_BYTES = 1_000_000_000
MOST_SECONDS = 20
LONGEST_MESSAGE = 4_000


class TooLongError(BaseException):
    """What no reader takes for an error of its own."""


@contextmanager
def bounded_memory(more: int = MOST_BYTES) -> Iterator[None]:
    """Let this process have so much more address space than it has now; what asks for more gets a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def bounded_time(seconds: int = MOST_SECONDS) -> Iterator[None]:
    def too_long(*_: object) -> None:
        raise TooLongError(f"it takes more than {seconds} s of the processor")

    # Of this process alone: beside other programs a sound reader may take ten times as long.
    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def check_door(
    read: Callable[[], object], named: object, errors: tuple[type[DseError], ...] = (InputError,)
) -> bool:
    """Read a file that may be anything; True if it could be read.

    Args:
        read: Reads it.
        named: What an error must name: the file, or its folder.
        errors: What is a clean error.

    Raises:
        BaseException: What is no clean error, as it came.
    """
    with bounded_memory(), bounded_time():
        try:
            read()
        except errors as refused:
            text = str(refused)
            assert str(named) in text, f"{text!r} does not name the file"
            assert len(text) <= LONGEST_MESSAGE, f"a message of {len(text)} characters"
            text.encode()
            event(type(refused).__name__)
            return False
    event("read")
    return True
