"""A trial: one recipe, one seed, its run and its outcome, as a study records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dse.recipe.recipe import Recipe
from dse.record.run import EpochRow


class TrialState(StrEnum):
    """Where a trial stands.

    Only ``COMPLETE`` trials have a place on the trial front. ``STOPPED`` was ended early because no continuation
    could add to the anytime front, where its epochs have their place. ``MISSED_TARGET`` trained to the end without
    reaching the target accuracy; ``DIVERGED`` lost its loss to infinity; ``FAILED`` raised an error;
    ``INTERRUPTED`` was cut off from outside and is trained again when the study goes on.
    """

    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"
    MISSED_TARGET = "missed_target"
    DIVERGED = "diverged"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Trial:
    """One recipe, one seed, its run and its outcome.

    Attributes:
        number: From 0, in the order of the study.
        recipe: What is trained.
        seed: Seed of weights, shuffling and shifts.
        state: Where it stands.
        reason: Why it is not complete.
        measures: Values by name of ``dse.record.objectives.OBJECTIVES``, as far as known.
        curve: One row for each epoch so far.
        setup_seconds: Seconds before the first step.
        started: When it began, UTC, ISO 8601.
        device: What it runs on.
        engine: What ran the steps.
        possible_accuracy: Of a stopped trial: the most that its remaining epochs were given credit for.
        possible_seconds: Of a stopped trial: train seconds of the whole run, at least.
    """

    number: int
    recipe: Recipe
    seed: int
    state: TrialState
    reason: str = ""
    measures: Mapping[str, float | int | None] = field(default_factory=dict)
    curve: tuple[EpochRow, ...] = ()
    setup_seconds: float | None = None
    started: str = ""
    device: str = ""
    engine: str = ""
    possible_accuracy: float | None = None
    possible_seconds: float | None = None

    @property
    def complete(self) -> bool:
        """Whether it has a place among the points that fronts are made of."""
        return self.state is TrialState.COMPLETE
