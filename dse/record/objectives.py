"""The objectives: what a study makes small or large. ``OBJECTIVES`` is the only list of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from dse.recipe.plan import Plan
from dse.record.run import Run

Value = float | int | None
Unit = Literal["s", "J", "share", "count", "flops"]


@dataclass(frozen=True, slots=True)
class Objective:
    """What a study makes small or large.

    Attributes:
        name: Key in space files and column in every table.
        unit: What its values count: seconds, joules, a share between 0 and 1, things, or operations.
        maximise: Whether more is better.
        title: Title of an axis, with the unit unless that is a share.
        description: What it measures, for the documentation.
        of: Measures a run, whole or cut short, of a plan, given the study's target accuracy; None for what the run
            does not have.
        anytime: Whether its value after each epoch follows from the curve, so that a recipe stopped after that epoch
            is a point of the front.
    """

    name: str
    unit: Unit
    maximise: bool
    title: str
    description: str
    of: Callable[[Run, Plan, float | None], Value]
    anytime: bool = False

    @property
    def is_time(self) -> bool:
        """Whether it counts seconds; such an axis is drawn in logarithms."""
        return self.unit == "s"


def _seconds_to_target(run: Run, plan: Plan, target: float | None) -> Value:
    reached = (row.train_seconds for row in run.curve if target is not None and row.accuracy >= target)
    return next(reached, None)


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective(
            "train_seconds",
            "s",
            maximise=False,
            title="train time (s)",
            description="seconds in the training loop, over all epochs",
            of=lambda run, plan, target: run.train_seconds,
            anytime=True,
        ),
        Objective(
            "seconds_to_best",
            "s",
            maximise=False,
            title="train time to the best epoch (s)",
            description="train seconds up to the best epoch",
            of=lambda run, plan, target: run.best.train_seconds if run.curve else None,
            anytime=True,
        ),
        Objective(
            "seconds_to_target",
            "s",
            maximise=False,
            title="train time to the target (s)",
            description="train seconds up to the target accuracy",
            of=_seconds_to_target,
        ),
        Objective(
            "accuracy",
            "share",
            maximise=True,
            title="accuracy",
            description="accuracy of the best epoch",
            of=lambda run, plan, target: run.best.accuracy if run.curve else None,
            anytime=True,
        ),
        Objective(
            "final_accuracy",
            "share",
            maximise=True,
            title="final accuracy",
            description="accuracy after the last epoch",
            of=lambda run, plan, target: run.curve[-1].accuracy if run.curve else None,
        ),
        Objective(
            "parameters",
            "count",
            maximise=False,
            title="parameters",
            description="trained weights",
            of=lambda run, plan, target: plan.parameters,
            anytime=True,
        ),
        Objective(
            "train_flops",
            "flops",
            maximise=False,
            title="training operations",
            description="floating-point operations of the whole run",
            of=lambda run, plan, target: plan.train_flops,
        ),
        Objective(
            "energy_joules",
            "J",
            maximise=False,
            title="training energy (J)",
            description="joules that the GPU takes in the training loop, over all epochs",
            of=lambda run, plan, target: run.energy_joules,
        ),
    )
}


def directions(names: Sequence[str]) -> tuple[bool, ...]:
    """Say for each objective whether more is better.

    >>> directions(("train_seconds", "accuracy"))
    (False, True)
    """
    return tuple(OBJECTIVES[name].maximise for name in names)


def measure(run: Run, plan: Plan, target: float | None = None) -> dict[str, Value]:
    """Measure a run by every objective.

    Args:
        run: A run, whole or cut short.
        plan: The plan that it followed.
        target: Accuracy for ``seconds_to_target``.

    Returns:
        A value for each name of ``OBJECTIVES``; None for what a run without an epoch does not have, and for
        ``seconds_to_target`` without a target or if the run never reached it.
    """
    return {name: objective.of(run, plan, target) for name, objective in OBJECTIVES.items()}


def is_of_curves(names: Sequence[str]) -> bool:
    """Tell whether every epoch of a curve is a point: accuracy against seconds, with parameters or without.

    >>> is_of_curves(("train_seconds", "accuracy")), is_of_curves(("train_flops", "accuracy"))
    (True, False)
    """
    return {"accuracy"} < set(names) and all(OBJECTIVES[name].anytime for name in names)


def time_objective(names: Sequence[str]) -> str | None:
    """Name the first objective that counts seconds."""
    return next((name for name in names if OBJECTIVES[name].is_time), None)


def accuracy_objective(names: Sequence[str]) -> str | None:
    """Name the first objective that is a share to be made large."""
    return next((n for n in names if OBJECTIVES[n].unit == "share" and OBJECTIVES[n].maximise), None)
