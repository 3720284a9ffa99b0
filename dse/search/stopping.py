"""Dominance stopping: end a run as soon as no continuation of it can add to the front.

A run's later epochs lie at more seconds and, at best, at an accuracy that is bounded by how much the errors of
completed runs fell over the same part of their plans. If the front is at least as good at every one of these
points, the rest of the run is not worth its seconds.

Parts of two plans are the same where the same share of the summed learning rate is behind them: a one-cycle run
whose rate still rises stands early in its training, however many of its epochs are done.

Dimensions: E epochs that a plan still holds, M points of the front, N completed runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dse.errors import InputError
from dse.search.history import History
from dse.search.progress import Progress

CURVES_NEEDED = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a run is not worth continuing.

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
    """Says which run cannot add to the front any more.

    The error credited to a later epoch of a run: its error so far times a low quantile, over the completed runs, of
    the ratio by which theirs fell between the same two shares of the summed learning rate. Seconds to come are
    those of ``History.seconds_to_come``, where an unknown speed never speaks against a run.

    Args:
        history: The runs so far, the epochs of the one to be judged included.
        confidence: Share of the completed runs that gained less than a run is given credit for; above 0, below 1.
        curves_needed: Completed runs before any run is stopped.

    Raises:
        InputError: A setting is out of its limits.

    >>> from dse.search.progress import PlanSummary
    >>> summary = PlanSummary((32, 32), rate_shares=(0.5, 1.0), total_steps=20, mean_rate=0.001, parameters=0)
    >>> history = History()
    >>> history.record(Progress(summary, (1.0, 2.0), (0.8, 0.9)))
    >>> print(DominanceRule(history, confidence=0.7, curves_needed=1).verdict(Progress(summary, (1.0,), (0.5,))))
    after epoch 1: even with 75.00 % at 2 s it would not add to the front
    """

    def __init__(self, history: History, confidence: float, curves_needed: int = CURVES_NEEDED) -> None:
        if not 0 < confidence < 1:
            raise InputError(
                f"confidence={confidence}: must lie above 0 and below 1, as in 0.7. "
                "A larger one stops fewer runs."
            )
        if curves_needed < 1:
            raise InputError(f"curves_needed={curves_needed}: an estimate needs at least 1 curve.")
        self._history = history
        self._confidence = confidence
        self._curves_needed = curves_needed

    def verdict(self, run: Progress) -> Verdict | None:
        """Say why a run with at least one epoch need not continue, or None if it may still add to the front."""
        if run.complete or self._history.completed < self._curves_needed:
            return None
        at = len(run.seconds)
        log_errors_NE = self._history.log_errors_along(run.summary.rate_shares)[:, at - 1 :]
        falls_NE = log_errors_NE[:, 1:] - log_errors_NE[:, :1]
        rank = int((1 - self._confidence) * (len(falls_NE) - 1))
        errors_E = run.errors[-1] * np.exp(np.partition(falls_NE, rank, axis=0)[rank])
        seconds_E = np.array(self._history.seconds_to_come(run))
        front_M3 = self._history.front
        covered_E = (
            (front_M3[:, :1] <= seconds_E)
            & (front_M3[:, 1:2] <= errors_E)
            & (front_M3[:, 2:] <= run.summary.parameters)
        ).any(axis=0)
        if not covered_E.all():
            return None
        return Verdict(at, float(1 - errors_E.min()), float(seconds_E[-1]))
