"""Dominance stopping: end a run as soon as no continuation of it can add to the anytime front.

A run's later epochs lie at more seconds and, at best, at an accuracy that is bounded by how much the errors of
completed runs of the same policy still fell from the same epoch on. If the front is at least as good at every one of
these points, the rest of the run is not worth its seconds.

Dimensions: E epochs that a plan still holds, N completed curves, L epochs of a curve.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dse.errors import InputError

Floats = NDArray[np.float64]

# An error of 0 leaves no ratio to learn from; with fewer than 1,000 images to choose on, it is within the noise.
LEAST_ERROR = 1e-3


@dataclass(frozen=True, slots=True)
class Progress:
    """A run as far as it is.

    Attributes:
        policy: Name of its learning-rate policy: runs of one policy gain their accuracy alike, early or late.
        parameters: Trained weights; 0 in a study that does not weigh them.
        batch_sizes: Of every epoch of its plan, those to come included.
        seconds: Train seconds at the end of each epoch so far.
        accuracies: Accuracy after each epoch so far.
    """

    policy: str
    parameters: int
    batch_sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    accuracies: tuple[float, ...]

    @property
    def complete(self) -> bool:
        """Whether it is through its plan."""
        return len(self.seconds) == len(self.batch_sizes)

    @property
    def errors(self) -> Floats:
        """1 - the best accuracy so far, after each epoch; shape (L,)."""
        errors: Floats = np.maximum(
            LEAST_ERROR, 1 - np.maximum.accumulate(np.array(self.accuracies, dtype=float))
        )
        return errors


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a run is not worth going on with.

    Attributes:
        epoch: The last epoch that it ran.
        possible_accuracy: The most that its remaining epochs are given credit for.
        possible_seconds: Train seconds of the whole run, at least.
    """

    epoch: int
    possible_accuracy: float
    possible_seconds: float

    def __str__(self) -> str:
        return (
            f"after epoch {self.epoch}: even with {100 * self.possible_accuracy:.2f} % at "
            f"{self.possible_seconds:.3g} s it would not add to the front"
        )


class DominanceRule:
    """Learns from the runs of a study, and says which one cannot add to their front any more.

    The front is of train seconds and the best accuracy so far (and of parameters, where they differ), over every
    epoch of every run. The estimate for a later epoch j of a run that is at epoch i: its error times a low quantile
    of error_j / error_i over the completed runs of its policy. A policy that gains late is given credit for that by
    its own curves, and as long as there are too few of them nothing of that policy is stopped.

    Seconds to come are those that this run's own epochs of the same batch size took, else the least that any
    run's did, else none, so that an unknown speed never speaks against a run.

    Args:
        confidence: Share of the completed runs that gained less than a run is given credit for; above 0, below 1.
        curves_needed: Completed runs of a policy before any of it is stopped.

    Raises:
        InputError: A setting is out of its limits.

    >>> rule = DominanceRule(curves_needed=1)
    >>> rule.record(Progress("fixed", 0, (32, 32, 32), (1.0, 2.0, 3.0), (0.8, 0.9, 0.95)))
    >>> print(rule.verdict(Progress("fixed", 0, (32, 32, 32), (1.0,), (0.5,))))
    after epoch 1: even with 87.50 % at 3 s it would not add to the front
    """

    def __init__(self, confidence: float = 0.95, curves_needed: int = 3) -> None:
        if not 0 < confidence < 1:
            raise InputError(
                f"confidence={confidence}: must lie above 0 and below 1, as in 0.95. "
                "A larger one stops fewer runs."
            )
        if curves_needed < 1:
            raise InputError(f"curves_needed={curves_needed}: an estimate needs at least 1 curve.")
        self._confidence = confidence
        self._curves_needed = curves_needed
        self._completed: dict[tuple[str, int], list[Floats]] = defaultdict(list)
        self._front = np.empty((0, 3))
        self._least_seconds: dict[int, float] = {}

    def record(self, run: Progress) -> None:
        """Take in all epochs of a run; if it is complete, later runs are judged by it too."""
        for epoch in range(1, len(run.seconds) + 1):
            self._record_point(run, epoch)
        if run.complete:
            self._completed[run.policy, len(run.batch_sizes)].append(run.errors)

    def record_epoch(self, run: Progress) -> None:
        """Take in the latest epoch of a run whose earlier ones were taken in."""
        self._record_point(run, len(run.seconds))
        if run.complete:
            self._completed[run.policy, len(run.batch_sizes)].append(run.errors)

    def verdict(self, run: Progress) -> Verdict | None:
        """Say why the run need not go on, or None if it may still add to the front.

        Args:
            run: Its epochs so far, at least one; they should have been taken in.
        """
        curves = self._completed[run.policy, len(run.batch_sizes)]
        if run.complete or len(curves) < self._curves_needed:
            return None
        at = len(run.seconds)
        errors_NL = np.stack(curves)
        ratios_NE = errors_NL[:, at:] / errors_NL[:, at - 1 : at]
        credit_E = np.quantile(ratios_NE, 1 - self._confidence, axis=0, method="lower")
        errors_E = run.errors[-1] * credit_E
        seconds_E = self._seconds_to_come(run)
        possible_E3 = np.stack([seconds_E, errors_E, np.full(len(errors_E), run.parameters)], axis=1)
        covered_E = (self._front[:, None] <= possible_E3[None]).all(axis=2).any(axis=0)
        if not covered_E.all():
            return None
        return Verdict(at, float(1 - errors_E.min()), float(seconds_E[-1]))

    def _record_point(self, run: Progress, epoch: int) -> None:
        point = np.array([run.seconds[epoch - 1], run.errors[epoch - 1], run.parameters])
        took = point[0] - (run.seconds[epoch - 2] if epoch > 1 else 0.0)
        size = run.batch_sizes[epoch - 1]
        self._least_seconds[size] = min(took, self._least_seconds.get(size, took))
        if not (self._front <= point).all(axis=1).any():
            beaten = (point <= self._front).all(axis=1)
            self._front = np.vstack([self._front[~beaten], point])

    def _seconds_to_come(self, run: Progress) -> Floats:
        """Give train seconds at the end of each later epoch, shape (E,)."""
        own = _epoch_seconds(run.batch_sizes, run.seconds)
        later = run.batch_sizes[len(run.seconds) :]
        took = [own[size] if size in own else self._least_seconds.get(size, 0.0) for size in later]
        return run.seconds[-1] + np.cumsum(took)


def _epoch_seconds(batch_sizes: Sequence[int], seconds: Sequence[float]) -> dict[int, float]:
    """Give the mean seconds of an epoch for each batch size that was run."""
    took = defaultdict(list)
    for size, (before, after) in zip(batch_sizes, pairwise((0.0, *seconds)), strict=False):
        took[size].append(after - before)
    return {size: sum(each) / len(each) for size, each in took.items()}
