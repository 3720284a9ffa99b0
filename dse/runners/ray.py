"""Workers that are actors of a Ray cluster, on whatever machines it has."""

from __future__ import annotations

import tempfile
import uuid
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    ObjectReconstructionFailedError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
)
from typing_extensions import override

from dse.errors import CheckpointError
from dse.runners.cluster import Needs, last_line
from dse.runners.patience import Patience
from dse.runners.pool import Crew, Pool, Worker, WorkerLostError
from dse.runners.work import Work, faulty, work
from dse.study.runner import Calibrated, EpochEnded, Event, Job, Started
from dse.study.trainer import Trainer
from dse.units import clipped

_LONGEST_REASON = 300
_LOST_WITH_NODE = (NodeDiedError, ObjectLostError, ObjectReconstructionFailedError)


class OnRay(Pool):
    """Trains each job in an actor of the Ray cluster that this process has joined.

    The checkpoint of each epoch comes here before its row does, so that whatever becomes of a node, its trials can be
    resumed on another one. An actor that finds no room waits for it, and the others go on.

    Args:
        trainer: What a worker is a copy of, with the data; it keeps their checkpoints.
        needs: What of a node a worker needs.
        workers: How many there are to be.
        patience: How long one may be silent.
    """

    def __init__(
        self, trainer: Trainer, needs: Needs, workers: int, patience: Patience | None = None
    ) -> None:
        super().__init__(trainer, _Actors(trainer, needs), workers, patience)


@dataclass(frozen=True, slots=True)
class _Reply:
    """What an actor replies to a word.

    Attributes:
        event: What happened.
        checkpoint: Content of the run's checkpoint, if it has a new one.
        warned: What the actor was warned of.
    """

    event: Event
    checkpoint: bytes | None = None
    warned: tuple[str, ...] = ()


class _Actor:
    """Trains one job at a time, wherever it is."""

    def __init__(self, trainer: Trainer) -> None:
        # The folder is there as long as a checkpoint is: a worker that is killed leaves nothing.
        self._trainer = trainer.keeping_in(Path(tempfile.gettempdir(), f"dse-{uuid.uuid4().hex}"))
        self._at_work: Work | None = None
        self._job: Job | None = None

    def node(self) -> str:
        """Give the address of the node that it has come to."""
        address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        return address

    def advance(self, word: Job | str | None, kept: bytes | None) -> _Reply:
        """Begin a job, or train it an epoch more.

        Args:
            word: See ``dse.runners.pool.Worker``.
            kept: Checkpoint of the job's run, if it has one.
        """
        if isinstance(word, Job):
            return self._begin(word, kept)
        assert self._at_work is not None
        assert self._job is not None
        event = self._at_work.send(word)
        if isinstance(event, Started | Calibrated):
            return _Reply(event)
        plan, seed = self._job.plan, self._job.seed
        content = self._trainer.checkpoint(plan, seed) if isinstance(event, EpochEnded) else None
        self._trainer.forget(plan, seed)  # the driver has it, and nobody tidies up here
        return _Reply(event, content)

    def _begin(self, job: Job, kept: bytes | None) -> _Reply:
        self._job, self._at_work = job, work(self._trainer, job)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", UserWarning)
            try:
                if kept is not None:
                    self._trainer.take_checkpoint(job.plan, job.seed, kept)
                event = next(self._at_work)
            except CheckpointError as fault:
                event = faulty(job.number, fault)
        return _Reply(event, warned=tuple(str(each.message) for each in warned))


class _Actors(Crew):
    def __init__(self, trainer: Trainer, needs: Needs) -> None:
        self._trainer = trainer
        self._begin = ray.remote(_Actor).options(max_restarts=0, max_task_retries=0, **needs.options())
        self._sent = ray.put(trainer.portable())
        self._coming: dict[int, _Remote] = {}

    @override
    def hire(self, place: int) -> Worker | None:
        if place not in self._coming:
            self._coming[place] = _Remote(self._begin.remote(self._sent), self._trainer)
        return self._coming.pop(place) if self._coming[place].has_come() else None

    @override
    def replied(self, workers: Sequence[Worker], seconds: float) -> Sequence[Worker]:
        remote = {worker.answer: worker for worker in workers if isinstance(worker, _Remote)}
        coming = [worker.answer for worker in self._coming.values() if not worker.has_come()]
        awaited = [*remote, *coming]
        if not ray.wait(awaited, timeout=seconds)[0]:
            return []
        ready, _ = ray.wait(awaited, num_returns=len(awaited), timeout=0)
        return [remote[answer] for answer in ready if answer in remote]

    @override
    def close(self) -> None:
        for worker in self._coming.values():
            worker.end()
        self._coming.clear()


class _Remote(Worker):
    """The driver's side of an actor.

    Attributes:
        answer: Ray's promise of its reply; of the address of its node first.
    """

    def __init__(self, actor: Any, trainer: Trainer) -> None:
        self._actor = actor
        self._trainer = trainer
        self._job: Job | None = None
        self._node: str | None = None
        self._come = False
        self.answer: ray.ObjectRef[Any] = actor.node.remote()

    def has_come(self) -> bool:
        """Whether it has found its place; or has come to nothing, which its first reply says."""
        if not self._come and ray.wait([self.answer], timeout=0)[0]:
            self._come = True
            with suppress(RayError):
                self._node = ray.get(self.answer)
        return self._come

    @override
    def send(self, word: Job | str | None) -> None:
        kept = None
        if isinstance(word, Job):
            self._job = word
            kept = self._trainer.checkpoint(word.plan, word.seed)
        self.answer = self._actor.advance.remote(word, kept)

    @override
    def reply(self) -> Event:
        try:
            reply: _Reply = ray.get(self.answer)
        except RayError as error:
            raise WorkerLostError(self._fate(error)) from None
        for text in reply.warned:
            warnings.warn(f"on {self._node}: {text}", stacklevel=2)
        if reply.checkpoint is not None and self._job is not None:
            try:
                self._trainer.take_checkpoint(self._job.plan, self._job.seed, reply.checkpoint)
            except CheckpointError as fault:
                return faulty(self._job.number, fault)
        return reply.event

    @override
    def end(self) -> None:
        with suppress(RayError, ValueError):
            ray.kill(self._actor, no_restart=True)

    def _fate(self, error: RayError) -> str:
        worker = "its worker" if self._node is None else f"its worker on node {self._node}"
        if isinstance(error, RayTaskError):
            return clipped(f"{worker} raised {type(error.cause).__name__}: {error.cause}", _LONGEST_REASON)
        if self._node is None:
            return clipped(f"its worker could not begin: {last_line(error)}", _LONGEST_REASON)
        text = str(error)
        if isinstance(error, OutOfMemoryError) or "low on memory" in text:
            return f"{worker} was ended by Ray, since the node's memory ran out"
        if isinstance(error, _LOST_WITH_NODE) or "node has died" in text:
            return f"node {self._node}, where it was trained, is gone"
        # Ray may know of the worker's end before it knows of its node's.
        return f"{worker} is gone: ended by the system, as it does when memory runs out, or with its node"
