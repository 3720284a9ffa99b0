"""The exploration: ask, train, tell, until the budget is spent."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import optuna
from optuna.trial import TrialState as OptunaState

from dse.errors import DeviceError, DeviceLostError, SpaceError
from dse.objectives import measure
from dse.recipe.plan import Plan
from dse.recipe.recipe import Recipe
from dse.run import EpochRow, OnEpoch, Outcome, Run
from dse.search.history import History
from dse.search.progress import Outline, Progress
from dse.search.stopping import DominanceRule
from dse.space.search_space import SamplerName, SearchSpace
from dse.study.sampling import Listed, choose_sampler, make_sampler, next_seed
from dse.study.storage import read_trials, was_interrupted, write_end, write_epoch, write_start
from dse.trial import Trial, TrialState

Train = Callable[[Plan, int, OnEpoch], Run]
"""Trains a plan with a seed, telling each epoch as it ends."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a study stands between two trials.

    Attributes:
        trials: Trials so far, interrupted ones left out.
        spent_seconds: Train seconds of all trials so far, interrupted ones included.
        remaining_gain: Share by which the anytime front's volume is expected to grow if every recipe that is left is
            trained too; None where the sampler does not judge recipes.
    """

    trials: int
    spent_seconds: float
    remaining_gain: float | None


class Watcher(Protocol):
    """Whoever wants to see the study grow."""

    def trial_started(self, trial: Trial, plan: Plan) -> None:
        """Hear that a trial begins."""

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        """Hear of one more row of its curve."""

    def trial_ended(self, trial: Trial, trials: list[Trial], standing: Standing) -> None:
        """Hear how it ended, and of all trials so far."""

    def study_ended(self, reason: str) -> None:
        """Hear why there is no further trial."""


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
    search = _Search(study, space, train, history, listed, device, watcher)
    for trial in read_trials(study):
        search.take_in(trial)
    while (ending := search.ending(trials)) is None:
        search.run_trial()
    watcher.study_ended(ending)
    return search.done


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


class _Search:
    """A study at work: its trials so far, and what they have shown."""

    def __init__(
        self,
        study: optuna.Study,
        space: SearchSpace,
        train: Train,
        history: History,
        listed: Listed | None,
        device: str,
        watcher: Watcher,
    ) -> None:
        self._study = study
        self._space = space
        self._train = train
        self._history = history
        self._listed = listed
        self._device = device
        self._watcher = watcher
        self._rule = DominanceRule(history, space.confidence) if space.stopping == "dominated" else None
        self._baseline_id = space.baseline_recipe.id
        self._volumes: list[float | None] = []
        self.done: list[Trial] = []

    def take_in(self, trial: Trial) -> None:
        """Learn from a trial of an earlier call."""
        run = _progress(trial, self._space.outline(trial.recipe))
        self._history.record(run)
        self._learn_end(trial, run)

    def ending(self, trials: int) -> str | None:
        """Say why the study is to end here, or None; what comes next is queued then."""
        if len(self._volumes) >= trials:
            return f"{len(self._volumes)} trials are done"
        if self._spent_seconds >= self._space.budget_seconds:
            return f"the budget of {self._space.budget} is spent"
        if self._is_stable():
            return (
                f"the last {self._space.until_stable} trials raised the front's volume by no more than "
                f"{100 * self._space.stable_growth:g} %"
            )
        waiting = self._study.get_trials(deepcopy=False, states=(OptunaState.WAITING,))
        if self._listed is None or waiting:
            return None
        point = self._listed.next(self.done)
        if point is None:
            return "every recipe of the space is trained"
        self._study.enqueue_trial(point.assignment, user_attrs={"seed": point.seed})
        return None

    def run_trial(self) -> None:
        """Ask for a trial, train it, and record all of it."""
        asked = self._study.ask()
        recipe = self._space.draw(asked)
        seed = asked.user_attrs.get("seed")
        if seed is None:
            seed = next_seed(recipe.id, self.done, self._space.seed)
        plan = self._space.plan(recipe)
        trial = Trial(
            number=asked.number,
            recipe=recipe,
            seed=seed,
            state=TrialState.RUNNING,
            measures={"parameters": plan.parameters, "train_flops": plan.train_flops},
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            device=self._device,
        )
        write_start(asked, trial)
        self._watcher.trial_started(trial, plan)
        trial = self._trained(asked, trial, plan)
        self._learn_end(trial, _progress(trial, self._space.outline(recipe)))
        gain = None if self._listed is None else self._listed.remaining_gain(self.done)
        standing = Standing(len(self._volumes), self._spent_seconds, gain)
        self._watcher.trial_ended(trial, self.done, standing)

    def _trained(self, asked: optuna.Trial, trial: Trial, plan: Plan) -> Trial:
        outline = self._space.outline(trial.recipe)
        left_seconds = self._space.budget_seconds - self._spent_seconds
        cut_off = ""

        def record(row: EpochRow) -> str | None:
            nonlocal trial, cut_off
            trial = dataclasses.replace(trial, curve=(*trial.curve, row))
            write_epoch(asked, row)
            self._watcher.epoch_ended(trial, row)
            progress = _progress(trial, outline)
            self._history.record_epoch(progress)
            # The baseline runs to its end: every recipe is compared with it.
            if self._rule is not None and trial.recipe.id != self._baseline_id:
                verdict = self._rule.verdict(progress)
                if verdict is not None:
                    trial = dataclasses.replace(
                        trial,
                        possible_accuracy=verdict.possible_accuracy,
                        possible_seconds=verdict.possible_seconds,
                    )
                    return str(verdict)
            if row.train_seconds >= left_seconds and not progress.complete:
                cut_off = f"after epoch {row.epoch}: the budget of {self._space.budget} is spent"
                return cut_off
            return None

        try:
            run = self._train(plan, trial.seed, record)
        except KeyboardInterrupt:
            self._tell(asked, dataclasses.replace(trial, state=TrialState.INTERRUPTED, reason="interrupted"))
            raise
        except (DeviceError, DeviceLostError) as error:
            # No further trial could train either.
            self._tell(asked, dataclasses.replace(trial, state=TrialState.FAILED, reason=str(error)))
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            trial = dataclasses.replace(trial, state=TrialState.FAILED, reason=reason)
        else:
            trial = _ended(trial, run, plan, self._space)
            if cut_off:
                trial = dataclasses.replace(trial, state=TrialState.INTERRUPTED)
        self._tell(asked, trial)
        return trial

    def _learn_end(self, trial: Trial, run: Progress) -> None:
        """Add a trial whose epochs are known to those that are done."""
        self.done.append(trial)
        if trial.complete and trial.recipe.id == self._baseline_id:
            self._history.refer_to(run)
        if trial.state is TrialState.INTERRUPTED:
            return
        if self._listed is not None:
            self._listed.record(trial, run)
        self._volumes.append(self._history.volume)

    @property
    def _spent_seconds(self) -> float:
        return sum(trial.curve[-1].train_seconds for trial in self.done if trial.curve)

    def _is_stable(self) -> bool:
        count = self._space.until_stable
        if count is None or len(self._volumes) <= count:
            return False
        before, now = self._volumes[-1 - count], self._volumes[-1]
        return before is not None and now is not None and now - before <= self._space.stable_growth * now

    def _tell(self, asked: optuna.Trial, trial: Trial) -> None:
        write_end(asked, trial)
        if trial.complete:
            values = [trial.measures[name] for name in self._space.objectives]
            self._study.tell(asked, [float(value) for value in values if value is not None])
        elif trial.state is TrialState.STOPPED:
            # Its values are those of another, shorter recipe. Samplers count a pruned trial as a bad one.
            self._study.tell(asked, state=OptunaState.PRUNED)
        else:
            self._study.tell(asked, state=OptunaState.FAIL)


def _progress(trial: Trial, outline: Outline) -> Progress:
    return Progress(
        outline,
        seconds=tuple(row.train_seconds for row in trial.curve),
        accuracies=tuple(row.accuracy for row in trial.curve),
    )


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
