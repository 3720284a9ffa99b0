"""A trial: one recipe, one seed and its run, as a study records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dse.recipe.recipe import Recipe
from dse.record.run import Outcome, Run


@dataclass(frozen=True, slots=True)
class Trial:
    """One recipe, one seed and its run.

    Attributes:
        number: From 0, in the order of the study.
        recipe: What is trained.
        seed: Seed of weights, shuffling and shifts.
        run: The run, as far as it came.
        measures: Values by name of ``dse.record.objectives.OBJECTIVES``, as far as known.
        started: When it began, UTC, ISO 8601.
        device: What it runs on.
        possible_accuracy: Of a stopped trial: the most that its remaining epochs were given credit for.
        possible_seconds: Of a stopped trial: train seconds of the whole run, at least.
    """

    number: int
    recipe: Recipe
    seed: int
    run: Run
    measures: Mapping[str, float | int | None] = field(default_factory=dict)
    started: str = ""
    device: str = ""
    possible_accuracy: float | None = None
    possible_seconds: float | None = None

    @property
    def state(self) -> Outcome:
        """Where it stands: the outcome of its run."""
        return self.run.outcome

    @property
    def complete(self) -> bool:
        """Whether its run came to its end, with a value for every objective."""
        return self.state is Outcome.COMPLETE
