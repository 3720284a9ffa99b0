"""The runner that a study was asked to have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from dse.errors import DeviceError
from dse.networks.imported import own_modules
from dse.runners.inline import Inline
from dse.runners.processes import Processes
from dse.runners.settled import Common, Settled, settle
from dse.runners.shares import shares
from dse.space.search_space import SearchSpace
from dse.space.sound import own_networks
from dse.study.runner import Runner
from dse.training.trainer import Trainer


@dataclass(frozen=True, slots=True)
class Workers:
    """Who trains.

    Attributes:
        count: How many at once; None: one, or on a cluster as many as it has room for.
        ray: The cluster on which they are: ``local``, ``auto`` or its address; None: this machine without Ray.
    """

    count: int | None = None
    ray: str | None = None


@contextmanager
def chosen_runner(
    space: SearchSpace, trainer: Trainer, workers: Workers, noted: Callable[[str], None]
) -> Iterator[tuple[Runner, Settled]]:
    """Give the runner of a study, and what was settled for all its runs.

    Args:
        space: What is explored.
        trainer: The machine that was asked for, with the data.
        workers: Who trains.
        noted: Called if the cluster has no room yet.

    Raises:
        DeviceError: Device, cores, GPUs, Ray or the cluster are not there.
        DataError: The images cannot be read.
        RecipeError: A network of the user's own cannot be imported or built.
    """
    own = list(own_networks(space))
    for recipe in own:
        trainer.plan(recipe)
    energy = "energy_joules" in space.objectives
    common = Common(space.plan(space.baseline_recipe), tuple(space.precisions), energy)
    if workers.ray is None:
        machines = shares(trainer.machine, workers.count or 1)
        trainer, settled = settle(trainer.on(machines[0]), common)
        each = [trainer.on(machine) for machine in machines]
        yield Inline(trainer) if len(each) == 1 else Processes(each), settled
        return
    if find_spec("ray") is None:
        raise DeviceError(
            "ray: Ray is not installed. Install it with `pip install 'capsnet-dse[ray]'`, or use --workers on this "
            "machine."
        )
    from dse.runners.cluster import LOCAL, joined, machine_on, settle_there  # here alone: Ray is an extra
    from dse.runners.ray import OnRay

    if workers.ray == LOCAL and workers.count is not None:
        shares(trainer.machine, workers.count)  # too many would wait without end
    with joined(workers.ray, own_modules(own)):
        machine, needs = machine_on(trainer.machine)
        settled = settle_there(trainer.on(machine), needs, common, noted)
        trainer = trainer.on(machine, settled.engine)
        yield OnRay(trainer, needs, needs.room() if workers.count is None else workers.count), settled
