"""A pool tells a worker that is silent from one that it has not listened to itself."""

from __future__ import annotations

import time
from collections.abc import Sequence

from dse.runners.patience import Patience
from dse.runners.pool import Crew, Pool, Worker
from dse.runners.work import Work, work
from dse.study.runner import Ended, Event, Job, Lost
from tests.fakes import make_space
from tests.runners.trainers import Scripted

SPACE = make_space()
PLAN = SPACE.plan(SPACE.baseline_recipe)


class Here(Worker):
    """Trains in this process, as soon as it is sent a word."""

    def __init__(self) -> None:
        self._work: Work | None = None
        self._event: Event | None = None

    def send(self, word: Job | str | None) -> None:
        if isinstance(word, Job):
            self._work, word = work(Scripted(), word), None
        assert self._work is not None
        self._event = self._work.send(word)

    def reply(self) -> Event:
        assert self._event is not None
        return self._event

    def end(self) -> None:
        self._event = None


class Tardy(Crew):
    """Of several workers only the first has replied whenever they are waited for."""

    def hire(self, place: int) -> Worker:
        return Here()

    def replied(self, workers: Sequence[Worker], seconds: float) -> Sequence[Worker]:
        return workers[:1]

    def close(self) -> None:
        pass


def test_a_worker_that_replied_while_the_driver_waited_is_not_silent() -> None:
    runner = Pool(Scripted(), Tardy(), 2, Patience(least_seconds=0.01, first_seconds=0.01, slack=0))
    runner.submit(Job(0, PLAN, 0))
    runner.submit(Job(1, PLAN, 1))
    events = []
    for event in runner.events():
        time.sleep(0.02)  # as for a storage that is locked
        events.append(event)
    assert not any(isinstance(event, Lost) for event in events)
    assert [event.number for event in events if isinstance(event, Ended)] == [0, 1]


def test_a_worker_that_is_silent_is_ended() -> None:
    class Silent(Tardy):
        def replied(self, workers: Sequence[Worker], seconds: float) -> Sequence[Worker]:
            return []

    runner = Pool(Scripted(), Silent(), 1, Patience(least_seconds=0.01, first_seconds=0.01, slack=0))
    runner.submit(Job(0, PLAN, 0))
    (event,) = runner.events()
    assert event == Lost(0, "its worker gave no sign for 0 s, and was ended")
