"""Confirming: recipes that a study found are trained again, with seeds that chose none of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import optuna
from typing_extensions import override

from dse.errors import StudyError
from dse.recipe.recipe import Recipe
from dse.record.run import Outcome
from dse.record.trial import CONFIRM, Trial
from dse.search.history import History
from dse.search.progress import Progress
from dse.space.changes import changed
from dse.space.search_space import SearchSpace
from dse.study.agenda import Agenda, Point
from dse.study.driver import Driver
from dse.study.explore import driven
from dse.study.queue import fill_queue
from dse.study.runner import Runner
from dse.study.sampling import make_sampler, next_seed
from dse.study.trials import read_trials
from dse.study.watcher import Watcher


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be trained next.

    Attributes:
        recipe: With a fresh seed; None if nothing is left to decide.
        open: What is still open, or that nothing is, as a sentence.
    """

    recipe: Recipe | None
    open: str


Decide = Callable[[Sequence[Trial], Sequence[Trial]], Decision]
"""Decides by the trials that have ended, and those that are at work, which count as if they were done."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What confirming may cost.

    Attributes:
        trials: Runs; no limit if None.
        seconds: Train seconds of these runs together; no limit if None.

    >>> import dse
    >>> Effort(trials=10, seconds=60).added_to(dse.load_space("quickstart"), []).budget
    '60.000s'
    """

    trials: int | None = None
    seconds: float | None = None

    def added_to(self, space: SearchSpace, trials: Sequence[Trial]) -> SearchSpace:
        """Give a study's space with limits that leave this much after what it has spent; runs go to their end."""
        counted = sum(trial.state is not Outcome.INTERRUPTED for trial in trials)
        spent = math.fsum(trial.run.own_seconds for trial in trials)
        return changed(
            space,
            {
                "trials": 1_000_000 if self.trials is None else counted + self.trials,
                "budget": None if self.seconds is None else f"{spent + self.seconds:.3f}s",
                "stopping": "none",
                "until_stable": None,
            },
        )


class Confirming(Agenda):
    """Fresh seeds of the recipes that a rule decides on.

    Args:
        space: What the study explores.
        decide: The rule.
        watcher: Told what is still open, whenever that changes.
    """

    def __init__(self, space: SearchSpace, decide: Decide, watcher: Watcher) -> None:
        self._space = space
        self._decide = decide
        self._watcher = watcher
        self._ended: list[Trial] = []
        self._at_work: dict[int, Trial] = {}
        self._open = ""

    @property
    @override
    def done(self) -> str:
        return self._open

    @override
    def next(self) -> Point | None:
        decision = self._decide(self._ended, [*self._at_work.values()])
        if decision.open != self._open:
            self._open = decision.open
            self._watcher.noted(decision.open)
        if decision.recipe is None:
            return None
        assignment = self._space.assignment_of(decision.recipe)
        if assignment is None:
            raise StudyError(f"{decision.recipe.label!r} is no point of the space {self._space.name}.")
        # A seed that a shorter or longer recipe of the same training had would be the same run.
        same = [
            trial
            for trial in (*self._ended, *self._at_work.values())
            if trial.recipe.but_for_epochs == decision.recipe.but_for_epochs
        ]
        return Point(assignment, next_seed(same, self._space.seed), CONFIRM)

    @override
    def begun(self, trial: Trial) -> None:
        self._at_work[trial.number] = trial

    @override
    def ended(self, trial: Trial, run: Progress, *, counts: bool = True) -> None:
        self._at_work.pop(trial.number, None)
        if counts:
            self._ended.append(trial)

    @override
    def remaining_gain(self) -> float | None:
        return None


def confirm(
    study: optuna.Study, space: SearchSpace, runner: Runner, watcher: Watcher, decide: Decide, effort: Effort
) -> list[Trial]:
    """Train recipes of a study again until a rule says that nothing is left to decide, or the effort is spent.

    What an earlier call left undone is trained first. An interrupt is as one of ``explore``: the next call resumes.

    Args:
        study: From ``dse.study.storage.opened``.
        space: What it explores.
        runner: Has the trials trained; it is closed at the end.
        watcher: Sees every step, and is told what is still open.
        decide: The rule.
        effort: What it may cost.

    Returns:
        All trials of the study.

    Raises:
        DeviceError, DeviceLostError, TrialsFailedError: As of ``explore``.
    """
    earlier = read_trials(study)
    limited = effort.added_to(space, earlier)
    fill_queue(study, space, ())
    study.sampler = make_sampler(
        "random", space.seed, len(earlier)
    )  # asked for nothing: every trial is queued whole
    agenda = Confirming(space, decide, watcher)
    driver = Driver(study, limited, runner, watcher, History(), agenda)
    return driven(driver, study, limited, runner, watcher)
