"""A study as it grows: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from dse.cli.terminal import format_value, plain_table
from dse.pareto import front_mask
from dse.recipe.plan import Plan
from dse.record.objectives import directions
from dse.record.run import EpochRow
from dse.record.trial import Trial
from dse.space.search_space import SearchSpace
from dse.study.watcher import Standing
from dse.units import format_duration

RECENT = 6
SECONDS_BETWEEN_LINES = 30


class _Clock:
    """How far a study is, how long it may still take, and what it may still gain."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._began = time.monotonic()
        self._own = 0
        self._standing = Standing(0, 0.0, None)
        self._spent_before: float | None = None

    def count(self, trial: Trial, standing: Standing) -> None:
        self._own += 1
        self._standing = standing
        if self._spent_before is None:
            self._spent_before = standing.spent_seconds - trial.run.train_seconds

    def __str__(self) -> str:
        elapsed = time.monotonic() - self._began
        standing = self._standing
        text = f"{standing.trials}/{self._space.trials} trials · {format_duration(elapsed)} elapsed"
        if self._own:
            left = elapsed / self._own * max(0, self._space.trials - standing.trials)
            own_seconds = standing.spent_seconds - (self._spent_before or 0.0)
            if self._space.budget is not None and own_seconds:
                unspent = max(0.0, self._space.budget_seconds - standing.spent_seconds)
                left = min(left, elapsed / own_seconds * unspent)
            text += f" · at most {format_duration(left)} left"
        if self._space.budget is not None:
            text += f" · {format_duration(standing.spent_seconds)} of {self._space.budget} trained"
        if standing.remaining_gain is not None:
            text += f" · the rest may add {100 * standing.remaining_gain:.2g} %"
        return text


def describe(trial: Trial, space: SearchSpace) -> str:
    """Say in one line how a trial ended."""
    if not trial.complete:
        return f"{trial.state}: {trial.run.reason}"
    return ", ".join(f"{name} {format_value(name, trial.measures[name])}" for name in space.objectives)


def current_front(trials: list[Trial], space: SearchSpace) -> list[Trial]:
    """Pick the complete trials that no other dominates, in the order of the first objective."""
    complete = [trial for trial in trials if trial.complete]
    points = [[float(trial.measures[name] or 0) for name in space.objectives] for trial in complete]
    mask = front_mask(points, directions(space.objectives))
    chosen = [trial for trial, on_front in zip(complete, mask, strict=True) if on_front]
    return sorted(chosen, key=lambda trial: float(trial.measures[space.objectives[0]] or 0))


class LineWatcher:
    """One line a trial, and one now and then from a long one."""

    def __init__(self, console: Console, space: SearchSpace) -> None:
        self._console = console
        self._space = space
        self._clock = _Clock(space)
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, highlight=False, markup=False)
        self._last_line = time.monotonic()

    def engine_chosen(self, reason: str) -> None:
        """Say it."""
        self._print(reason)

    def trial_started(self, trial: Trial, plan: Plan) -> None:
        """Say nothing: the line comes with the result."""

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        """Give a sign of life from a long trial."""
        if time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._print(
                f"trial {trial.number} epoch {row.epoch}/{trial.recipe.epochs}: accuracy {100 * row.accuracy:.2f} %, "
                f"{row.train_seconds:.0f} s"
            )

    def trial_ended(self, trial: Trial, trials: list[Trial], standing: Standing) -> None:
        """Say how it ended."""
        self._clock.count(trial, standing)
        what = f"{trial.recipe.label}, seed {trial.seed}"
        self._print(f"trial {trial.number} [{what}] {describe(trial, self._space)} ({self._clock})")

    def study_ended(self, reason: str) -> None:
        """Say why."""
        self._print(f"Ended: {reason}.")


class LiveWatcher:
    """A table of the running trial, the latest ones and the front, drawn anew at each epoch."""

    def __init__(self, console: Console, space: SearchSpace) -> None:
        self._space = space
        self._clock = _Clock(space)
        self._running: Trial | None = None
        self._trials: list[Trial] = []
        self._live = Live(self._view(), console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def engine_chosen(self, reason: str) -> None:
        """Say it, above the table."""
        self._live.console.print(reason)

    def trial_started(self, trial: Trial, plan: Plan) -> None:
        """Show it as running."""
        self._running = trial
        self._refresh()

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        """Show its latest epoch."""
        self._running = trial
        self._refresh()

    def trial_ended(self, trial: Trial, trials: list[Trial], standing: Standing) -> None:
        """Move it to the finished ones, and the front with it."""
        self._running = None
        self._trials = list(trials)
        self._clock.count(trial, standing)
        self._refresh()

    def study_ended(self, reason: str) -> None:
        """Say why, above what is printed next."""
        self._live.console.print(f"Ended: {reason}.")

    def _refresh(self) -> None:
        self._live.update(self._view(), refresh=True)

    def _view(self) -> Group:
        recent = plain_table("trial", "result", "recipe", title="trials")
        for trial in self._trials[-RECENT:]:
            recent.add_row(str(trial.number), describe(trial, self._space), trial.recipe.label)
        if self._running is not None:
            recent.add_row(
                str(self._running.number), self._progress(self._running), self._running.recipe.label
            )
        front = plain_table("trial", *self._space.objectives, "recipe", title="front so far")
        for trial in current_front(self._trials, self._space):
            values = (format_value(name, trial.measures[name]) for name in self._space.objectives)
            front.add_row(str(trial.number), *values, trial.recipe.label)
        footer = Text(f"{self._space.name}: {self._clock}. Ctrl-C ends cleanly; the same command goes on.")
        return Group(recent, front, footer)

    def _progress(self, trial: Trial) -> str:
        if not trial.run.curve:
            return f"epoch 1/{trial.recipe.epochs} ..."
        row = trial.run.curve[-1]
        return (
            f"epoch {row.epoch}/{trial.recipe.epochs}: {100 * row.accuracy:.2f} %, {row.train_seconds:.1f} s"
        )


def make_watcher(console: Console, space: SearchSpace) -> LiveWatcher | LineWatcher:
    """Choose the view that fits where the output goes."""
    return LiveWatcher(console, space) if console.is_terminal else LineWatcher(console, space)
