"""What a study trains before its sampler is asked: baseline, interrupted trials, and recipes to start with.

A kill can fall between any two writes, so nothing here relies on an earlier call having come to its end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from dse.errors import SpaceError
from dse.recipe.recipe import Recipe
from dse.record.run import Outcome
from dse.record.trial import Trial
from dse.space.assignment import Assignment
from dse.space.search_space import SearchSpace
from dse.study.agenda import Point
from dse.study.trials import (
    epochs_reached,
    has_died,
    has_ended,
    has_failed,
    is_drawn,
    is_shielded,
    read_trial,
    read_trials,
    recorded_attempt,
    recorded_purpose,
    recorded_seed,
    report_end,
    was_interrupted,
    write_end_afterwards,
)

# A trial whose process died with it so often, at the same epoch, is taken to have killed it.
MOST_DEATHS = 3


def fill_queue(
    study: optuna.Study, space: SearchSpace, warm_start: Sequence[Recipe], *, retry_failed: bool = False
) -> None:
    """Queue what an earlier call left undone, the baseline, and the recipes to start with.

    Args:
        study: The study.
        space: What it explores.
        warm_start: The recipes to start with.
        retry_failed: Whether failed trials are left undone too.

    Raises:
        SpaceError: A recipe to start with is no point of the space.
    """
    _close_left_running(study, space)
    _drop_incomplete(study, space)
    _queue_undone(study, space, retry_failed=retry_failed)
    _queue_baseline(study, space)
    _queue_recipes(study, space, warm_start)


def queued_recipe(stored: FrozenTrial, space: SearchSpace) -> Recipe | None:
    """Give the recipe that a trial was queued for; None if it was not, or only for a part of one.

    Version 0.1 queued trials again with the values that they had when their process was killed, which may be a part.
    """
    assignment = _queued_point(stored, space)
    return None if assignment is None else space.recipe_of(assignment)


def _queued_point(stored: FrozenTrial, space: SearchSpace) -> Assignment | None:
    queued: Assignment | None = stored.system_attrs.get("fixed_params")
    return queued if queued and _is_point(queued, space) else None


def _is_point(assignment: Assignment, space: SearchSpace) -> bool:
    try:
        space.recipe_of(assignment)
    except KeyError:
        return False
    return True


def resumable_runs(study: optuna.Study, space: SearchSpace) -> set[tuple[str, int]]:
    """Give the runs that may be resumed, by id of their recipe and seed: those queued, and those cut off."""
    everything = study.get_trials(deepcopy=False)
    redone = {stored.user_attrs.get("redoes") for stored in everything}
    waiting = [stored for stored in everything if stored.state is OptunaState.WAITING]
    runs = {
        (recipe.id, recorded_seed(stored))
        for stored in waiting
        if (recipe := queued_recipe(stored, space)) is not None
    }
    cut_off = [
        read_trial(stored)
        for stored in everything
        if stored.number not in redone and is_drawn(stored) and was_interrupted(stored)
    ]
    runs |= {(trial.recipe.id, trial.seed) for trial in cut_off}
    return {(recipe_id, seed) for recipe_id, seed in runs if seed is not None}


def _close_left_running(study: optuna.Study, space: SearchSpace) -> None:
    """Report to Optuna the end of trials whose process was killed: as recorded, else as failed."""
    for stored in study.get_trials(deepcopy=False, states=(OptunaState.RUNNING,)):
        if has_ended(stored):
            report_end(study, read_trial(stored), space.objectives)
        elif (
            is_drawn(stored)
            and not is_shielded(stored)
            and (failed := failed_by_deaths(study, read_trial(stored))) is not None
        ):
            write_end_afterwards(study, stored, failed)
            report_end(study, failed, space.objectives)
        else:
            study.tell(stored.number, state=OptunaState.FAIL)


def failed_by_deaths(study: optuna.Study, trial: Trial) -> Trial | None:
    """Give a trial whose process died as failed, if it died so often at the same epoch that the trial may kill it."""
    deaths = _deaths(study, trial.number)
    if deaths < MOST_DEATHS:
        return None
    reason = f"its process ended {deaths} times before the trial did; --retry-failed trains it again"
    return dataclasses.replace(
        trial, run=dataclasses.replace(trial.run, outcome=Outcome.FAILED, reason=reason)
    )


def _deaths(study: optuna.Study, number: int) -> int:
    """Count in how many attempts up to this one, without a break, the process died, and came no further."""
    everything, deaths = study.get_trials(deepcopy=False), 1
    stored = everything[number]
    reached = epochs_reached(stored)
    while (earlier := stored.user_attrs.get("redoes")) is not None:
        stored = everything[earlier]
        if not is_drawn(stored):
            continue  # its worker was gone before it began
        if not has_died(stored) or epochs_reached(stored) < reached:
            break
        deaths += 1
    return deaths


def _drop_incomplete(study: optuna.Study, space: SearchSpace) -> None:
    for stored in study.get_trials(deepcopy=False, states=(OptunaState.WAITING,)):
        if queued_recipe(stored, space) is None:
            # Study.tell takes trials that run alone.
            study._storage.set_trial_state_values(stored._trial_id, state=OptunaState.FAIL)


def _queue_undone(study: optuna.Study, space: SearchSpace, *, retry_failed: bool) -> None:
    """Queue every interrupted trial again, and every failed one if so asked, once each."""
    everything = study.get_trials(deepcopy=False)
    redone = {
        stored.user_attrs["redoes"]
        for stored in everything
        if "redoes" in stored.user_attrs and queued_recipe(stored, space) is not None
    }
    for stored in everything:
        undone = was_interrupted(stored) or (retry_failed and has_failed(stored))
        if stored.number in redone or not undone:
            continue
        queue_again(study, space, stored)


def queue_again(study: optuna.Study, space: SearchSpace, stored: FrozenTrial) -> None:
    """Queue a trial again, with its seed; one of which no whole point is known is left."""
    # What was queued is known whole; what was drawn so far may be a part.
    point = _queued_point(stored, space) or (stored.params if _is_point(stored.params, space) else None)
    seed = recorded_seed(stored)
    if point is not None and seed is not None:
        again = {
            "seed": seed,
            "redoes": stored.number,
            "attempt": recorded_attempt(stored) + 1,
            "purpose": recorded_purpose(stored),
        }
        study.enqueue_trial(point, user_attrs=again)


def queue_point(study: optuna.Study, point: Point) -> None:
    """Queue a point."""
    study.enqueue_trial(point.assignment, user_attrs={"seed": point.seed, "purpose": point.purpose})


def _queue_baseline(study: optuna.Study, space: SearchSpace) -> None:
    """Queue the baseline with every seed, unless trials were drawn already."""
    if any(is_drawn(stored) for stored in study.get_trials(deepcopy=False)):
        return
    queued = {
        stored.user_attrs.get("seed")
        for stored in study.get_trials(deepcopy=False, states=(OptunaState.WAITING,))
    }
    for seed in range(space.seed, space.seed + space.seeds):
        if seed not in queued:
            study.enqueue_trial(space.baseline_assignment, user_attrs={"seed": seed})


def _queue_recipes(study: optuna.Study, space: SearchSpace, recipes: Sequence[Recipe]) -> None:
    """Queue recipes that the study neither has nor has queued."""
    if not recipes:
        return
    waiting = study.get_trials(deepcopy=False, states=(OptunaState.WAITING,))
    known = {trial.recipe.id for trial in read_trials(study)}
    known |= {recipe.id for stored in waiting if (recipe := queued_recipe(stored, space)) is not None}
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
