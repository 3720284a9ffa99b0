"""The parts put together: what the command line calls, and what a Python user does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from typing_extensions import Unpack

from dse.data.choice import DataChoice
from dse.recipe.plan import Plan
from dse.recipe.recipe import Recipe
from dse.record.answer import caveats_of_clock
from dse.record.clock import CLOCK, clock_of
from dse.record.run import OnEpoch, Run
from dse.record.tables import StudyTables
from dse.record.timing import Timing
from dse.space.changes import changed
from dse.space.load import load_space
from dse.space.search_space import SamplerName, SearchSpace, StoppingName
from dse.study.watcher import Watcher
from dse.training.machine import Machine

if TYPE_CHECKING:
    from dse.evidence.confirm import Aim
    from dse.evidence.verification import Check
    from dse.record.calibration import Calibration
    from dse.replay.compare import Comparison
    from dse.replay.strategies import Strategy
    from dse.study.calibrate import OnKind
    from dse.study.confirm import Effort
    from dse.training.rate_finder import OnStep, RateSearch

MACHINE = Machine()
DIGITS = DataChoice()


@dataclass(frozen=True, slots=True)
class Start:
    """What a study starts with, beside its baseline.

    Attributes:
        widen: Whether a study of a space that this one contains is carried over into it.
        any_device: Whether a study is resumed on a device of another name than its own.
        retry_failed: Whether trials that failed are trained again.
        checkpoints: Whether each epoch leaves what its run needs to resume after it.
        warm_start: Points of the space to train next, after the baseline; those that the study has are left out.
        storage: URL of the PostgreSQL storage that keeps the study; None for the one that its folder remembers, else
            for a file in the folder.
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
    from dse.study.load import confirmable, load_study
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


def train(
    recipe: Recipe,
    data: DataChoice = DIGITS,
    machine: Machine = MACHINE,
    *,
    seed: int = 0,
    save: str | Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> tuple[Plan, Run]:
    """Train one recipe.

    Args:
        recipe: What to train.
        data: Which images it is trained on, chosen on and tested on.
        machine: What trains.
        seed: Decides weights, order and shifts.
        save: File for the weights of a run that is complete, in the safetensors format.
        on_epoch: Called with every row of the curve; the run ends where it returns a reason.

    Raises:
        InputError: Recipe, data, machine or file cannot be used.
    """
    from dse.networks.weights import Origin, check_weights_file, save_weights
    from dse.record.run import Outcome
    from dse.training.trainer import Trainer

    if save is not None:
        check_weights_file(Path(save))
    trainer = Trainer(machine, data)
    plan = trainer.plan(recipe)
    trainer, _ = trainer.settled(plan)
    network = trainer.network(plan, seed)
    run = trainer.train(plan, seed, on_epoch, network)
    if save is not None and run.outcome is Outcome.COMPLETE:
        save_weights(Path(save), network, Origin(recipe, plan.image, data.name, seed))
    return plan, run


def find_rate(
    recipe: Recipe,
    data: DataChoice = DIGITS,
    machine: Machine = MACHINE,
    *,
    seed: int = 0,
    max_seconds: float | None = None,
    on_step: OnStep | None = None,
) -> RateSearch:
    """Try rates from 1e-6 up on a recipe's network, and say which is usable.

    Args:
        recipe: All of it is used but its policy; of its batch sizes that of the first epoch.
        data: The images to train on are used.
        machine: What trains.
        seed: Decides weights, order and shifts.
        max_seconds: No further step once they are over; 600 if None.
        on_step: Called after each step with the steps done, their last rate and the smoothed loss.

    Raises:
        InputError: Recipe, data or machine cannot be used.
        RunError: The loss is not finite from the first step on.
    """
    import numpy as np

    from dse.recipe.learning_rate import rate_finder
    from dse.training.faults import explained_faults
    from dse.training.rate_finder import SECONDS, STEPS
    from dse.training.rate_finder import find_rate as search
    from dse.training.trainer import Trainer

    trainer = Trainer(machine, data)
    plan = trainer.plan(recipe)
    trainer, _ = trainer.settled(plan)
    batch_size = plan.segments[0][0].batch_size
    with explained_faults(trainer.device, batch_size):
        engine = trainer.engine(plan, seed)
        engine.prepare([batch_size])
        shares = recipe.average_shares(rate_finder(STEPS), batch_size * np.arange(1, STEPS + 1))
        limit = SECONDS if max_seconds is None else max_seconds
        return search(engine, plan.images, batch_size, on_step, shares=shares, max_seconds=limit)


def calibrate_space(
    space: SearchSpace,
    machine: Machine = MACHINE,
    *,
    refresh: bool = False,
    on_kind: OnKind = lambda kind: None,
) -> Calibration:
    """Measure how long each kind of step of a space's recipes takes here, as far as that is not known.

    Args:
        space: The space.
        machine: What trains.
        refresh: Whether all are measured again.
        on_kind: Called with each kind, the baseline's step first.

    Raises:
        InputError: Space, data, machine or the file of calibrations cannot be used.
    """
    from dse.study.calibrate import calibrate_space as measure
    from dse.study.calibration_file import users_file
    from dse.training.trainer import Trainer

    trainer = Trainer(machine, space.data_choice)
    trainer, _ = trainer.settled(space.plan(space.baseline_recipe))
    return measure(space, trainer, trainer.environment(), users_file(), on_kind, refresh=refresh)


def calibrate_study(
    folder: str | Path,
    data_dir: Path = MACHINE.data_dir,
    *,
    refresh: bool = False,
    on_kind: OnKind = lambda kind: None,
) -> Calibration:
    """Measure how long each kind of step of a study's trials takes, and time it by that from then on.

    It is measured on the study's device, with its engine and its number of threads. A study whose space asks for
    ``timing: measured`` keeps that clock.

    Args:
        folder: The study's folder.
        data_dir: Where its data set is looked for.
        refresh: Whether all are measured again.
        on_kind: Called with each kind, the baseline's step first.

    Raises:
        InputError: The study cannot be used, or this is not its machine.
    """
    from dse.study.calibrate import calibrate_study as measure
    from dse.study.calibrate import check_machine, machine_of
    from dse.study.calibration_file import users_file
    from dse.study.shared import open_study, where_kept
    from dse.study.storage import opened, stored_space
    from dse.training.trainer import Trainer

    folder = Path(folder).resolve()
    study = open_study(folder)
    space = stored_space(study, where_kept(folder))
    recorded = study.user_attrs["environment"]
    trainer = Trainer(Machine(**machine_of(recorded), data_dir=data_dir), space.data_choice)
    here = trainer.environment()
    check_machine(folder, recorded, here)
    with opened(folder.parent, folder.name, space, here) as study:
        return measure(study, space, trainer, users_file(), on_kind, refresh=refresh)


class ReplaySetting(TypedDict, total=False):
    """How a replay compares strategies, see ``dse.replay.compare.Setting``."""

    repeats: int
    budgets: Sequence[float]
    seed: int
    processes: int


def replay_study(
    folder: str | Path,
    *,
    samplers: Sequence[str] | None = None,
    stopping: Sequence[str] = ("none",),
    on_strategy: Callable[[Strategy], None] = lambda strategy: None,
    **setting: Unpack[ReplaySetting],
) -> Comparison:
    """Search a study's recorded runs again by several strategies, with a simulated clock.

    Args:
        folder: The study's folder; its database or its published CSV files.
        samplers: ``dse`` and names of ``dse.replay.strategies.ORDERS``; None: all but ``gp``, Optuna's only if every
            recipe of the space was completed.
        stopping: ``none`` and ``dominated``: with which each of them but ``dse`` is combined.
        on_strategy: Called with each strategy whose searches are done.
        setting: ``repeats``, searches by each strategy; ``budgets``, train seconds at which shares are wanted;
            ``seed`` of all randomness; ``processes``, how many work at it.

    Raises:
        InputError: A name is unknown, a budget is not above 0, or the study cannot be replayed.
    """
    from dse.replay.compare import Setting, compare_strategies
    from dse.replay.strategies import parse_strategies, usual_samplers
    from dse.replay.table import record_table
    from dse.study.load import load_study

    table = record_table(load_study(folder))
    strategies = parse_strategies(usual_samplers(table) if samplers is None else samplers, stopping)
    return compare_strategies(table, strategies, Setting(**setting), on_strategy)


def verify_study(
    folder: str | Path,
    *,
    machine: Machine = MACHINE,
    points: int = 3,
    seeds: int = 1,
    pick: int = 0,
    on_check: Callable[[Check], None] = lambda check: None,
) -> list[Check]:
    """Train random points of a study's front again here with fresh seeds, and say whether they hold.

    Args:
        folder: The study's folder; its database or its published CSV files.
        machine: What trains.
        points: How many points of the front.
        seeds: Fresh runs of each.
        pick: Seed of the choice of points.
        on_check: Called with each as it is judged.

    Raises:
        InputError: The study has no point to verify, or data or machine cannot be used.
    """
    from dse.runners.verify import verify
    from dse.study.load import load_study

    return verify(load_study(folder), machine, points, seeds, pick, on_check)


def write_views(folder: str | Path, tables: StudyTables | None = None) -> list[Path]:
    """Write everything that is made from a study: CSV files, report and figures.

    Args:
        folder: The study's folder; of a study that was published as CSV files, these are left as they are.
        tables: The study, if it is loaded already.

    Returns:
        The files.

    Raises:
        StudyError: There is no study, or the folder cannot be written to.
    """
    from dse.evidence.reproduction import reproduction
    from dse.record.cells import to_csv
    from dse.record.tables import write_tables, write_view
    from dse.report.figures.figures import write_figures
    from dse.report.page.page import write_page
    from dse.study.load import load_study
    from dse.study.shared import keeps_study

    folder = Path(folder)
    tables = load_study(folder) if tables is None else tables
    written = write_tables(tables, folder) if keeps_study(folder) else []
    found = reproduction(tables)
    if found is not None and keeps_study(folder):
        written.append(folder / "reproduction.csv")
        write_view(written[-1], to_csv(found.rows))
    write_page(tables, folder / "report.html")
    return [folder / "report.html", *written, *write_figures(tables, folder / "figures")]
