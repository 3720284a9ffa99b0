"""The exploration: ask, train, tell, until the budget is spent."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import optuna
from optuna.trial import TrialState as OptunaState

from dse.errors import DeviceError, DeviceLostError
from dse.objectives import measure
from dse.recipe.plan import Plan
from dse.run import EpochRow, OnEpoch, Outcome, Run
from dse.space.search_space import SamplerName, SearchSpace
from dse.stopping import DominanceRule, Progress
from dse.study.sampling import GridPoint, choose_sampler, grid, make_sampler, next_seed
from dse.study.storage import read_trials, was_interrupted, write_end, write_epoch, write_start
from dse.trial import Trial, TrialState

Train = Callable[[Plan, int, OnEpoch], Run]
"""Trains a plan with a seed, telling each epoch as it ends."""


class Watcher(Protocol):
    """Whoever wants to see the study grow."""

    def trial_started(self, trial: Trial, plan: Plan) -> None:
        """Hear that a trial begins."""

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        """Hear of one more row of its curve."""

    def trial_ended(self, trial: Trial, trials: list[Trial]) -> None:
        """Hear how it ended, and of all trials so far."""


def explore(
    study: optuna.Study,
    space: SearchSpace,
    train: Train,
    *,
    trials: int,
    sampler: SamplerName,
    device: str,
    watcher: Watcher,
) -> list[Trial]:
    """Explore until the study has so many trials, or a grid is through.

    With ``stopping: dominated`` a run ends as soon as it can no longer add to the anytime front. Trials that
    diverge or raise are recorded with the reason, and the study goes on, unless the device is at fault. An
    interrupt (Ctrl-C) records the running trial as interrupted and is raised again; the next call trains it anew.

    Args:
        study: From ``dse.study.storage.opened``.
        space: What is explored.
        train: Trains one plan with one seed.
        trials: Trials that the study has at the end, earlier ones included, interrupted ones not.
        sampler: How recipes are picked.
        device: What trains, for the record.
        watcher: Sees every step.

    Returns:
        All trials of the study.

    Raises:
        DeviceError, DeviceLostError: The device is lost, or cannot do what a trial asks of it; that trial is
            recorded as failed.
    """
    _requeue_interrupted(study)
    chosen = choose_sampler(sampler, space, trials)
    points = grid(space) if chosen == "grid" else None
    study.sampler = make_sampler(chosen, space.seed, len(study.get_trials(deepcopy=False)))
    if not study.get_trials(deepcopy=False):
        for seed in range(space.seed, space.seed + space.seeds):
            study.enqueue_trial(space.baseline_assignment, user_attrs={"seed": seed})
    done = read_trials(study)
    rule = DominanceRule(space.confidence) if space.stopping == "dominated" else None
    if rule is not None:
        for trial in done:
            rule.record(_progress(trial, space.plan(trial.recipe), space))
    while sum(trial.state is not TrialState.INTERRUPTED for trial in done) < trials:
        if points is not None and not _enqueue_next(study, points, done):
            break
        trial = _run_trial(study, space, train, done, rule, device, watcher)
        done.append(trial)
        watcher.trial_ended(trial, done)
    return done


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


def _enqueue_next(study: optuna.Study, points: list[GridPoint], done: list[Trial]) -> bool:
    """Queue the first point of the grid that has not been trained; tell whether there was one to train."""
    if study.get_trials(deepcopy=False, states=(OptunaState.WAITING,)):
        return True
    trained = {(trial.recipe.id, trial.seed) for trial in done if trial.state is not TrialState.INTERRUPTED}
    for point in points:
        if (point.recipe_id, point.seed) not in trained:
            study.enqueue_trial(point.assignment, user_attrs={"seed": point.seed})
            return True
    return False


def _progress(trial: Trial, plan: Plan, space: SearchSpace) -> Progress:
    return Progress(
        policy=trial.recipe.learning_rate.policy,
        parameters=plan.parameters if "parameters" in space.objectives else 0,
        batch_sizes=tuple(plan.batch_sizes.tolist()),
        seconds=tuple(row.train_seconds for row in trial.curve),
        accuracies=tuple(row.accuracy for row in trial.curve),
    )


def _run_trial(
    study: optuna.Study,
    space: SearchSpace,
    train: Train,
    done: list[Trial],
    rule: DominanceRule | None,
    device: str,
    watcher: Watcher,
) -> Trial:
    asked = study.ask()
    recipe = space.draw(asked)
    seed = asked.user_attrs["seed"] if "seed" in asked.user_attrs else next_seed(recipe.id, done, space.seed)
    plan = space.plan(recipe)
    trial = Trial(
        number=asked.number,
        recipe=recipe,
        seed=seed,
        state=TrialState.RUNNING,
        measures={"parameters": plan.parameters, "train_flops": plan.train_flops},
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        device=device,
    )
    write_start(asked, trial)
    watcher.trial_started(trial, plan)

    def record(row: EpochRow) -> str | None:
        nonlocal trial
        trial = dataclasses.replace(trial, curve=(*trial.curve, row))
        write_epoch(asked, row)
        watcher.epoch_ended(trial, row)
        if rule is None:
            return None
        progress = _progress(trial, plan, space)
        rule.record_epoch(progress)
        # The baseline runs to its end: every recipe is compared with it.
        verdict = None if recipe.id == space.baseline_recipe.id else rule.verdict(progress)
        if verdict is None:
            return None
        trial = dataclasses.replace(
            trial, possible_accuracy=verdict.possible_accuracy, possible_seconds=verdict.possible_seconds
        )
        return str(verdict)

    try:
        run = train(plan, seed, record)
    except KeyboardInterrupt:
        _tell(
            study,
            asked,
            dataclasses.replace(trial, state=TrialState.INTERRUPTED, reason="interrupted"),
            space,
        )
        raise
    except (DeviceError, DeviceLostError) as error:
        # No further trial could train either.
        _tell(study, asked, dataclasses.replace(trial, state=TrialState.FAILED, reason=str(error)), space)
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        trial = dataclasses.replace(trial, state=TrialState.FAILED, reason=reason)
    else:
        trial = _ended(trial, run, plan, space)
    _tell(study, asked, trial, space)
    return trial


def _ended(trial: Trial, run: Run, plan: Plan, space: SearchSpace) -> Trial:
    measures = measure(run, plan, space.target)
    state, reason = TrialState(str(run.outcome)), run.reason
    if run.outcome is Outcome.COMPLETE and any(measures[name] is None for name in space.objectives):
        state = TrialState.MISSED_TARGET
        reason = f"target={space.target} not reached: the best accuracy was {measures['accuracy']:.4f}"
    return dataclasses.replace(
        trial,
        state=state,
        reason=reason,
        measures=measures,
        curve=run.curve,
        setup_seconds=run.setup_seconds,
        engine=run.engine,
    )


def _tell(study: optuna.Study, asked: optuna.Trial, trial: Trial, space: SearchSpace) -> None:
    write_end(asked, trial)
    if trial.complete:
        values = [trial.measures[name] for name in space.objectives]
        study.tell(asked, [float(value) for value in values if value is not None])
    elif trial.state is TrialState.STOPPED:
        # Its values are those of another, shorter recipe. Samplers count a pruned trial as a bad one.
        study.tell(asked, state=OptunaState.PRUNED)
    else:
        study.tell(asked, state=OptunaState.FAIL)
