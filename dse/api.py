"""The parts put together: what the command line calls, and what a Python user does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dse.data.datasets import Protocol
from dse.recipe.plan import Plan, compile_plan
from dse.recipe.recipe import Recipe
from dse.record.run import EpochRow, OnEpoch, Run
from dse.record.tables import StudyTables
from dse.record.trial import Trial
from dse.space.load import find_space, load_space, parse_space
from dse.space.search_space import SearchSpace
from dse.study.watcher import Standing, Watcher

if TYPE_CHECKING:
    from dse.replay.contest import Contest, Strategy
    from dse.training.compiling import Compiling
    from dse.training.rate_finder import RateSearch


class Silent:
    """Watches a study and says nothing."""

    def trial_started(self, trial: Trial, plan: Plan) -> None:
        """Say nothing."""

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        """Say nothing."""

    def trial_ended(self, trial: Trial, trials: list[Trial], standing: Standing) -> None:
        """Say nothing."""

    def study_ended(self, reason: str) -> None:
        """Say nothing."""


def explore(
    space: SearchSpace | str | Path,
    *,
    name: str | None = None,
    results: str | Path = "results",
    data_dir: str | Path = "data",
    device: str = "auto",
    engine: Literal["fast", "reference"] = "fast",
    compiling: Compiling = "off",
    tell: Callable[[str], None] | None = None,
    threads: int | None = None,
    watcher: Watcher | None = None,
    widen: bool = False,
    warm_start: Sequence[Recipe] = (),
) -> StudyTables:
    """Explore a search space, or go on with its study, until its trials are done or its budget is spent.

    Ctrl-C is recorded and raised as KeyboardInterrupt; the next call goes on. Tables, report and figures are made
    by ``write_views``.

    Args:
        space: The space, its file, or the name of one that comes with dse.
        name: Name of the study; the space's own if None.
        results: Folder of all studies.
        data_dir: Where data sets are looked for and downloaded to.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        engine: ``fast``, or ``reference``, the plain step that it is tested against.
        compiling: Whether the fast engine compiles its steps; ``auto``: if the baseline's run is long enough to pay.
        tell: Called with what ``auto`` decided, and why.
        threads: Threads of the processor that compute, for the whole process from now on; torch's own choice if None.
        watcher: Sees every step.
        widen: Whether a study of a space that this one contains is carried over into it.
        warm_start: Points of the space to train next, after the baseline; those that the study has are left out.

    Returns:
        All trials, curves and fronts of the study.

    Raises:
        InputError: Space, data, device or study cannot be used.
    """
    from dse.data.images import load_images
    from dse.networks.precision import check_precision
    from dse.record.environment import describe_environment
    from dse.study.explore import explore as run_study
    from dse.study.load import load_study
    from dse.study.storage import check_name, opened
    from dse.training.compiling import choose_engine
    from dse.training.device import device_title, find_device, threads_of, use_threads
    from dse.training.train import train_recipe

    if not isinstance(space, SearchSpace):
        space = load_space(space)
    name = space.name if name is None else name
    check_name(name)
    use_threads(threads)
    chosen = find_device(device)
    check_precision(space.precisions, chosen)
    section = space.data
    images = load_images(
        section.name,
        space.protocol,
        Path(data_dir),
        images=section.images,
        validation_images=section.validation_images,
        test_images=section.test_images,
        split_seed=section.split_seed,
    ).to(chosen)
    title = device_title(chosen)
    runs, reason = choose_engine(engine, compiling, space.plan(space.baseline_recipe), chosen)
    if reason and tell is not None:
        tell(reason)

    def train_plan(plan: Plan, seed: int, on_epoch: OnEpoch) -> Run:
        return train_recipe(plan.recipe, images, seed, chosen, on_epoch, runs)

    environment = describe_environment(title, chosen.type, threads_of(chosen), runs, images.fingerprint)
    with opened(Path(results), name, space, environment, widen=widen) as study:
        run_study(
            study,
            space,
            train_plan,
            trials=space.trials,
            sampler=space.sampler,
            device=title,
            watcher=Silent() if watcher is None else watcher,
            warm_start=warm_start,
        )
    return load_study(Path(results) / name)


def read_space(name: str, changes: Mapping[str, Any], dataset: str | None) -> SearchSpace:
    """Read a search space with some of its keys replaced, and check it as it is then.

    Args:
        name: A file, or the name of a space that comes with dse.
        changes: Top-level keys to replace; None leaves one as it is.
        dataset: Data set to use instead.

    Raises:
        SpaceError: There is no such file, or it makes no sound study.
    """
    from dse.errors import SpaceError
    from dse.files import read_yaml

    path = find_space(name)
    content = read_yaml(path, SpaceError)
    if isinstance(content, dict):
        content |= {key: value for key, value in changes.items() if value is not None}
        if dataset is not None:
            content["data"] = {**(content.get("data") or {}), "name": dataset}
    return parse_space(content, str(path))


def train(
    recipe: Recipe,
    *,
    dataset: str = "digits",
    protocol: Protocol = Protocol.HOLDOUT,
    images: int | None = None,
    data_dir: str | Path = "data",
    device: str = "auto",
    engine: Literal["fast", "reference"] = "fast",
    compiling: Compiling = "off",
    tell: Callable[[str], None] | None = None,
    threads: int | None = None,
    seed: int = 0,
    save: str | Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> tuple[Plan, Run]:
    """Train one recipe.

    Args:
        recipe: What to train.
        dataset: Name of the data set.
        protocol: Which images choose the best epoch.
        images: Training images, drawn class by class; all if None.
        data_dir: Where data sets are looked for and downloaded to.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        engine: ``fast``, or ``reference``, the plain step that it is tested against.
        compiling: Whether the fast engine compiles its steps; ``auto``: if the run is long enough to pay.
        tell: Called with what ``auto`` decided, and why.
        threads: Threads of the processor that compute, for the whole process from now on; torch's own choice if None.
        seed: Decides weights, order and shifts.
        save: File for the weights, in the safetensors format.
        on_epoch: Called with every row of the curve.

    Raises:
        InputError: Recipe, data or device cannot be used.
    """
    from dse.data.images import load_images
    from dse.networks.build import build_network
    from dse.networks.weights import Origin, save_weights
    from dse.record.run import Outcome
    from dse.training.compiling import choose_engine
    from dse.training.device import find_device, use_threads
    from dse.training.train import train as train_network

    use_threads(threads)
    chosen = find_device(device)
    data = load_images(dataset, protocol, Path(data_dir), images=images).to(chosen)
    plan = compile_plan(recipe, data.dataset.shape, len(data.train))
    runs, reason = choose_engine(engine, compiling, plan, chosen)
    if reason and tell is not None:
        tell(reason)
    network = build_network(recipe, data.dataset.shape, seed, chosen)
    run = train_network(plan, network, data, seed, chosen, on_epoch, runs)
    if save is not None and run.outcome is Outcome.COMPLETE:
        save_weights(Path(save), network, Origin(recipe, data.dataset.shape, dataset, seed))
    return plan, run


def find_rate(
    recipe: Recipe,
    *,
    dataset: str = "digits",
    protocol: Protocol = Protocol.HOLDOUT,
    images: int | None = None,
    data_dir: str | Path = "data",
    device: str = "auto",
    threads: int | None = None,
    seed: int = 0,
) -> RateSearch:
    """Try rates from 1e-6 up on a recipe's network, and say which is usable; arguments as for ``train``.

    Raises:
        InputError: Recipe, data or device cannot be used.
    """
    from dse.data.images import load_images
    from dse.training.device import find_device, use_threads
    from dse.training.rate_finder import find_rate as search

    use_threads(threads)
    chosen = find_device(device)
    return search(
        recipe, load_images(dataset, protocol, Path(data_dir), images=images).to(chosen), seed, chosen
    )


def replay_study(
    folder: str | Path,
    *,
    samplers: Sequence[str] | None = None,
    stopping: Sequence[str] = ("none",),
    budgets: Sequence[float] = (),
    repeats: int = 200,
    seed: int = 0,
    processes: int = 1,
    tell: Callable[[Strategy], None] = lambda strategy: None,
) -> Contest:
    """Search a study's recorded runs again by several strategies, with a simulated clock.

    Args:
        folder: The study's folder; its database or its published CSV files.
        samplers: ``dse``, ``expected_gain``, ``exhaustive``, ``random``, ``three-step``, ``tpe``, ``nsga2``, ``gp``,
            ``optuna-default``; None: all but ``gp``, Optuna's only if every recipe of the space was completed.
        stopping: ``none`` and ``dominated``: with which each of them but ``dse`` is combined.
        budgets: Train seconds at which shares are wanted; the largest is spent. None: what one run of every recipe
            takes.
        repeats: Searches by each strategy.
        seed: Of all chance.
        processes: How many work at it; the result is the same.
        tell: Hears of each strategy whose searches are done.

    Raises:
        InputError: A name is unknown, a budget is not above 0, or the study cannot be replayed.
    """
    from dse.replay.contest import hold_contest, parse_strategies, usual_samplers
    from dse.replay.table import record_table
    from dse.study.load import load_study

    table = record_table(load_study(folder))
    strategies = parse_strategies(usual_samplers(table) if samplers is None else samplers, stopping)
    return hold_contest(table, strategies, repeats, budgets, seed=seed, processes=processes, tell=tell)


def write_views(folder: str | Path) -> list[Path]:
    """Write everything that is made from a study: CSV files, report and figures.

    Args:
        folder: The study's folder; of a study that was published as CSV files, these are left as they are.

    Returns:
        The files.

    Raises:
        StudyError: There is no study, or the folder cannot be written to.
    """
    from dse.record.tables import write_tables
    from dse.report.figures.figures import write_figures
    from dse.report.page.page import write_page
    from dse.study.load import load_study
    from dse.study.storage import DATABASE

    folder = Path(folder)
    tables = load_study(folder)
    written = write_tables(tables, folder) if (folder / DATABASE).exists() else []
    write_page(tables, folder / "report.html")
    return [folder / "report.html", *written, *write_figures(tables, folder / "figures")]
