"""The exploration: trials until the budget is spent."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.trial import TrialState as OptunaState

from dse.errors import SpaceError
from dse.recipe.recipe import Recipe
from dse.record.trial import Trial
from dse.search.history import History
from dse.space.search_space import SamplerName, SearchSpace
from dse.study.driver import Driver
from dse.study.sampling import Listed, choose_sampler, make_sampler
from dse.study.storage import read_trials, was_interrupted
from dse.study.watcher import Train, Watcher


def explore(
    study: optuna.Study,
    space: SearchSpace,
    train: Train,
    *,
    trials: int,
    sampler: SamplerName,
    device: str,
    watcher: Watcher,
    warm_start: Sequence[Recipe] = (),
) -> list[Trial]:
    """Explore until the study has so many trials, its budget is spent, its front is stable, or nothing is left.

    With ``stopping: dominated`` a run ends as soon as it can no longer add to the anytime front. Trials that
    diverge or raise are recorded with the reason, and the study goes on, unless the device is at fault. An
    interrupt (Ctrl-C) records the running trial as interrupted and is raised again; the next call trains it anew. So
    it is with a trial that spends the budget before its last epoch.

    Args:
        study: From ``dse.study.storage.opened``.
        space: What is explored.
        train: Trains one plan with one seed.
        trials: Trials that the study has at the end, earlier ones included, interrupted ones not.
        sampler: How recipes are picked.
        device: What trains, for the record.
        watcher: Sees every step.
        warm_start: Recipes to train next, after the baseline; those that the study has are left out.

    Returns:
        All trials of the study.

    Raises:
        SpaceError: The space is infinite or too large for the sampler, or a recipe to start with is no point of it.
        DeviceError, DeviceLostError: The device is lost, or cannot do what a trial asks of it; that trial is
            recorded as failed.
    """
    chosen = choose_sampler(sampler, space, trials)
    history = History()
    listed = Listed(space, history, judged=chosen == "promising") if chosen in ("promising", "grid") else None
    _requeue_interrupted(study)
    study.sampler = make_sampler(chosen, space.seed, len(study.get_trials(deepcopy=False)))
    if not study.get_trials(deepcopy=False):
        for seed in range(space.seed, space.seed + space.seeds):
            study.enqueue_trial(space.baseline_assignment, user_attrs={"seed": seed})
    _enqueue(study, space, warm_start)
    driver = Driver(study, space, train, history, listed, device, watcher)
    for trial in read_trials(study):
        driver.take_in(trial)
    while (ending := driver.ending(trials)) is None:
        driver.run_trial()
    watcher.study_ended(ending)
    return driver.done


def _requeue_interrupted(study: optuna.Study) -> None:
    """Close trials that a killed process left running, and queue all interrupted ones again, once each."""
    for stored in study.get_trials(deepcopy=False, states=(OptunaState.RUNNING,)):
        study.tell(stored.number, state=OptunaState.FAIL)
    everything = study.get_trials(deepcopy=False)
    redone = {stored.user_attrs.get("redoes") for stored in everything}
    for stored in everything:
        if stored.number in redone or not was_interrupted(stored):
            continue
        # A process killed between asking and drawing leaves no parameters, but what was queued is known.
        params = stored.params or stored.system_attrs.get("fixed_params", {})
        if params and "seed" in stored.user_attrs:
            again = {"seed": stored.user_attrs["seed"], "redoes": stored.number}
            study.enqueue_trial(params, user_attrs=again)


def _enqueue(study: optuna.Study, space: SearchSpace, recipes: Sequence[Recipe]) -> None:
    """Queue recipes that the study neither has nor has queued."""
    waiting = study.get_trials(deepcopy=False, states=(OptunaState.WAITING,))
    known = {trial.recipe.id for trial in read_trials(study)}
    known |= {space.recipe_of(stored.system_attrs["fixed_params"]).id for stored in waiting}
    for recipe in recipes:
        assignment = space.assignment_of(recipe)
        if assignment is None:
            raise SpaceError(
                f"a study of the space {space.name} cannot start with {recipe.label!r} for {recipe.epochs} epochs, "
                "which is no point of it. Leave the recipe out, or its values open in the space."
            )
        if recipe.id not in known:
            known.add(recipe.id)
            study.enqueue_trial(assignment, user_attrs={"seed": space.seed})
