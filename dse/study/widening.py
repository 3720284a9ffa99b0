"""Resuming a study in a wider space: Optuna refuses a new choice, so the trials move into a new study."""

from __future__ import annotations

import copy
from datetime import datetime
from pathlib import Path

import optuna
from optuna.trial import FixedTrial, FrozenTrial
from optuna.trial import TrialState as OptunaState

from dse.errors import StudyError
from dse.recipe.recipe import Recipe
from dse.space.assignment import Assignment
from dse.space.search_space import SearchSpace
from dse.study.queue import queued_recipe
from dse.study.trials import is_drawn, read_trial


def check_space(
    study: optuna.Study, folder: Path, before: SearchSpace, now: SearchSpace, widen: bool
) -> None:
    """Refuse to resume a study in another space, unless it is to be widened and can be.

    Args:
        study: The study on disk.
        folder: Its folder.
        before: The space that it explores.
        now: The space that it is to explore.
        widen: Whether it may be widened.

    Raises:
        StudyError: The spaces differ in more than the recipe's open values, some trial is no point of the new one,
            or it could be widened, but nobody said so.
    """
    changed = [key for key, value in now.explored.items() if value != before.explored[key]]
    if not changed:
        return
    go_on = f"To resume the old one, use {folder / 'space.yaml'}."
    differ = f"{folder} explores another space: {', '.join(changed)} differ{'s' if len(changed) == 1 else ''}"
    same_baseline = before.baseline_recipe.id == now.baseline_recipe.id
    if not {"recipe", "baseline"} >= set(changed) or not same_baseline:
        raise StudyError(f"{differ}. Give the new study another --name. {go_on}")
    recipes = {recipe.id: recipe for recipe in (_recipe(trial, before) for trial in study.get_trials(deepcopy=False))
               if recipe is not None}  # fmt: skip
    lost = [recipe.label for recipe in recipes.values() if now.assignment_of(recipe) is None]
    what = _differences(before, now)
    if lost:
        raise StudyError(
            f"{differ} ({what}), and {len(lost)} of its {len(recipes)} recipes are no points of the new one, as "
            f"{lost[0]!r}. A space can be widened, not narrowed: leave the old choices in, or give the new study "
            f"another --name. {go_on}"
        )
    if not widen:
        raise StudyError(
            f"{differ} ({what}). All its {len(recipes)} recipes are points of the new one: --widen carries its trials "
            f"over. Or give the new study another --name. {go_on}"
        )


def carried_over(study: optuna.Study, before: SearchSpace, now: SearchSpace) -> list[FrozenTrial]:
    """Give all trials of a study as trials of a space that contains its own, numbers and records as they were."""
    trials = []
    for stored in study.get_trials(deepcopy=True):
        recipe = _recipe(stored, before)
        if recipe is not None:
            assignment = now.assignment_of(recipe)
            assert assignment is not None
            place(stored, assignment, now)
        elif stored.state is not OptunaState.WAITING:
            # Its process died while it was drawn: its values say nothing, and their ranges may be gone.
            stored.params, stored.distributions = {}, {}
        if stored.state is OptunaState.RUNNING:
            # Its process is gone; with no end recorded it counts as interrupted.
            stored.state, stored.datetime_complete = OptunaState.FAIL, datetime.now()
        trials.append(stored)
    return trials


def place(stored: FrozenTrial, assignment: Assignment, space: SearchSpace) -> None:
    """Give a trial the values of a point of a space, and their ranges there."""
    if "fixed_params" in stored.system_attrs:
        attributes = copy.deepcopy(stored.system_attrs)
        stored.system_attrs = attributes | {"fixed_params": assignment}
    if stored.state is not OptunaState.WAITING:
        drawn = FixedTrial(assignment)
        space.draw(drawn)
        stored.params, stored.distributions = drawn.params, drawn.distributions


def _recipe(stored: FrozenTrial, space: SearchSpace) -> Recipe | None:
    """Give the recipe that a trial trains, or is queued for; None if its process died before it drew one."""
    return read_trial(stored).recipe if is_drawn(stored) else queued_recipe(stored, space)


def _differences(before: SearchSpace, now: SearchSpace) -> str:
    old, new = before.tree.open_values(), now.tree.open_values()
    told = [
        f"{name} was {old[name]}, is {new[name]}" for name in new if name in old and old[name] != new[name]
    ]
    told += [f"{name} is new: {new[name]}" for name in new if name not in old]
    told += [f"{name} is gone" for name in old if name not in new]
    return "; ".join(told) or "a value that is not open"
