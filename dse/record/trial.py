"""A trial: one recipe, one seed and its run, as a study records it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from dse.recipe.recipe import Recipe
from dse.record.epoch import check_curve
from dse.record.objectives import OBJECTIVES
from dse.record.run import Outcome, Run

# What a trial was trained for: to find recipes, or, with a seed that chose none, to judge those that were found.
EXPLORE, CONFIRM = "explore", "confirm"


@dataclass(frozen=True, slots=True)
class Trial:
    """One recipe, one seed and its run.

    Attributes:
        number: From 0, in the order of the study.
        recipe: What is trained.
        seed: Seed of weights, shuffling and shifts.
        run: The run, as far as it came.
        attempt: 1, or one more than that of the trial that this one does again.
        measures: Values by name of ``dse.record.objectives.OBJECTIVES``, as far as known.
        started: When it began, UTC, ISO 8601.
        device: What it runs on.
        possible_accuracy: Of a stopped trial: the most that its remaining epochs were given credit for.
        possible_seconds: Of a stopped trial: train seconds of the whole run, at least.
        purpose: ``explore``, or ``confirm`` of a trial that judges what was found: its seed helped to choose nothing.
        calibration_error: Standard error of its calibrated seconds beside another recipe's, as a share of them; None if
            it has none.

    >>> trial = Trial(0, Recipe(), seed=0, run=Run())
    >>> trial.state.value, trial.complete
    ('running', False)
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
    attempt: int = 1
    purpose: str = EXPLORE
    calibration_error: float | None = None

    @property
    def state(self) -> Outcome:
        """Where it stands: the outcome of its run."""
        return self.run.outcome

    @property
    def complete(self) -> bool:
        """Whether its run came to its end, with a value for every objective."""
        return self.state is Outcome.COMPLETE

    def check(self) -> None:
        """Refuse what no trial can have, wherever it was read from.

        Raises:
            ValueError: A number is none, or not finite, or the curve is not one of the recipe's.
        """
        for name, least in (("number", 0), ("seed", 0), ("attempt", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ValueError(f"{name}={value!r:.80} is no whole number from {least} up")
        numbers = {name: self.measures.get(name) for name in OBJECTIVES}
        numbers |= {name: getattr(self, name) for name in ("possible_accuracy", "possible_seconds")}
        for name, value in (numbers | {"setup_seconds": self.run.setup_seconds}).items():
            if value is not None and (type(value) not in (int, float) or not math.isfinite(value)):
                raise ValueError(f"{name}={value!r:.80} is no finite number")
        for name, value in (
            ("reason", self.run.reason),
            ("engine", self.run.engine),
            ("device", self.device),
        ):
            if not isinstance(value, str):
                raise ValueError(f"{name}={value!r:.80} is no text")
        if self.purpose not in (EXPLORE, CONFIRM):
            raise ValueError(f"purpose={self.purpose!r:.80} is neither {EXPLORE} nor {CONFIRM}")
        check_curve(self.run.curve, self.recipe.epochs)
        if not 0 <= self.run.resumed_epochs <= len(self.run.curve):
            raise ValueError(
                f"resumed_epochs={self.run.resumed_epochs!r:.80}, but it has {len(self.run.curve)} epochs"
            )
