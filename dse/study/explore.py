"""The exploration: trials until the budget is spent."""

from __future__ import annotations

from collections.abc import Sequence

import optuna

from dse.recipe.recipe import Recipe
from dse.record.trial import Trial
from dse.search.history import History
from dse.space.search_space import SearchSpace
from dse.study.driver import Driver
from dse.study.queue import fill_queue, resumable_runs
from dse.study.runner import Runner
from dse.study.sampling import LISTING, Listed, choose_sampler, make_sampler
from dse.study.trials import read_by_clock
from dse.study.watcher import Watcher


def explore(
    study: optuna.Study,
    space: SearchSpace,
    runner: Runner,
    watcher: Watcher,
    warm_start: Sequence[Recipe] = (),
    *,
    retry_failed: bool = False,
) -> list[Trial]:
    """Explore until the study has its trials, its budget is spent, its front is stable, or nothing is left.

    With ``stopping: dominated`` a run ends as soon as it can no longer add to the front. Trials that diverge or raise
    are recorded with the reason, and the study goes on, unless the device is at fault, the baseline failed, or several
    fail in a row. An interrupt (Ctrl-C) records the running trial as interrupted and is raised again; the next call
    trains it again. So it is with a trial that spends the budget before its last epoch, and with one whose record
    cannot be kept or shown. A trial whose process died with it for the third time counts as failed.

    Args:
        study: From ``dse.study.storage.opened``.
        space: What is explored, how, and for how many trials: earlier ones included, interrupted ones not.
        runner: Has the trials trained; it is closed at the end.
        watcher: Sees every step.
        warm_start: Recipes to train next, after the baseline; those that the study has are left out.
        retry_failed: Whether trials that failed are trained again; they then no longer count.

    Returns:
        All trials of the study.

    Raises:
        SpaceError: The space is infinite or too large for the sampler, or a recipe to start with is no point of it.
        DeviceError, DeviceLostError: The device is lost, or cannot do what a trial asks of it; that trial is
            recorded as failed.
        TrialsFailedError: The baseline failed, or so many trials in a row that the cause lies elsewhere.
    """
    sampler, history = choose_sampler(space), History()
    listed = Listed(sampler, space, history, runner.trainer) if sampler in LISTING else None
    trials_before = len(study.get_trials(deepcopy=False))
    fill_queue(study, space, warm_start, retry_failed=retry_failed)
    study.sampler = make_sampler(sampler, space.seed, trials_before)
    driver = Driver(study, space, runner, watcher, history, listed)
    return driven(driver, study, space, runner, watcher)


def driven(
    driver: Driver, study: optuna.Study, space: SearchSpace, runner: Runner, watcher: Watcher
) -> list[Trial]:
    """Resume a study where it is, with its queue filled, until it ends.

    Returns:
        All its trials.
    """
    driver.take_in(read_by_clock(study))
    runner.trainer.forget_others(resumable_runs(study, space))
    ending = driver.run()
    runner.trainer.forget_others(resumable_runs(study, space))
    watcher.study_ended(ending)
    return driver.ledger.trials
