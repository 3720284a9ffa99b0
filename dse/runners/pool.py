"""A runner of several workers, wherever they are: each trains one job at a time, an epoch for each word it is sent."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Protocol

from typing_extensions import override

from dse.runners.patience import Patience
from dse.study.runner import Ended, EpochEnded, Event, Job, Lost, Runner, Started
from dse.study.trainer import Trainer

# How long to wait for a reply before looking for workers that are silent for too long.
WATCH_SECONDS = 1.0


class WorkerLostError(Exception):
    """A worker is gone; says what is known of it."""


class Worker(Protocol):
    """Trains one job at a time: it is sent a job, or why it ends after the epoch it reported (None: it goes on).

    To each of these it replies with one event.
    """

    def send(self, word: Job | str | None) -> None:
        """Have the worker train an epoch more.

        Raises:
            WorkerLostError: It is gone.
        """

    def reply(self) -> Event:
        """Give its reply, which has arrived.

        Raises:
            WorkerLostError: It is gone.
        """

    def end(self) -> None:
        """End the worker at once, and everything that it began."""


class Crew(Protocol):
    """Has places for workers, and knows which of them have replied."""

    def hire(self, place: int) -> Worker | None:
        """Begin a worker; None if it has not come yet, and is to be asked for again.

        Args:
            place: Which of the runner's places it takes, from 0.
        """

    def replied(self, workers: Sequence[Worker], seconds: float) -> Sequence[Worker]:
        """Wait until some of these workers have replied or are gone, or one has come, at most so long.

        Returns:
            Those that have replied or are gone.
        """

    def close(self) -> None:
        """Free what the workers shared; they have ended."""


class _Desk:
    """A worker with its job."""

    def __init__(self, worker: Worker, job: Job) -> None:
        self.worker = worker
        self.job = job
        self.begun = False
        self.epoch = 0
        self.since = time.monotonic()


class Pool(Runner):
    """Trains as many jobs at once as there are workers; they are begun when they are first needed, and kept.

    Args:
        trainer: Whose plans the jobs are.
        crew: Where the workers are.
        workers: How many.
        patience: How long one may be silent.
    """

    ahead = 1

    def __init__(self, trainer: Trainer, crew: Crew, workers: int, patience: Patience | None = None) -> None:
        self.trainer = trainer
        self.workers = workers
        self._crew = crew
        self._patience = Patience() if patience is None else patience
        self._jobs: deque[Job] = deque()
        self._cancelled: dict[int, str] = {}
        self._idle: dict[int, Worker] = {}
        self._busy: dict[int, _Desk] = {}

    @override
    def submit(self, job: Job) -> None:
        self._jobs.append(job)
        self._begin()

    @override
    def cancel(self, number: int, reason: str) -> None:
        self._cancelled[number] = reason

    @override
    def events(self) -> Iterator[Event]:
        while self._busy or self._jobs:
            at_work = [desk.worker for desk in self._busy.values()]
            replied = self._crew.replied(at_work, WATCH_SECONDS)
            for place, desk in list(self._busy.items()):
                if desk.worker in replied:
                    yield self._event(place, desk)
                    self._go_on(place, desk)
                elif self._is_silent(desk):
                    limit = self._limit(desk)
                    yield self._lost(place, f"its worker gave no sign for {limit:,.0f} s, and was ended")
            self._begin()

    @override
    def close(self) -> None:
        for worker in [*self._idle.values(), *(desk.worker for desk in self._busy.values())]:
            worker.end()
        self._jobs.clear()
        self._idle.clear()
        self._busy.clear()
        self._crew.close()

    def _begin(self) -> None:
        for place in range(self.workers):
            if place in self._busy or not self._jobs:
                continue
            worker = self._idle.pop(place, None) or self._crew.hire(place)
            if worker is not None:
                self._busy[place] = _Desk(worker, self._jobs.popleft())
                self._send(self._busy[place], self._busy[place].job)

    def _is_silent(self, desk: _Desk) -> bool:
        # Asked again: it may have replied while the driver waited for its storage, which takes minutes at worst.
        late = time.monotonic() - desk.since > self._limit(desk)
        return late and not self._crew.replied([desk.worker], 0)

    def _limit(self, desk: _Desk) -> float:
        # A worker that has not begun may be looking for its place, or reading its data.
        return self._patience.limit(desk.job, desk.epoch) if desk.begun else self._patience.first_seconds

    def _event(self, place: int, desk: _Desk) -> Event:
        try:
            event = desk.worker.reply()
        except WorkerLostError as error:
            return self._lost(place, str(error))
        now = time.monotonic()
        if isinstance(event, EpochEnded):
            desk.epoch = event.row.epoch
            self._patience.learn(desk.job, desk.epoch, now - desk.since)
        if isinstance(event, Started):
            desk.begun = True
            beside = f", {self.workers} runs at once" if self.workers > 1 else ""
            event = dataclasses.replace(event, device=event.device + beside, shielded=True)
        if isinstance(event, Ended):
            del self._busy[place]
            self._cancelled.pop(desk.job.number, None)
            self._idle[place] = desk.worker
        return event

    def _go_on(self, place: int, desk: _Desk) -> None:
        """Send a worker on whose event the driver has seen, unless that was its last one."""
        if self._busy.get(place) is desk:
            desk.since = time.monotonic()
            self._send(desk, self._cancelled.pop(desk.job.number, None))

    def _send(self, desk: _Desk, word: Job | str | None) -> None:
        with suppress(WorkerLostError):  # its reply says so
            desk.worker.send(word)

    def _lost(self, place: int, reason: str) -> Lost:
        desk = self._busy.pop(place)
        desk.worker.end()
        self._cancelled.pop(desk.job.number, None)
        return Lost(desk.job.number, reason)
