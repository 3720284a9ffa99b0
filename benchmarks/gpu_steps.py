"""What single steps of a GPU tell: whether they run, what they spend their time on, and which way is the fastest."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch.autograd.profiler_util import FunctionEventAvg

from dse.bench.contest import ratio, summarise, take_turns
from dse.bench.entries import RATE, SEED, Job, engine_entry, random_images
from dse.bench.worker import Worker, contestants_of, peak_memory
from dse.data.datasets import MNIST_SHAPE
from dse.errors import DseError
from dse.networks.build import build_network
from dse.training.candidates import Corner, build_candidate, candidates_in
from dse.training.engines import build_engine
from dse.training.graph_engine import IMAGES_A_GRAPH
from dse.training.step_engine import Engine, Setup
from dse.training.stopwatch import Stopwatch

Measured = dict[str, Any]
Tell = Callable[[Measured], None]

# Steps of Adam magnify what rounding and the order of sums differ by. Guesses, until a GPU has run them.
TOLERANCES = {"float32": 5e-3, "tf32": 2e-2, "bfloat16": 5e-2}
# So many images or steps a stretch, and so many stretches: graphs of many steps and of one, and more than one replay.
SMOKE_IMAGES, SMOKE_STRETCHES = 3 * IMAGES_A_GRAPH, 2
# What a step may be captured with beside its switches.
CAPTURED = ("fast", "fused", "fused_dots")
PROFILED_SECONDS = 0.2
MOST_PROFILED_STEPS = 200


def smoke(job: Job, tell: Tell) -> Measured:
    """Train a few steps with the reference and with every engine of graphs, and compare what they lost.

    Raises:
        RuntimeError: An engine lost otherwise. What the engines before lost, and it, has been told.
    """
    batch_size = job.batch_size
    # One image more than whole batches: the rest of an epoch is a smaller step.
    count = max(SMOKE_IMAGES, 2 * batch_size) + (1 if batch_size > 1 else 0)
    expected, _ = _lost(build_engine("reference", _setup(job, count)), count, batch_size)
    tolerance = TOLERANCES[job.precision]
    engines: dict[str, Measured] = {}
    measured = {"engines": engines, "tolerance": tolerance, "losses": expected.tolist()}
    for name in [name for name in candidates_in(_corner(job)) if name in CAPTURED]:
        lost, seconds = _lost(build_candidate(name, _setup(job, count)), count, batch_size)
        difference = ((lost - expected).abs() / expected.abs().clamp(min=1e-6)).max().item()
        engines[name] = {"setup_seconds": seconds, "difference": difference}
        measured |= peak_memory(job.device)
        tell(measured)  # the next one may fail
    # Not "at most": NaN is no twin of anything.
    apart = [name for name, found in engines.items() if not found["difference"] <= tolerance]
    if apart:
        raise RuntimeError(
            f"{', '.join(apart)}: the losses differ from the reference's by more than {tolerance}"
        )
    return measured


def profile(job: Job) -> Measured:
    """Give the kernels of a step of the engine that is on, with their calls and microseconds a step.

    Raises:
        RuntimeError: The profiler saw none.
    """
    count = max(SMOKE_IMAGES, 2 * job.batch_size)
    engine = build_candidate("fast", _setup(job, count))
    engine.prepare([job.batch_size])
    pilot = _stepping_seconds(engine, job, 2)
    steps = max(2, min(MOST_PROFILED_STEPS, int(PROFILED_SECONDS / pilot)))
    plain_seconds = _stepping_seconds(engine, job, steps)
    activity = torch.profiler.ProfilerActivity
    on_gpu = job.device.type == "cuda"
    kinds = [activity.CUDA if on_gpu else activity.CPU]
    # Torch 2.11 warns of events that it would drop where there are several cycles.
    with torch.profiler.profile(activities=kinds, acc_events=True) as profiler:
        _stepping_seconds(engine, job, steps)
    rows = [
        {
            "name": event.key,
            "calls": event.count / steps,
            "microseconds": _self_microseconds(event, on_gpu) / steps,
        }
        for event in profiler.key_averages()
        if _is_work(event, on_gpu) and _self_microseconds(event, on_gpu) > 0
    ]
    if not rows:
        raise RuntimeError(f"the profiler saw no kernel in {steps} steps of {1e6 * plain_seconds:.0f} us")
    rows.sort(key=lambda row: row["microseconds"], reverse=True)
    return {
        "steps": steps,
        "step_microseconds": 1e6 * plain_seconds,
        "kernels": sum(row["calls"] for row in rows),
        "busy_microseconds": sum(row["microseconds"] for row in rows),
        "rows": rows,
        **peak_memory(job.device),
    }


def alternatives(job: Job, seconds: float, repeats: int) -> Measured:
    """Let all that may win in a corner take turns, each in a process of its own.

    Args:
        job: The corner.
        seconds: Length of a turn.
        repeats: Turns of each.

    Raises:
        RuntimeError: The one that is on failed.
    """
    failures: dict[str, str] = {}

    def failed(name: str, error: DseError) -> None:
        failures[name] = str(error)

    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(
                Worker(partial(engine_entry, job, name, build_candidate), job.batch_size)
            )
            for name in candidates_in(_corner(job))
        }
        turns = take_turns(contestants_of(workers, failed), seconds, repeats, failed)
    if "fast" in failures:
        raise RuntimeError(failures["fast"])
    taken = {name: [turn[name] for turn in turns] for name in turns[0]}
    return {
        "microseconds": {name: asdict(summarise([1e6 * each for each in of])) for name, of in taken.items()},
        "speed_over_fast": {name: asdict(ratio(taken["fast"], of)) for name, of in taken.items()},
        "engines": {name: worker.details for name, worker in workers.items() if worker.details},
        "repeats": repeats,
        "failures": failures,
    }


def _corner(job: Job) -> Corner:
    return Corner(job.batch_size, job.precision, job.device.type, job.sharing == "per_type")


def _setup(job: Job, images: int) -> Setup:
    network = build_network(job.recipe, MNIST_SHAPE, SEED, job.device)
    return Setup(network, random_images(images, MNIST_SHAPE, job.device), SEED, job.precision)


def _lost(engine: Engine, images: int, batch_size: int) -> tuple[torch.Tensor, float]:
    """Give the total loss of each stretch, and the seconds of the set-up."""
    device = engine.generator.device
    clock = Stopwatch(device)
    with clock:
        engine.prepare({batch_size, images % batch_size or batch_size})
    rates = torch.full((-(-images // batch_size),), RATE, dtype=torch.float64, device=device)
    chosen = torch.arange(images, device=device)
    sums = [engine.train(chosen, batch_size, rates)[0] for _ in range(SMOKE_STRETCHES)]
    return torch.stack(sums).cpu(), clock.seconds


def _stepping_seconds(engine: Engine, job: Job, steps: int) -> float:
    """Give the seconds of one of so many steps."""
    device = job.device
    chosen = torch.arange(steps * job.batch_size, device=device) % (2 * job.batch_size)
    rates = torch.full((steps,), RATE, dtype=torch.float64, device=device)
    _wait(device)
    started = time.perf_counter()
    engine.train(chosen, job.batch_size, rates)
    _wait(device)
    return (time.perf_counter() - started) / steps


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _is_work(event: FunctionEventAvg, on_gpu: bool) -> bool:
    """Tell a device's own work from the calls that launch it and from names given to stretches of time."""
    device_type = torch.autograd.DeviceType.CUDA if on_gpu else torch.autograd.DeviceType.CPU
    return event.device_type == device_type and not event.is_user_annotation


def _self_microseconds(event: FunctionEventAvg, on_gpu: bool) -> float:
    return float(event.self_device_time_total if on_gpu else event.self_cpu_time_total)
