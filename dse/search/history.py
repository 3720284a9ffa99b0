"""What the runs of a study have shown so far: their front, their speed, and how completed ones went.

Dimensions: M points of the front, N completed runs, L epochs of a run.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from dse.pareto import front_after, front_mask
from dse.record.replicates import over_common_epochs
from dse.search.progress import Floats, Progress
from dse.search.volume import Reference, curve_volume

# Seconds, errors and parameters are all made small.
MAXIMISE = (False, False, False)


class History:
    """Learns every epoch of every run of a study, and judges recipes by the means of their runs.

    A recipe's ended runs stand for it, their mean over the epochs that all of them reached; while it has none, a run
    that is running or was cut off does.

    Attributes:
        reference: What volumes and gains are measured from; None until ``refer_to`` was called.
        completed: Runs that came to the end of their plan.
    """

    def __init__(self) -> None:
        self._front: Floats | None = np.empty((0, 3))  # None if it is to be looked for among all points
        self.reference: Reference | None = None
        self.completed = 0
        self._baselines: list[Progress] = []
        self._ended: dict[Hashable, list[Progress]] = {}
        self._points: dict[Hashable, Floats] = {}
        self._at_work: dict[Hashable, Floats] = {}
        self._curves: list[tuple[Floats, Floats]] = []
        self._aligned: dict[tuple[float, ...], Floats] = {}
        self._least_seconds: dict[int, float] = {}

    def record(self, run: Progress, recipe: Hashable = None, *, counts: bool = True) -> None:
        """Learn all epochs of a run that has ended, as ``record_end``; without a recipe it is one of its own."""
        recipe = object() if recipe is None else recipe
        for size, before, now in zip(run.summary.batch_sizes, (0.0, *run.seconds), run.seconds, strict=False):
            self._record_speed(size, now - before)
        self._record_completed(run)
        # Many runs may follow: whoever asks for the front has it made of all of them at once.
        self._front = None
        self.record_end(run, recipe, counts=counts)

    def record_epoch(self, run: Progress, recipe: Hashable) -> None:
        """Learn the latest epoch of a run of a recipe; its earlier ones are known."""
        begin, now = (0.0, *run.seconds)[-2:]
        self._record_speed(run.summary.batch_sizes[len(run.seconds) - 1], now - begin)
        if not self._ended.get(recipe):
            self._at_work[recipe] = mean_points([run])
            self._add_to_front(self._at_work[recipe][-1])
        self._record_completed(run)

    def record_end(self, run: Progress, recipe: Hashable, *, counts: bool = True) -> None:
        """Learn that a run, whose epochs are known, has ended.

        Args:
            run: The run.
            recipe: What it is a run of.
            counts: Whether it ended by itself; one that was cut off stands for its recipe only while no other does.
        """
        self._at_work.pop(recipe, None)
        ended = self._ended.setdefault(recipe, [])
        if not run.seconds or (ended and not counts):
            return
        if counts:
            ended.append(run)
        before = self._points.get(recipe)
        self._points[recipe] = mean_points(ended or [run])
        if before is not None and self._front is not None:
            self._front = front_after(self._front, before, self._points[recipe], self._everything(), MAXIMISE)

    def refer_to(self, baseline: Progress) -> None:
        """Measure volumes and gains from the mean of the complete runs of the baseline, this one included."""
        if baseline.seconds:  # a damaged record may hold none
            self._baselines.append(baseline)
            self.reference = Reference.of(self._baselines)

    @property
    def front(self) -> Floats:
        """Every point that none covers; columns train seconds, least error so far, parameters; shape (M, 3)."""
        if self._front is None:
            points = np.concatenate([np.empty((0, 3)), *self._everything()])
            self._front = points[front_mask(points, MAXIMISE)]
        return self._front

    def _everything(self) -> list[Floats]:
        """Give the points of every recipe, those of runs at work too."""
        return [*self._points.values(), *self._at_work.values()]

    @property
    def volume(self) -> float | None:
        """Volume of the front; None without a reference."""
        return self.volume_of(self.front)

    def volume_of(self, front: Floats) -> float | None:
        """Measure an earlier front from the present reference; None without one."""
        if self.reference is None:
            return None
        seconds, errors, parameters = front.T
        return curve_volume(np.stack([seconds, 1 - errors, parameters], axis=1), self.reference)

    def seconds_to_come(self, run: Progress) -> list[float]:
        """Give the train seconds at the end of each later epoch of a run, at least.

        An epoch to come takes what the run's own epochs of the same batch size took, else the least that any run's
        did, else nothing.
        """
        own = run.epoch_seconds
        clock, ends = run.seconds[-1], []
        for size in run.summary.batch_sizes[len(run.seconds) :]:
            clock += own[size] if size in own else self._least_seconds.get(size, 0.0)
            ends.append(clock)
        return ends

    def log_errors_along(self, rate_shares: tuple[float, ...]) -> Floats:
        """Read the logarithm of every completed run's error at these shares of its summed rate; shape (N, L).

        Between two epochs it is taken as straight; before the first one it starts at an error of 1.
        """
        aligned = self._aligned.get(rate_shares, np.empty((0, len(rate_shares))))
        if len(aligned) < len(self._curves):
            new = [np.interp(rate_shares, *curve) for curve in self._curves[len(aligned) :]]
            aligned = self._aligned[rate_shares] = np.vstack([aligned, *new])
        return aligned

    def _record_speed(self, batch_size: int, seconds: float) -> None:
        self._least_seconds[batch_size] = min(seconds, self._least_seconds.get(batch_size, np.inf))

    def _add_to_front(self, point: Floats) -> None:
        if self._front is not None and not (self._front <= point).all(axis=1).any():
            beaten = (point <= self._front).all(axis=1)
            self._front = np.vstack([self._front[~beaten], point])

    def _record_completed(self, run: Progress) -> None:
        if run.complete:
            self.completed += 1
            shares = np.array((0.0, *run.summary.rate_shares))
            self._curves.append((shares, np.log(np.append(1.0, run.errors))))


def mean_points(runs: Sequence[Progress]) -> Floats:
    """Give the means of runs of one recipe over the epochs that all of them reached; columns as of the front."""
    means = [
        over_common_epochs(columns).mean(axis=0)
        for columns in zip(*((r.seconds, r.errors) for r in runs), strict=True)
    ]
    return np.stack([*means, np.full(len(means[0]), runs[0].summary.parameters)], axis=1)
