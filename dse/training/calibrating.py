"""Measuring how long kinds of steps take: in duets with the baseline's, on steps as the training loop runs them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from dse.recipe.kinds import StepKind
from dse.recipe.plan import Plan
from dse.record.calibration import Measured, Ratio, Reference, Wanted
from dse.training.faults import explained_faults
from dse.training.randomness import seeded
from dse.training.step_engine import Engine
from dse.training.stopwatch import Stopwatch
from dse.training.turns import EFFORT, Effort, Timed, alone, duet

_SEED = 0
# Clocks tick: a share of nothing would be no number above 0.
LEAST_SHARE = 0.001


def calibrate(
    wanted: Wanted,
    build: Callable[[Plan], Engine],
    images: int,
    device: torch.device,
    effort: Effort = EFFORT,
) -> Measured:
    """Measure kinds of steps. Nothing of it is left in the sources of randomness.

    Args:
        wanted: Which kinds.
        build: Builds what runs the steps of a plan, on a network of its own.
        images: How many the engines hold.
        device: What computes.
        effort: How long to measure.

    Returns:
        The ratios; and the seconds of the reference's steps if it is among the kinds.

    Raises:
        RecipeError, DeviceError: As for training.
    """
    reference = wanted.reference
    with seeded(_SEED, device):
        beside = _timed(reference, build, images, device)
        seconds, ratios = None, {}
        for kind in wanted.kinds:
            if kind.id == reference.id:
                with _share(device) as share:
                    blocks = alone(beside, effort)
                seconds = Reference.of(reference, blocks, share())
            else:
                one = _timed(kind, build, images, device)
                with explained_faults(device, kind.batch_size), _share(device) as share:
                    pairs = duet(one, beside, effort)
                ratios[kind.id] = Ratio.of(kind, pairs, share())
                del one  # its memory, before the next one's is taken
    return Measured(seconds, ratios)


def _timed(kind: StepKind, build: Callable[[Plan], Engine], images: int, device: torch.device) -> Timed:
    """Give what takes steps of a kind and times them: images in random order, as an epoch has them."""
    plan, size = kind.plan(), kind.batch_size
    with explained_faults(device, size):
        engine = build(plan)
        engine.prepare([size])
    at_once = engine.steps_at_once(size)
    rate = torch.from_numpy(plan.rates.copy()).to(device)
    share = None if plan.average_shares is None else torch.from_numpy(plan.average_shares.copy()).to(device)

    def timed(steps: int) -> float:
        # In an epoch hardly any of the steps that are launched together run alone.
        taken = at_once * -(-steps // at_once)
        with _clock(device) as clock:
            # As many random numbers as an epoch draws for these images to shuffle them.
            chosen = torch.randint(images, (taken * size,), generator=engine.generator, device=device)
            shares = None if share is None else share.expand(taken)
            losses = engine.train(chosen, size, rate.expand(taken), shares)
            losses.isfinite().all().item()  # the loop looks at them too
        return clock.seconds * steps / taken

    return timed


@contextmanager
def _share(device: torch.device) -> Iterator[Callable[[], float]]:
    """Find out which share of the processor's threads this process had in the context; 1 where a GPU computes."""
    wall, own = time.perf_counter(), time.process_time()
    share = 1.0
    yield lambda: share
    if device.type == "cpu":
        had = (time.process_time() - own) / (time.perf_counter() - wall) / torch.get_num_threads()
        share = min(1.0, max(had, LEAST_SHARE))


def _clock(device: torch.device) -> Stopwatch:
    """Choose the clock: where one thread of the processor computes, its own seconds, which no other program's take."""
    if device.type == "cpu" and torch.get_num_threads() == 1:
        return Stopwatch(device, clock=time.thread_time)
    return Stopwatch(device)
