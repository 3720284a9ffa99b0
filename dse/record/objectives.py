"""The objectives by name: which way each is better, and how a run is measured by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dse.recipe.plan import Plan
from dse.record.run import Run


@dataclass(frozen=True, slots=True)
class Objective:
    """What a study makes small or large.

    Attributes:
        name: Key in space files and column in every table.
        maximise: Whether more is better.
        title: Title of an axis, with the unit.
    """

    name: str
    maximise: bool
    title: str
    description: str

    @property
    def is_time(self) -> bool:
        """Whether it counts seconds; such an axis is drawn in logarithms."""
        return "seconds" in self.name


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("train_seconds", False, "train time (s)", "seconds in the training loop, over all epochs"),
        Objective(
            "seconds_to_best", False, "train time to the best epoch (s)", "train seconds up to the best epoch"
        ),
        Objective(
            "seconds_to_target",
            False,
            "train time to the target (s)",
            "train seconds up to the target accuracy",
        ),
        Objective("accuracy", True, "accuracy", "accuracy of the best epoch"),
        Objective("final_accuracy", True, "final accuracy", "accuracy after the last epoch"),
        Objective("parameters", False, "parameters", "trained weights"),
        Objective("train_flops", False, "training operations", "floating-point operations of the whole run"),
    )
}


def directions(names: Sequence[str]) -> tuple[bool, ...]:
    """Tell for each objective whether more is better.

    >>> directions(("train_seconds", "accuracy"))
    (False, True)
    """
    return tuple(OBJECTIVES[name].maximise for name in names)


def measure(run: Run, plan: Plan, target: float | None = None) -> dict[str, float | int | None]:
    """Measure a run by every objective.

    Args:
        run: A run, whole or cut short.
        plan: The plan that it followed.
        target: Accuracy for ``seconds_to_target``.

    Returns:
        A value for each name of ``OBJECTIVES``; None for what a run without an epoch has not, and for
        ``seconds_to_target`` without a target or if the run never reached it.
    """
    reached = (row.train_seconds for row in run.curve if target is not None and row.accuracy >= target)
    return {
        "train_seconds": run.train_seconds,
        "seconds_to_best": run.best.train_seconds if run.curve else None,
        "seconds_to_target": next(reached, None),
        "accuracy": run.best.accuracy if run.curve else None,
        "final_accuracy": run.curve[-1].accuracy if run.curve else None,
        "parameters": plan.parameters,
        "train_flops": plan.train_flops,
    }
