"""The runner of one worker, this process itself: the twin of all others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from typing_extensions import override

from dse.runners.work import work
from dse.study.runner import Event, Job, Runner
from dse.study.trainer import Trainer


class Inline(Runner):
    """Trains the jobs here, one after the other, each while its events are asked for.

    Args:
        trainer: Trains them.
    """

    workers = 1
    ahead = 0

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self._jobs: deque[Job] = deque()
        self._cancelled: dict[int, str] = {}

    @override
    def submit(self, job: Job) -> None:
        self._jobs.append(job)

    @override
    def events(self) -> Iterator[Event]:
        while self._jobs:
            job = self._jobs.popleft()
            at_work, enough = work(self.trainer, job), None
            try:
                while True:
                    yield at_work.send(enough)
                    enough = self._cancelled.pop(job.number, None)
            except StopIteration:
                pass

    @override
    def cancel(self, number: int, reason: str) -> None:
        self._cancelled[number] = reason

    @override
    def close(self) -> None:
        self._jobs.clear()
