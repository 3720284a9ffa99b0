"""Exploring a space, and confirming what was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from typing_extensions import Unpack

from dse.recipe.recipe import Recipe
from dse.record.answer import caveats_of_clock
from dse.record.clock import CLOCK, clock_of
from dse.record.tables import StudyTables
from dse.record.timing import Timing
from dse.space.changes import changed
from dse.space.load import load_space
from dse.space.search_space import SamplerName, SearchSpace, StoppingName
from dse.study.watcher import Watcher
from dse.training.machine import Machine

if TYPE_CHECKING:
    from dse.evidence.confirm import Aim
    from dse.study.confirm import Effort

MACHINE = Machine()


@dataclass(frozen=True, slots=True)
class Start:
    """What a study starts with, beside its baseline.

    Attributes:
        widen: Whether a study of a space that this one contains is carried over into it.
        any_device: Whether a study is resumed on a device of another name than its own.
        retry_failed: Whether trials that failed are trained again.
        checkpoints: Whether each epoch leaves what its run needs to resume after it.
        warm_start: Points of the space to train next, after the baseline; those that the study has are left out.
        storage: URL of the server's storage that keeps the study; None for the one that its folder remembers, else
            for a file in the folder.

    >>> import dse
    >>> Start(warm_start=(dse.paper_recipe("paper/one_cycle"),), retry_failed=True).checkpoints
    True
    """

    widen: bool = False
    any_device: bool = False
    retry_failed: bool = False
    checkpoints: bool = True
    warm_start: tuple[Recipe, ...] = ()
    storage: str | None = field(default=None, repr=False)  # it may hold a password


class Spending(TypedDict, total=False):
    """Keys of a search space that say how much is spent, and how; as there."""

    trials: int
    sampler: SamplerName
    stopping: StoppingName
    budget: str
    until_stable: int
    seed: int
    timing: Timing


def explore(
    space: SearchSpace | str | Path,
    *,
    folder: str | Path | None = None,
    machine: Machine = MACHINE,
    watcher: Watcher | None = None,
    start: Start = Start(),
    workers: int | None = None,
    ray: str | None = None,
    **changes: Unpack[Spending],
) -> StudyTables:
    """Explore a search space, or resume its study, until its trials are done or its budget is spent.

    Ctrl-C is recorded and raised as KeyboardInterrupt; the next call resumes the study. Tables, report and figures
    are made by ``write_views``.

    Args:
        space: The space, its file, or the name of one that comes with dse.
        folder: The study's folder, whose name is the study's; ``results/`` and the space's name if None.
        machine: What trains.
        watcher: Sees every step.
        start: What the study starts with.
        workers: How many trials train at once, each in a process of its own if there are several. They share the
            processor's cores, or have a GPU each. A script that asks for several guards its own work by
            ``if __name__ == "__main__"``, as every user of ``multiprocessing`` does. If None one, or with Ray as many
            as the cluster has room for.
        ray: Ray cluster on which they train: ``local`` starts one on this machine, ``auto`` and an address (host:port)
            join one, or use it where the process has joined it already. This machine without Ray if None.
        **changes: ``trials``, ``sampler``, ``stopping``, ``budget``, ``until_stable``, ``seed`` and ``timing``, instead
            of the space's own.

    Returns:
        All trials, curves and fronts of the study.

    >>> import tempfile, dse
    >>> space = dse.SearchSpace(
    ...     name="small",
    ...     data={"images": 50, "validation_images": 20, "test_images": 20},
    ...     recipe={"model": dse.CnnModel(filters=4), "learning_rate": [dse.Fixed(), dse.OneCycle()], "epochs": 1,
    ...             "batch_size": dse.Constant(size=10)},
    ...     baseline={"learning_rate": dse.Fixed()},
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     study = dse.explore(space, folder=f"{folder}/small", machine=dse.Machine("cpu"), timing="measured")
    >>> study.trials["policy"].tolist()
    ['fixed', 'one_cycle']

    Raises:
        InputError: Space, data, machine or study cannot be used.
        RunError: The database stayed locked, the disk is full, the device is lost, or trials fail one after the other.
    """
    from dse.runners.choice import Workers, chosen_runner
    from dse.study.explore import explore as run_study
    from dse.study.load import load_study
    from dse.study.storage import check_name, opened
    from dse.training.trainer import Trainer

    space = changed(space if isinstance(space, SearchSpace) else load_space(space), changes)
    folder = Path("results") / space.name if folder is None else Path(folder)
    check_name(folder.name)
    watcher = Watcher() if watcher is None else watcher
    kept_in = folder / ".checkpoints" if start.checkpoints else None
    trainer = Trainer(machine, space.data_choice, kept_in)
    with chosen_runner(space, trainer, Workers(workers, ray), watcher.noted) as (runner, settled):
        if settled.note:
            watcher.noted(settled.note)
        clock = space.timing.on(str(settled.environment["device_type"]))
        with opened(
            folder.parent,
            folder.name,
            space,
            settled.environment | {"workers": runner.workers, CLOCK: str(clock)},
            widen=start.widen,
            any_device=start.any_device,
            storage=start.storage,
        ) as study:
            # A study that is resumed keeps its clock.
            for caveat in caveats_of_clock(clock_of(study.user_attrs["environment"]), runner.workers):
                watcher.noted(caveat)
            run_study(study, space, runner, watcher, start.warm_start, retry_failed=start.retry_failed)
    return load_study(folder, start.storage)


def confirm(
    folder: str | Path,
    aim: Aim | None = None,
    effort: Effort | None = None,
    *,
    machine: Machine = MACHINE,
    watcher: Watcher | None = None,
    workers: int | None = None,
) -> StudyTables:
    """Train what decides a study's answer and front again with fresh seeds, until both are settled.

    Ctrl-C is recorded and raised as KeyboardInterrupt; the next call resumes.

    Args:
        folder: The study's folder.
        aim: What is to be settled, and how surely; at 90 % if None.
        effort: What it may cost; no limit if None.
        machine: What trains: the study's own.
        watcher: Sees every step, and is told what is still open.
        workers: How many runs train at once, as of ``explore``.

    Returns:
        All trials, curves and fronts of the study.

    Raises:
        InputError: There is no study that can be written to, it has no baseline, or it was trained on another machine.
        RunError: As of ``explore``.
    """
    from dse.evidence.confirm import Aim
    from dse.runners.choice import Workers, chosen_runner
    from dse.study.confirm import Effort
    from dse.study.confirm import confirm as run_study
    from dse.study.decide import by_evidence
    from dse.study.kept import confirmable
    from dse.study.load import load_study
    from dse.study.shared import open_study, where_kept
    from dse.study.storage import opened
    from dse.training.trainer import Trainer

    folder, aim, effort = Path(folder), aim or Aim(), effort or Effort()
    space, where = confirmable(folder), where_kept(folder)
    watcher = Watcher() if watcher is None else watcher
    trainer = Trainer(machine, space.data_choice, folder / ".checkpoints")
    with chosen_runner(space, trainer, Workers(workers, None), watcher.noted) as (runner, settled):
        if settled.note:
            watcher.noted(settled.note)
        environment = settled.environment | {"workers": runner.workers}
        clock = clock_of(open_study(folder).user_attrs["environment"])
        with opened(folder.parent, folder.name, space, environment | {CLOCK: str(clock)}) as study:
            for caveat in caveats_of_clock(clock, runner.workers):
                watcher.noted(caveat)
            run_study(study, space, runner, watcher, by_evidence(study, space, where, aim), effort)
    return load_study(folder)
