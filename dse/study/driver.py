"""A study at work: each trial is asked for, trained, recorded and learned from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import optuna
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from dse.errors import DseError, RecipeError, RunError, StudyError
from dse.recipe.plan import Plan
from dse.record.epoch import EpochRow
from dse.record.run import Outcome, Run
from dse.record.trial import EXPLORE, Trial
from dse.search.history import History
from dse.search.progress import PlanSummary, Progress
from dse.search.stopping import DominanceRule
from dse.space.search_space import SearchSpace
from dse.study.agenda import Agenda
from dse.study.calibration_file import users_file
from dse.study.clock import Reading, StudyClock
from dse.study.ledger import FAILURES_IN_A_ROW, Ledger
from dse.study.queue import failed_by_deaths, queue_again, queue_point, queued_recipe
from dse.study.runner import Calibrated, Ended, EpochEnded, Event, Job, Lost, Runner, Started
from dse.study.running import Running
from dse.study.trials import redone_trials, report_end, write_end, write_epoch, write_start
from dse.study.watcher import Watcher


class Driver:
    """A study at work: its trials so far, and what they have shown."""

    def __init__(
        self,
        study: optuna.Study,
        space: SearchSpace,
        runner: Runner,
        watcher: Watcher,
        history: History,
        agenda: Agenda | None,
    ) -> None:
        self._study = study
        self._space = space
        self._runner = runner
        self._running: dict[int, Running] = {}
        self._watcher = watcher
        self._history = history
        self._agenda = agenda
        self._rule = DominanceRule(history, space.confidence) if space.stopping == "dominated" else None
        self._baseline_id = space.baseline_recipe.id
        self._stillborn = 0  # workers, one after the other
        self._clock = StudyClock(study, space, users_file())
        self.ledger = Ledger(space, history, agenda, redone_trials(study))

    def _summary(self, plan: Plan, trial: Trial) -> PlanSummary:
        parameters = (
            trial.measures.get("parameters", plan.parameters) if self._space.weighs_parameters else None
        )
        return PlanSummary.of(plan, None if parameters is None else int(parameters))

    def _sized(self, plan: Plan) -> Plan:
        try:
            return self._runner.trainer.sized(plan)
        except RecipeError:
            return plan  # its training fails for the same reason, and records it

    def take_in(self, reading: Reading) -> None:
        """Learn from the trials of earlier calls, and go by their clock."""
        recipes = {trial.recipe.id: trial.recipe for trial in reading.trials if trial.run.curve}
        self._clock.follow(reading, map(self._space.plan, recipes.values()))
        # Seeds of one recipe have one plan, whose making costs as much as all the rest.
        summaries: dict[tuple[str, float | int | None], PlanSummary] = {}
        earlier = []
        for trial in reading.trials:
            sizes = (trial.recipe.id, trial.measures.get("parameters"))
            if sizes not in summaries:
                summaries[sizes] = self._summary(self._space.plan(trial.recipe), trial)
            earlier.append((trial, Progress.of(summaries[sizes], trial.run.curve)))
        self.ledger.add_earlier(earlier)

    def ending(self) -> str | None:
        """Say why no further trial is to begin, or None; what comes next is queued then.

        Raises:
            TrialsFailedError: The last trials all failed, or the baseline did with every seed.
        """
        counted = self.ledger.counted
        if counted + len(self._running) >= self._space.trials:
            return f"{counted} trials are done"
        if self._seconds_so_far() >= self._space.budget_seconds:
            return f"the budget of {self._space.budget} is spent"
        if self.ledger.is_stable():
            return (
                f"the last {self._space.until_stable} trials raised the front's volume by no more than "
                f"{100 * self._space.stable_growth:g} %"
            )
        waiting = self._study.get_trials(deepcopy=False, states=(OptunaState.WAITING,))
        self.ledger.check_failures(baseline_to_come=self._has_baseline_to_come(waiting))
        if self._agenda is None or waiting:
            return None
        point = self._agenda.next()
        if point is None:
            return self._agenda.done
        queue_point(self._study, point)
        return None

    def _has_baseline_to_come(self, waiting: Sequence[FrozenTrial]) -> bool:
        queued = (queued_recipe(stored, self._space) for stored in waiting)
        at_work = (each.trial.recipe for each in self._running.values())
        return any(recipe is not None and recipe.id == self._baseline_id for recipe in (*queued, *at_work))

    def run(self) -> str:
        """Have trials trained until the study ends.

        Returns:
            Why it ended.
        """
        try:
            ending = self._submit_more()
            for event in self._runner.events():
                self._take(event)
                if isinstance(event, Ended | Lost):
                    ending = self._submit_more()
        except KeyboardInterrupt:
            self._give_up("interrupted")
            raise
        except DseError:
            self._give_up("the study ended")
            raise
        except Exception as fault:
            # What keeps or shows a study failed, and no training.
            with suppress(Exception):
                self._give_up(f"its record could not be kept or shown ({type(fault).__name__}: {fault})")
            raise
        finally:
            self._runner.close()
        return ending

    def _submit_more(self) -> str:
        """Keep the runner busy; say why it gets no more, if that is so."""
        while len(self._running) < self._runner.workers + self._runner.ahead:
            if (ending := self.ending()) is not None:
                return ending
            self._submit()
        return ""

    def _submit(self) -> None:
        """Ask for a trial, and have it trained."""
        asked = self._study.ask()
        recipe = self._space.draw(asked)
        seed = asked.user_attrs.get("seed")
        if seed is None:
            at_work = [each.trial for each in self._running.values() if each.trial.recipe.id == recipe.id]
            seed = self.ledger.next_seed(recipe.id, at_work)
        plan = self._sized(self._space.plan(recipe))
        trial = Trial(
            number=asked.number,
            recipe=recipe,
            seed=seed,
            run=Run(),
            measures={"parameters": plan.parameters, "train_flops": plan.train_flops},
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            attempt=asked.user_attrs.get("attempt", 1),
            purpose=asked.user_attrs.get("purpose", EXPLORE),
        )
        self._running[trial.number] = Running(asked, plan, self._summary(plan, trial), trial)
        if self._agenda is not None:
            self._agenda.begun(trial)
        self._runner.submit(Job(trial.number, plan, seed, self._clock.wanted(plan)))

    def _take(self, event: Event) -> None:
        match event:
            case Started():
                self._begin(event)
            case Calibrated():
                try:
                    self._clock.learn(event.measured)
                except StudyError as reason:  # the study has it all the same
                    self._watcher.noted(str(reason))
                self._time(self._running[event.number])
            case EpochEnded():
                self._learn_epoch(self._running[event.number], event.row)
            case Ended():
                if not self._running[event.number].begun:
                    self._begin(Started(event.number, "", ()))
                self._end(event)
            case Lost():
                self._lose(event)

    def _begin(self, event: Started) -> None:
        running = self._running[event.number]
        self._stillborn = 0
        running.begin(event)
        self._time(running)
        write_start(running.asked, running.trial, shielded=event.shielded)
        for row in event.kept:
            write_epoch(running.asked, row)
        self._watcher.trial_started(running.trial, running.plan)
        self._check_budget(running)

    def _time(self, running: Running) -> None:
        """Have a running trial's epochs timed by the study's clock."""
        run = running.trial.run
        curve = self._clock.rows(running.plan, run.curve)
        running.trial = dataclasses.replace(
            running.trial,
            run=dataclasses.replace(run, curve=curve),
            calibration_error=self._clock.error(running.plan),
        )

    def _learn_epoch(self, running: Running, row: EpochRow) -> None:
        (row,) = self._clock.rows(running.plan, [row])
        running.add(row)
        write_epoch(running.asked, row)
        self._watcher.epoch_ended(running.trial, row)
        progress = running.progress
        self._history.record_epoch(progress, running.trial.recipe.id)
        # The baseline runs to its end: every recipe is compared with it.
        if self._rule is not None and running.trial.recipe.id != self._baseline_id:
            verdict = self._rule.verdict(progress)
            if verdict is not None:
                running.trial = dataclasses.replace(
                    running.trial,
                    possible_accuracy=verdict.possible_accuracy,
                    possible_seconds=verdict.possible_seconds,
                )
                self._runner.cancel(running.trial.number, str(verdict))
                return
        if not progress.complete:
            self._check_budget(running)

    def _check_budget(self, running: Running) -> None:
        if self._seconds_so_far() >= self._space.budget_seconds:
            running.cut_off = (
                f"after epoch {len(running.trial.run.curve)}: the budget of {self._space.budget} is spent"
            )
            self._runner.cancel(running.trial.number, running.cut_off)

    def _seconds_so_far(self) -> float:
        return self.ledger.spent_seconds + sum(each.trial.run.own_seconds for each in self._running.values())

    def _end(self, event: Ended) -> None:
        running = self._running.pop(event.number)
        trial = running.end(event.run, self._space)
        self._report(running.asked, trial)
        if event.fault is not None:
            raise event.fault
        self._close(running, trial)

    def _lose(self, event: Lost) -> None:
        """Queue a trial again whose worker is gone; one that may have killed it not for ever."""
        running = self._running.pop(event.number)
        if not running.begun:
            self._lose_unbegun(running, event)
            return
        trial = failed_by_deaths(self._study, running.trial) or running.give_up(event.reason)
        self._report(running.asked, trial, lost=True)
        if trial.state is Outcome.INTERRUPTED:
            queue_again(self._study, self._space, self._study.get_trials(deepcopy=False)[trial.number])
        self._close(running, trial)

    def _lose_unbegun(self, running: Running, event: Lost) -> None:
        """Queue a trial again whose worker was gone before it began: that is no fault of the trial."""
        self._forget_asked(running)
        queue_again(self._study, self._space, self._study.get_trials(deepcopy=False)[event.number])
        self._stillborn += 1
        if self._stillborn >= FAILURES_IN_A_ROW:
            raise RunError(
                f"{self._stillborn} workers in a row were gone before a trial began; of the last one is known: "
                f"{event.reason}. What it printed says more. Mend the cause, or train with one worker."
            )

    def _forget_asked(self, running: Running) -> None:
        """Leave a trial that never began as if it had not been asked for."""
        self._study.tell(running.trial.number, state=OptunaState.FAIL)
        if self._agenda is not None:
            self._agenda.ended(running.trial, running.progress, counts=False)

    def _close(self, running: Running, trial: Trial) -> None:
        self.ledger.add(trial, running.progress)
        if trial.state is not Outcome.INTERRUPTED:
            self._runner.trainer.forget(running.plan, trial.seed)
        standing = self.ledger.standing(self._runner.workers, self._clock.clock)
        self._watcher.trial_ended(trial, self.ledger.trials, standing)

    def _give_up(self, reason: str) -> None:
        """Record every trial that is at work as interrupted; one that never began is as if it were never asked for."""
        while self._running:
            _, running = self._running.popitem()
            if running.begun:
                self._report(running.asked, running.give_up(reason))
            else:
                self._forget_asked(running)

    def _report(self, asked: optuna.Trial, trial: Trial, *, lost: bool = False) -> None:
        write_end(asked, trial, lost=lost)
        report_end(self._study, trial, self._space.objectives)
