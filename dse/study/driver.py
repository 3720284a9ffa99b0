"""A study at work: each trial is asked for, trained, recorded and learned from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite

import optuna
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from dse.errors import CheckpointError, DeviceError, DeviceLostError, RecipeError, TrialsFailedError
from dse.recipe.plan import Plan
from dse.record.answer import complete_runs, find_answer
from dse.record.noise import choosing_images
from dse.record.objectives import measure
from dse.record.replicates import CUT_OFF, Replicates, by_recipe
from dse.record.run import EpochRow, Outcome, Run, check_curve
from dse.record.trial import Trial
from dse.search.history import History
from dse.search.progress import Floats, PlanSummary, Progress
from dse.search.stopping import DominanceRule
from dse.space.search_space import SearchSpace
from dse.study.queue import queued_recipe
from dse.study.sampling import Listed, next_seed
from dse.study.trainer import Trainer
from dse.study.trials import redone_trials, report_end, write_end, write_epoch, write_start
from dse.study.watcher import Standing, Watcher
from dse.units import clipped

# A cause of the surroundings (a full disk, a missing library, a sick device) fails them all; recipes seldom do.
FAILURES_IN_A_ROW = 5
LONGEST_REASON = 2_000


class _NotFiniteError(Exception):
    """A training reported an epoch that holds what is no finite number."""


class Driver:
    """A study at work: its trials so far, and what they have shown."""

    def __init__(
        self,
        study: optuna.Study,
        space: SearchSpace,
        trainer: Trainer,
        watcher: Watcher,
        history: History,
        listed: Listed | None,
    ) -> None:
        self._study = study
        self._space = space
        self._trainer = trainer
        self._watcher = watcher
        self._history = history
        self._listed = listed
        self._rule = DominanceRule(history, space.confidence) if space.stopping == "dominated" else None
        self._baseline_id = space.baseline_recipe.id
        self._images = choosing_images(space.dump(), space.protocol)
        self._recipes: dict[str, list[Trial]] = {}
        self._replicates: dict[str, Replicates] = {}
        self._fronts: list[Floats] = []
        self._redone = redone_trials(study)
        self._failures = 0  # of this call, one after the other
        self._spent_seconds = 0.0
        self.done: list[Trial] = []

    def _summary(self, plan: Plan, trial: Trial) -> PlanSummary:
        parameters = (
            trial.measures.get("parameters", plan.parameters) if self._space.weighs_parameters else None
        )
        return PlanSummary.of(plan, None if parameters is None else int(parameters))

    def _sized(self, plan: Plan) -> Plan:
        try:
            return self._trainer.sized(plan)
        except RecipeError:
            return plan  # its training fails for the same reason, and records it

    def take_in(self, trial: Trial) -> None:
        """Learn from a trial of an earlier call."""
        run = Progress.of(self._summary(self._space.plan(trial.recipe), trial), trial.run.curve)
        self._history.record(run, trial.recipe.id, counts=trial.state not in CUT_OFF)
        self._learn_end(trial, run)

    def ending(self) -> str | None:
        """Say why the study is to end here, or None; what comes next is queued then.

        Raises:
            TrialsFailedError: The last trials all failed, or the baseline did with every seed.
        """
        if len(self._fronts) >= self._space.trials:
            return f"{len(self._fronts)} trials are done"
        if self._spent_seconds >= self._space.budget_seconds:
            return f"the budget of {self._space.budget} is spent"
        if self._is_stable():
            return (
                f"the last {self._space.until_stable} trials raised the front's volume by no more than "
                f"{100 * self._space.stable_growth:g} %"
            )
        waiting = self._study.get_trials(deepcopy=False, states=(OptunaState.WAITING,))
        self._check_failures(waiting)
        if self._listed is None or waiting:
            return None
        point = self._listed.next()
        if point is None:
            return "every recipe of the space is trained"
        self._study.enqueue_trial(point.assignment, user_attrs={"seed": point.seed})
        return None

    def _check_failures(self, waiting: Sequence[FrozenTrial]) -> None:
        """End the study before it spends more, if its trials fail for no reason of their own."""
        cure = "Mend the cause, then resume with --retry-failed, which trains what failed again"
        if self._failures >= FAILURES_IN_A_ROW:
            reason = self.done[-1].run.reason
            raise TrialsFailedError(
                f"the last {self._failures} trials failed, the latest with: {reason}. {cure}."
            )
        baselines = [
            trial
            for trial in self._recipes.get(self._baseline_id, [])
            if trial.number not in self._redone and trial.state is not Outcome.INTERRUPTED
        ]
        if not baselines or any(trial.state is not Outcome.FAILED for trial in baselines):
            return
        queued = (queued_recipe(stored, self._space) for stored in waiting)
        if all(recipe is None or recipe.id != self._baseline_id for recipe in queued):
            raise TrialsFailedError(
                f"the baseline failed, and every recipe is compared with it: {baselines[-1].run.reason}. {cure}."
            )

    def run_trial(self) -> None:
        """Ask for a trial, train it, and record all of it."""
        asked = self._study.ask()
        recipe = self._space.draw(asked)
        seed = asked.user_attrs.get("seed")
        if seed is None:
            seed = next_seed(self._recipes.get(recipe.id, []), self._space.seed)
        plan = self._sized(self._space.plan(recipe))
        kept = self._trainer.kept(plan, seed)
        trial = Trial(
            number=asked.number,
            recipe=recipe,
            seed=seed,
            run=Run(kept, resumed_epochs=len(kept)),
            measures={"parameters": plan.parameters, "train_flops": plan.train_flops},
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            device=self._trainer.title,
            attempt=asked.user_attrs.get("attempt", 1),
        )
        write_start(asked, trial)
        for row in kept:
            write_epoch(asked, row)
        self._watcher.trial_started(trial, plan)
        summary = self._summary(plan, trial)
        trial = self._trained(asked, trial, plan, summary)
        run = Progress.of(summary, trial.run.curve)
        self._history.record_end(run, recipe.id, counts=trial.state not in CUT_OFF)
        self._learn_end(trial, run)
        if trial.state is not Outcome.INTERRUPTED:
            self._trainer.forget(plan, seed)
        self._failures = self._failures + 1 if trial.state is Outcome.FAILED else 0
        self._watcher.trial_ended(trial, self.done, self._standing())

    def _standing(self) -> Standing:
        answer = find_answer(
            self._replicates,
            complete_runs(self._recipes.get(self._baseline_id, []), self._baseline_id),
            images=self._images,
            protocol=self._space.protocol,
        )
        gain = None if self._listed is None else self._listed.remaining_gain()
        return Standing(len(self._fronts), self._spent_seconds, gain, answer)

    def _trained(self, asked: optuna.Trial, trial: Trial, plan: Plan, summary: PlanSummary) -> Trial:
        inherited = trial.run.train_seconds - trial.run.own_seconds
        left_seconds = self._space.budget_seconds - self._spent_seconds + inherited
        cut_off = ""
        fault: Exception | None = None

        def learn(row: EpochRow) -> str | None:
            nonlocal trial, cut_off
            trial = dataclasses.replace(
                trial, run=dataclasses.replace(trial.run, curve=(*trial.run.curve, row))
            )
            write_epoch(asked, row)
            self._watcher.epoch_ended(trial, row)
            progress = Progress.of(summary, trial.run.curve)
            self._history.record_epoch(progress, trial.recipe.id)
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

        def record(row: EpochRow) -> str | None:
            nonlocal fault
            _check_row(row, trial)
            try:
                return learn(row)
            except Exception as error:
                fault = error
                raise

        try:
            run = self._trainer.train(plan, trial.seed, record)
        except KeyboardInterrupt:
            self._report(asked, _cut_off(trial, Outcome.INTERRUPTED, "interrupted"))
            raise
        except CheckpointError as error:
            self._report(asked, _cut_off(trial, Outcome.INTERRUPTED, str(error)))
            raise
        except (DeviceError, DeviceLostError) as error:
            # No further trial could train either.
            self._report(asked, _cut_off(trial, Outcome.FAILED, str(error)))
            raise
        except _NotFiniteError as error:
            trial = _cut_off(trial, Outcome.DIVERGED, str(error))
        except Exception as error:
            trial = _cut_off(trial, Outcome.FAILED, f"{type(error).__name__}: {error}")
        else:
            trial = _ended(trial, run, plan, self._space)
            if cut_off:
                trial = _cut_off(trial, Outcome.INTERRUPTED, cut_off)
        if fault is not None:
            # What keeps or shows a study failed, not the training, whatever that made of it.
            with suppress(Exception):
                reason = f"its record could not be kept or shown ({type(fault).__name__}: {fault})"
                self._report(asked, _cut_off(trial, Outcome.INTERRUPTED, reason))
            raise fault
        self._report(asked, trial)
        return trial

    def _learn_end(self, trial: Trial, run: Progress) -> None:
        """Add a trial whose epochs are known to those that are done."""
        self.done.append(trial)
        self._spent_seconds += trial.run.own_seconds
        runs = self._recipes.setdefault(trial.recipe.id, [])
        runs.append(trial)
        self._replicates |= by_recipe(runs)
        if trial.complete and trial.recipe.id == self._baseline_id:
            self._history.refer_to(run)
        if trial.state is Outcome.INTERRUPTED or trial.number in self._redone:
            return
        if self._listed is not None:
            self._listed.ended(trial, run)
        self._fronts.append(self._history.front)

    def _is_stable(self) -> bool:
        count = self._space.until_stable
        if count is None or len(self._fronts) <= count:
            return False
        before, now = (self._history.volume_of(self._fronts[at]) for at in (-1 - count, -1))
        return before is not None and now is not None and now - before <= self._space.stable_growth * now

    def _report(self, asked: optuna.Trial, trial: Trial) -> None:
        write_end(asked, trial)
        report_end(self._study, trial, self._space.objectives)


def _cut_off(trial: Trial, outcome: Outcome, reason: str) -> Trial:
    run = dataclasses.replace(trial.run, outcome=outcome, reason=clipped(reason, LONGEST_REASON))
    return dataclasses.replace(trial, run=run)


def _check_row(row: EpochRow, trial: Trial) -> None:
    """Refuse an epoch that no study can hold; it is the training's fault."""
    numbers = {name: value for name, value in dataclasses.asdict(row).items() if isinstance(value, float)}
    if wrong := [f"{name}={value}" for name, value in numbers.items() if not isfinite(value)]:
        raise _NotFiniteError(f"epoch {row.epoch}: {', '.join(wrong)}")
    row.check()
    check_curve((*trial.run.curve, row), trial.recipe.epochs)


def _ended(trial: Trial, run: Run, plan: Plan, space: SearchSpace) -> Trial:
    run = dataclasses.replace(run, curve=trial.run.curve, resumed_epochs=trial.run.resumed_epochs)
    if run.outcome is Outcome.COMPLETE and len(run.curve) < trial.recipe.epochs:
        reason = f"the training ended after {len(run.curve)} of {trial.recipe.epochs} epochs"
        run = dataclasses.replace(run, outcome=Outcome.FAILED, reason=reason)
    measures = measure(run, plan, space.target)
    if run.outcome is Outcome.COMPLETE and any(measures[name] is None for name in space.objectives):
        reason = f"target={space.target} not reached: the best accuracy was {measures['accuracy']:.4f}"
        run = dataclasses.replace(run, outcome=Outcome.MISSED_TARGET, reason=reason)
    return dataclasses.replace(trial, run=run, measures=measures)
