"""What every runner does alike: jobs go in, and the same events come out, whoever trains."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from dse.errors import DeviceLostError
from dse.record.run import Outcome
from dse.runners.inline import Inline
from dse.runners.patience import Patience
from dse.runners.processes import Processes
from dse.study.runner import Ended, EpochEnded, Event, Job, Lost, Runner, Started
from dse.study.trainer import Trainer
from tests.fakes import make_space
from tests.runners.trainers import DEVICE, DIES, GPU_FULL, HANGS, HOST_FULL, NOT_FINITE, RAISES, Scripted

pytestmark = pytest.mark.slow  # a process begins with its imports

SPACE = make_space()
PLAN = SPACE.plan(SPACE.baseline_recipe)
IMPATIENT = Patience(least_seconds=5, first_seconds=30, slack=5)


def on_ray(trainer: Trainer) -> Runner:
    from dse.runners.cluster import Needs
    from dse.runners.ray import OnRay

    return OnRay(trainer, Needs(), 2, IMPATIENT)


RUNNERS: dict[str, Callable[[Trainer], Runner]] = {
    "inline": Inline,
    "processes": lambda trainer: Processes([trainer, trainer], IMPATIENT),
    "ray": on_ray,
}
OTHERS = [name for name in RUNNERS if name != "inline"]


@contextmanager
def running(kind: str, trainer: Trainer | None = None) -> Iterator[Runner]:
    if kind == "ray" and trainer is None:
        yield kept_on_ray()
        return
    runner = RUNNERS[kind](Scripted() if trainer is None else trainer)
    try:
        yield runner
    finally:
        runner.close()


@cache
def kept_on_ray() -> Runner:
    """Actors take seconds to begin, so that most tests have the same two, or what is left of them."""
    return on_ray(Scripted())


@pytest.fixture(scope="module", autouse=True)
def given_up() -> Iterator[None]:
    """Leave the cores to other tests."""
    yield
    if kept_on_ray.cache_info().currsize:
        kept_on_ray().close()


def jobs(*seeds: int) -> list[Job]:
    return [Job(number, PLAN, seed) for number, seed in enumerate(seeds)]


def events_of(runner: Runner, *seeds: int) -> dict[int, list[Event]]:
    for job in jobs(*seeds):
        runner.submit(job)
    events: dict[int, list[Event]] = {number: [] for number in range(len(seeds))}
    for event in runner.events():
        events[event.number].append(event)
    return events


@pytest.mark.parametrize("kind", RUNNERS)
def test_a_job_is_started_trained_epoch_by_epoch_and_ended(kind: str) -> None:
    with running(kind) as runner:
        events = events_of(runner, 0, 1, 2, 3, 4)
    for number, mine in events.items():
        assert [type(event) for event in mine] == [Started, *[EpochEnded] * 4, Ended]
        curve = tuple(event.row for event in mine if isinstance(event, EpochEnded))
        assert isinstance(mine[-1], Ended)
        assert mine[-1].run.curve == curve
        assert curve == events[number][-1].run.curve  # type: ignore[union-attr]
    with running("inline") as twin:
        inline = events_of(twin, 0, 1, 2, 3, 4)
    assert [mine[1:] for mine in events.values()] == [mine[1:] for mine in inline.values()]


@pytest.mark.parametrize("kind", RUNNERS)
def test_a_job_that_is_cancelled_ends_after_the_epoch_last_reported(kind: str) -> None:
    with running(kind) as runner:
        for job in jobs(0, 1):
            runner.submit(job)
        seen: list[Event] = []
        for event in runner.events():
            if isinstance(event, EpochEnded) and (event.number, event.row.epoch) == (0, 2):
                runner.cancel(0, "enough")
            if isinstance(event, Started) and event.number == 1:
                runner.cancel(1, "not at all")
            seen.append(event)
    ended = {event.number: event.run for event in seen if isinstance(event, Ended)}
    assert [(run.outcome, run.reason, len(run.curve)) for _, run in sorted(ended.items())] == [
        (Outcome.STOPPED, "enough", 2),
        (Outcome.STOPPED, "not at all", 0),
    ]


@pytest.mark.parametrize("kind", RUNNERS)
def test_what_a_training_raises_is_its_outcome_and_others_go_on(kind: str) -> None:
    with running(kind) as runner:
        events = events_of(runner, RAISES, NOT_FINITE, DEVICE, 0)
    ends = [mine[-1] for mine in events.values()]
    assert all(isinstance(end, Ended) for end in ends)
    assert [(end.run.outcome, end.run.reason, type(end.fault)) for end in ends if isinstance(end, Ended)] == [
        (Outcome.FAILED, "RuntimeError: a fault of its own", type(None)),
        (Outcome.DIVERGED, "epoch 2: loss=nan", type(None)),
        (Outcome.FAILED, "cuda:0 is gone", DeviceLostError),
        (Outcome.COMPLETE, "", type(None)),
    ]


@pytest.mark.parametrize("kind", RUNNERS)
def test_memory_that_runs_out_fails_the_trial_alone(kind: str) -> None:
    with running(kind) as runner:
        events = events_of(runner, GPU_FULL, HOST_FULL, 0)
    ends = [mine[-1].run for mine in events.values() if isinstance(mine[-1], Ended)]
    message = (
        "RecipeError: batch_size: training with batches of 128 does not fit in the memory of device 'cpu': "
    )
    assert all(run.reason.startswith(message) for run in ends[:2])
    assert [run.outcome for run in ends] == [Outcome.FAILED, Outcome.FAILED, Outcome.COMPLETE]


@pytest.mark.parametrize("kind", OTHERS)
def test_a_worker_that_dies_costs_the_epoch_under_way_alone(kind: str) -> None:
    with running(kind) as runner:
        events = events_of(runner, DIES, 0, DIES, 1)
    for number in (0, 2):
        assert [type(event) for event in events[number]] == [Started, EpochEnded, Lost]
        assert re.search("SIGKILL|memory", events[number][-1].reason)  # type: ignore[union-attr]
    for number in (1, 3):
        assert isinstance(events[number][-1], Ended)


@pytest.mark.parametrize("kind", OTHERS)
def test_a_worker_that_hangs_is_ended(kind: str) -> None:
    with running(kind) as runner:
        events = events_of(runner, HANGS, 0)
    assert [type(event) for event in events[0]] == [Started, EpochEnded, Lost]
    assert "gave no sign for" in events[0][-1].reason  # type: ignore[union-attr]
    assert isinstance(events[1][-1], Ended)


@pytest.mark.parametrize("kind", RUNNERS)
def test_jobs_may_be_submitted_while_events_are_read(kind: str, tmp_path: Path) -> None:
    with running(kind, Scripted(tmp_path)) as runner:
        left = jobs(*range(6))
        runner.submit(left.pop(0))
        ended = 0
        for event in runner.events():
            if isinstance(event, Ended):
                ended += 1
                if left:
                    runner.submit(left.pop(0))
    assert ended == len(list(tmp_path.iterdir())) == 6


def test_a_limit_of_silence_is_learnt() -> None:
    patience, (job,) = Patience(least_seconds=10, first_seconds=99, slack=2), jobs(0)
    assert patience.limit(job, 0) == 99
    patience.learn(job, 1, 3.0)
    twice = dataclasses.replace(job)
    assert patience.limit(twice, 1) == pytest.approx(10 + 2 * (3 + 3)), "for steps and for operations"
