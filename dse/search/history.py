"""What the runs of a study have shown so far: their anytime front, their speed, and how completed ones went.

Dimensions: M points of the front, N completed runs, L epochs of a run.
"""

from __future__ import annotations

import numpy as np

from dse.search.progress import Floats, Progress
from dse.search.volume import Reference, anytime_volume


class History:
    """Learns every epoch of every run of a study.

    Attributes:
        front: The anytime front: every epoch of every run that none covers; columns train seconds, least error so
            far, parameters; shape (M, 3).
        reference: What volumes and gains are measured from; None until ``refer_to`` was told.
        completed: Runs that came to the end of their plan.
    """

    def __init__(self) -> None:
        self.front: Floats = np.empty((0, 3))
        self.reference: Reference | None = None
        self.completed = 0
        self._curves: list[tuple[Floats, Floats]] = []
        self._aligned: dict[tuple[float, ...], Floats] = {}
        self._least_seconds: dict[int, float] = {}

    def record(self, run: Progress) -> None:
        """Learn all epochs of a run."""
        errors = run.errors
        for epoch in range(1, len(run.seconds) + 1):
            self._record_point(run, epoch, float(errors[epoch - 1]))
        self._record_completed(run, errors)

    def record_epoch(self, run: Progress) -> None:
        """Learn the latest epoch of a run whose earlier ones are known."""
        errors = run.errors
        self._record_point(run, len(run.seconds), float(errors[-1]))
        self._record_completed(run, errors)

    def refer_to(self, baseline: Progress) -> None:
        """Measure volumes and gains from this complete run of the baseline, unless another one has been told before."""
        if self.reference is None:
            self.reference = Reference.of([baseline])

    @property
    def volume(self) -> float | None:
        """Volume of the anytime front; None without a reference."""
        if self.reference is None:
            return None
        seconds, errors, parameters = self.front.T
        return anytime_volume(np.stack([seconds, 1 - errors, parameters], axis=1), self.reference)

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

    def _record_point(self, run: Progress, epoch: int, error: float) -> None:
        end, begin = run.seconds[epoch - 1], run.seconds[epoch - 2] if epoch > 1 else 0.0
        size = run.summary.batch_sizes[epoch - 1]
        self._least_seconds[size] = min(end - begin, self._least_seconds.get(size, np.inf))
        point = np.array([end, error, run.summary.parameters])
        if not (self.front <= point).all(axis=1).any():
            beaten = (point <= self.front).all(axis=1)
            self.front = np.vstack([self.front[~beaten], point])

    def _record_completed(self, run: Progress, errors: Floats) -> None:
        if run.complete:
            self.completed += 1
            shares = np.array((0.0, *run.summary.rate_shares))
            self._curves.append((shares, np.log(np.append(1.0, errors))))
