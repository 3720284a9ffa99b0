"""What a study trains next, where no sampler of Optuna draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dse.record.trial import EXPLORE, Trial
from dse.search.progress import Progress
from dse.space.assignment import Assignment


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a space and the seed to train it with.

    Attributes:
        assignment: Values of the space's parameters.
        seed: The seed.
        purpose: What the trial is for, as in ``Trial``.
    """

    assignment: Assignment
    seed: int
    purpose: str = EXPLORE


class Agenda(Protocol):
    """What is trained next, learnt from what has ended."""

    @property
    def done(self) -> str:
        """Why nothing is left, once ``next`` gave None."""

    def next(self) -> Point | None:
        """Give the point to train next; None if there is none."""

    def begun(self, trial: Trial) -> None:
        """Leave out a trial that is at work, until it has ended."""

    def ended(self, trial: Trial, run: Progress, *, counts: bool = True) -> None:
        """Learn from a trial that has ended; from one that does not count only that it is at work no more."""

    def remaining_gain(self) -> float | None:
        """Expect by what share the front's volume grows if all that is left is trained; None if it is not judged."""
