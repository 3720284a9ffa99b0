"""What the runs of a study have shown so far: their front, their speed, and how completed ones went.

Dimensions: M points of the front, N completed runs, L epochs of a run.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from dse.pareto import front_after
from dse.record.replicates import over_common_epochs
from dse.search.progress import Floats, Progress
from dse.search.volume import Reference, curve_volume


class History:
    """Learns every epoch of every run of a study, and judges recipes by the means of their runs.

    A recipe's ended runs stand for it, their mean over the epochs that all of them reached; while it has none, a run
    that is running or was cut off does.

    Attributes:
        front: Every point that none covers; columns train seconds, least error so far, parameters; shape (M, 3).
        reference: What volumes and gains are measured from; None until ``refer_to`` was called.
        completed: Runs that came to the end of their plan.
    """

    def __init__(self) -> None:
        self.front: Floats = np.empty((0, 3))
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
        for epoch in range(1, len(run.seconds) + 1):
            self._record_point(run, epoch, recipe)
        self._record_completed(run)
        self.record_end(run, recipe, counts=counts)

    def record_epoch(self, run: Progress, recipe: Hashable) -> None:
        """Learn the latest epoch of a run of a recipe; its earlier ones are known."""
        self._record_point(run, len(run.seconds), recipe)
        if not self._ended.get(recipe):
            self._at_work[recipe] = mean_points([run])
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
        if before is None:
            return
        # A front that loses points is made again, of runs at work too.
        everything = [*self._points.values(), *self._at_work.values()]
        self.front = front_after(self.front, before, self._points[recipe], everything, (False, False, False))

    def refer_to(self, baseline: Progress) -> None:
        """Measure volumes and gains from the mean of the complete runs of the baseline, this one included."""
        if baseline.seconds:  # a damaged record may hold none
            self._baselines.append(baseline)
            self.reference = Reference.of(self._baselines)

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

    def _record_point(self, run: Progress, epoch: int, recipe: Hashable) -> None:
        end, begin = run.seconds[epoch - 1], run.seconds[epoch - 2] if epoch > 1 else 0.0
        size = run.summary.batch_sizes[epoch - 1]
        self._least_seconds[size] = min(end - begin, self._least_seconds.get(size, np.inf))
        if self._ended.get(recipe):
            return
        point = np.array([end, run.errors[epoch - 1], run.summary.parameters])
        if not (self.front <= point).all(axis=1).any():
            beaten = (point <= self.front).all(axis=1)
            self.front = np.vstack([self.front[~beaten], point])

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
