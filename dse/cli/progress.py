"""A study as it grows: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd
from rich.console import Console
from rich.live import Live
from typing_extensions import override

from dse.cli.listing import Listing
from dse.cli.screen import StudyScreen
from dse.cli.terminal import format_value
from dse.recipe.plan import Plan
from dse.record.courses import Courses
from dse.record.epoch import EpochRow
from dse.record.front import front_frame, on_front, points_frame, whole_runs_frame
from dse.record.objectives import is_of_curves
from dse.record.replicates import Replicates
from dse.record.trial import Trial
from dse.space.search_space import SearchSpace
from dse.study.watcher import Standing, Watcher
from dse.units import clipped, format_duration

SECONDS_BETWEEN_LINES = 30


class Clock:
    """How far a study is, how long it may still take, and what it may still gain."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._began = time.monotonic()
        self._own = 0
        self._standing = Standing(0, 0.0, None)
        self._spent_before: float | None = None

    def count(self, trial: Trial, standing: Standing) -> None:
        """Count one more trial of this call."""
        self._own += 1
        self._standing = standing
        if self._spent_before is None:
            self._spent_before = standing.spent_seconds - trial.run.measured_seconds

    @property
    def answer(self) -> str:
        """What the study answers so far; empty before its first trial has ended."""
        return "" if self._standing.answer is None else str(self._standing.answer)

    def __str__(self) -> str:
        elapsed = time.monotonic() - self._began
        standing = self._standing
        # Confirming goes beyond the trials of the space, and ends when nothing is open.
        beyond = standing.trials > self._space.trials
        of_all = "" if beyond else f"/{self._space.trials}"
        text = f"{standing.trials}{of_all} trials · {format_duration(elapsed)} elapsed"
        if self._own and not beyond:
            left = elapsed / self._own * max(0, self._space.trials - standing.trials)
            own_seconds = standing.spent_seconds - (self._spent_before or 0.0)
            if self._space.budget is not None and own_seconds:
                unspent = max(0.0, self._space.budget_seconds - standing.spent_seconds)
                left = min(left, elapsed / own_seconds * unspent)
            text += f" · at most {format_duration(left)} left"
        if self._space.budget is not None:
            text += f" · {format_duration(standing.spent_seconds)} of {self._space.budget} trained"
        if standing.remaining_gain is not None:
            text += f" · the rest may add {gain_text(standing.remaining_gain)}"
        return text


def gain_text(gain: float) -> str:
    """Write a share by which a volume may grow.

    >>> gain_text(0.05), gain_text(0.0044), gain_text(5.4), gain_text(float("inf"))
    ('5 %', '0.44 %', '540 %', 'more than 1,000 %')
    """
    if gain > 10:
        return "more than 1,000 %"
    return f"{100 * gain:.0f} %" if gain >= 0.1 else f"{100 * gain:.2g} %"


def describe(trial: Trial, space: SearchSpace) -> str:
    """Say in one line how a trial ended."""
    if not trial.complete:
        return f"{trial.state}: {trial.run.reason}"
    values = [f"{name} {format_value(name, trial.measures[name])}" for name in space.objectives]
    if trial.run.measured_seconds != trial.run.train_seconds:
        values.append(f"{format_value('train_seconds', trial.run.measured_seconds)} by the stopwatch")
    return ", ".join(values)


def front_so_far(recipes: Mapping[str, Replicates], space: SearchSpace) -> pd.DataFrame:
    """Make the front of these runs of recipes as the study's tables will hold it."""
    if is_of_curves(space.objectives):
        points = points_frame(on_front(recipes, space.objectives))
    else:
        points = whole_runs_frame(recipes, space.objectives)
    return front_frame(points, space.objectives)


class StudyView(Watcher):
    """A watcher that shows a study while it is used in a ``with`` statement.

    Args:
        console: Where it is shown.
        name: Of the study.
        space: What is explored.
    """

    def __init__(self, console: Console, name: str, space: SearchSpace) -> None:
        self._console = console
        self._name = name
        self._space = space
        self._clock = Clock(space)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class LineView(StudyView):
    """One line a trial, one where the answer changes, and one now and then from a long trial."""

    def __init__(self, console: Console, name: str, space: SearchSpace) -> None:
        super().__init__(console, name, space)
        self._last_line = time.monotonic()
        self._answer = ""

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, highlight=False, markup=False)
        self._last_line = time.monotonic()

    @override
    def noted(self, what: str) -> None:
        self._print(what)

    @override
    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        if time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._print(
                f"trial {trial.number} epoch {row.epoch}/{trial.recipe.epochs}: accuracy {100 * row.accuracy:.2f} %, "
                f"{row.train_seconds:.0f} s"
            )

    @override
    def trial_ended(self, trial: Trial, trials: list[Trial], standing: Standing) -> None:
        self._clock.count(trial, standing)
        what = f"{trial.recipe.label}, seed {trial.seed}"
        self._print(f"trial {trial.number} [{what}] {describe(trial, self._space)} ({self._clock})")
        if self._clock.answer != self._answer:
            self._answer = self._clock.answer
            self._print(self._answer)

    @override
    def study_ended(self, reason: str) -> None:
        self._print(f"Ended: {reason}.")


class LiveView(StudyView):
    """The running trials, the latest ones, the front and the answer, drawn again at each epoch."""

    def __init__(self, console: Console, name: str, space: SearchSpace) -> None:
        super().__init__(console, name, space)
        self._running: dict[int, Trial] = {}
        self._trials: list[Trial] = []
        self._courses = Courses(space.objectives)
        self._front = front_so_far({}, space)
        self._live = Live(self.view(), console=console, auto_refresh=False, transient=True)

    @override
    def __enter__(self) -> Self:
        self._live.start()
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    @override
    def noted(self, what: str) -> None:
        self._live.console.print(what)

    @override
    def trial_started(self, trial: Trial, plan: Plan) -> None:
        self._running[trial.number] = trial
        self._refresh()

    @override
    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        self._running[trial.number] = trial
        self._refresh()

    @override
    def trial_ended(self, trial: Trial, trials: list[Trial], standing: Standing) -> None:
        self._running.pop(trial.number, None)
        self._courses.add([trial] if self._trials else trials)
        self._trials = list(trials)
        self._front = front_so_far(self._courses.recipes, self._space)
        self._clock.count(trial, standing)
        self._refresh()

    @override
    def study_ended(self, reason: str) -> None:
        self._live.console.print(f"Ended: {reason}.")

    def _refresh(self) -> None:
        self._live.update(self.view(), refresh=True)

    def view(self) -> StudyScreen:
        """Lay out what is shown now."""
        status = f"{self._name}: {self._clock}. Ctrl-C ends cleanly; the same command resumes."
        return StudyScreen(self._clock.answer, status, self._recent, self._front_rows)

    def _recent(self, most: int) -> Listing:
        """List the trials that ended last and those that run, at most so many of either."""
        table = Listing(["trial", "result"], ["recipe", "reason"], left=["result"], title="trials")
        ended = self._trials[-most:] if most else []
        for trial in ended:
            result, reason = describe(trial, self._space), ""
            if not trial.complete:
                result, reason = str(trial.state), clipped(trial.run.reason)
            table.add_row([str(trial.number), result], [trial.recipe.label, reason])
        for trial in list(self._running.values())[:most]:
            table.add_row([str(trial.number), _reached(trial)], [trial.recipe.label, ""])
        return table

    def _front_rows(self, most: int) -> Listing:
        """List the points of the front, at most so many, evenly spread."""
        table = Listing(["trial", "epoch", *self._space.objectives], ["recipe"], title="front so far")
        shown = np.unique(np.linspace(0, len(self._front) - 1, min(most, len(self._front))).astype(int))
        for row in self._front.iloc[shown].to_dict("records"):
            values = (format_value(name, row[name]) for name in self._space.objectives)
            epoch = "" if pd.isna(row["epoch"]) else str(int(row["epoch"]))
            table.add_row([str(row["trial"]), epoch, *values], [row["label"]])
        return table


def _reached(trial: Trial) -> str:
    if not trial.run.curve:
        return f"epoch 1/{trial.recipe.epochs} ..."
    row = trial.run.curve[-1]
    return f"epoch {row.epoch}/{trial.recipe.epochs}: {100 * row.accuracy:.2f} %, {row.train_seconds:.1f} s"


def make_view(console: Console, name: str, space: SearchSpace) -> StudyView:
    """Choose the view that fits where the output goes."""
    return LiveView(console, name, space) if console.is_terminal else LineView(console, name, space)
