"""Workers that are processes of this machine, begun once and kept."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

from typing_extensions import override

from dse.runners.patience import Patience
from dse.runners.pool import Crew, Pool, Worker, WorkerLostError
from dse.runners.work import work
from dse.study.runner import Ended, Event, Job
from dse.study.trainer import Trainer

# A fork would copy threads in mid-work, and a CUDA context that no child can use.
_SPAWN = multiprocessing.get_context("spawn")


class Processes(Pool):
    """Trains each job in a process.

    A process ends with this one, however that ends, and takes along what it began itself. The system takes the memory
    of workers first if there is none left.

    Args:
        trainers: One for each worker: what it trains on is its own. They are pickled.
        patience: How long one may be silent.
    """

    def __init__(self, trainers: Sequence[Trainer], patience: Patience | None = None) -> None:
        super().__init__(trainers[0], _Processes(trainers), len(trainers), patience)


class _Processes(Crew):
    def __init__(self, trainers: Sequence[Trainer]) -> None:
        self._trainers = trainers

    @override
    def hire(self, place: int) -> Worker:
        return _Process(self._trainers[place])

    @override
    def replied(self, workers: Sequence[Worker], seconds: float) -> Sequence[Worker]:
        processes = [worker for worker in workers if isinstance(worker, _Process)]
        watched = [each for process in processes for each in (process.pipe, process.process.sentinel)]
        ready = wait(watched, seconds)
        return [each for each in processes if each.pipe in ready or each.process.sentinel in ready]

    @override
    def close(self) -> None:
        """Nothing is shared."""


class _Process(Worker):
    def __init__(self, trainer: Trainer) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=serve, args=(trainer, theirs), name="dse worker")
        self.process.start()
        theirs.close()

    @override
    def send(self, word: Job | str | None) -> None:
        try:
            self.pipe.send(word)
        except OSError:
            raise WorkerLostError(self._fate()) from None

    @override
    def reply(self) -> Event:
        try:
            if self.pipe.poll():
                event: Event = self.pipe.recv()
                return event
        except (EOFError, OSError):
            pass
        raise WorkerLostError(self._fate())

    @override
    def end(self) -> None:
        if self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def _fate(self) -> str:
        self.process.join(1)
        code = self.process.exitcode
        if code is not None and code < 0:
            memory = "; the system does that when memory runs out" if code == -signal.SIGKILL else ""
            return f"its worker was ended by {signal.Signals(-code).name}{memory}"
        return "its worker closed its pipe" if code is None else f"its worker ended with status {code}"


def serve(trainer: Trainer, pipe: Connection) -> None:
    """Train the jobs that come, an epoch for each word, until nobody sends any more: what a worker does."""
    # Signals from the keyboard are the driver's, which ends the workers itself.
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with suppress(EOFError):
        while True:
            at_work, word = work(trainer, pipe.recv()), None
            while not isinstance(event := at_work.send(word), Ended):
                pipe.send(event)
                word = pipe.recv()
            pipe.send(event)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.killpg(0, signal.SIGKILL)
