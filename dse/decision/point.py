"""A point of the design space, a recipe stopped after an epoch, as it is read from a study's frames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from dse.record.replicates import ROUNDING
from dse.record.tables import StudyTables
from dse.units import points_text, value_text


@dataclass(frozen=True, slots=True)
class Point:
    """A recipe, stopped after an epoch: means over its seeds.

    Attributes:
        trial: Number of the recipe's first trial.
        epoch: The epoch to stop after, counted from 1.
        epochs: Epochs that all its runs reached.
        recipe_id: The recipe's id.
        label: The recipe in a few words.
        seeds: Runs that the values are means over.
        seconds: Train seconds up to the end of that epoch.
        seconds_sd: Their standard deviation over the seeds; None for a single one.
        accuracy: Best accuracy up to then.
        accuracy_sd: Its standard deviation over the seeds; None for a single one.
        test_accuracy: Test accuracy at each run's best epoch up to then.
        parameters: Trained weights; None if they are not recorded.
    """

    trial: int
    epoch: int
    epochs: int
    recipe_id: str
    label: str
    seeds: int
    seconds: float
    seconds_sd: float | None
    accuracy: float
    accuracy_sd: float | None
    test_accuracy: float
    parameters: int | None

    @classmethod
    def of(cls, row: Mapping[Any, Any], epochs: int) -> Self:
        """Read a row of ``StudyTables.points``."""
        parameters = _known(row["parameters"])
        return cls(
            trial=int(row["trial"]),
            epoch=int(row["epoch"]),
            epochs=epochs,
            recipe_id=str(row["recipe_id"]),
            label=str(row["label"]),
            seeds=int(row["seeds"]),
            seconds=float(row["train_seconds"]),
            seconds_sd=_known(row["train_seconds_sd"]),
            accuracy=float(row["accuracy"]),
            accuracy_sd=_known(row["accuracy_sd"]),
            test_accuracy=float(row["test_accuracy"]),
            parameters=None if parameters is None else int(parameters),
        )

    def __str__(self) -> str:
        return f"{self.values}, trial {self.trial} stopped after epoch {self.epoch} of {self.epochs}: {self.label}"

    @property
    def values(self) -> str:
        """Accuracy, seconds and parameters, for readers."""
        found = f"{value_text(self.accuracy, 'share')} in {value_text(self.seconds, 's')}"
        return found if self.parameters is None else f"{found} with {self.parameters:,} parameters"


def _known(value: Any) -> float | None:
    """Give a cell's number; None if it is missing (None, NaN, NA)."""
    try:
        number = float(value)
    except TypeError:
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True, slots=True)
class Against:
    """A point beside the baseline, at the point's accuracy or, where the baseline never gets there, at its best.

    Attributes:
        itself: Whether the point is one of the baseline.
        baseline_accuracy: Accuracy at which both are compared.
        baseline_seconds: Train seconds in which the baseline first reaches it.
        time_ratio: The point's seconds as a share of those.
        accuracy_gain: The point's accuracy - the baseline's best; negative if it is below.
    """

    itself: bool
    baseline_accuracy: float
    baseline_seconds: float
    time_ratio: float
    accuracy_gain: float

    def __str__(self) -> str:
        if self.itself:
            return "it is the baseline itself."
        seconds = value_text(self.baseline_seconds, "s")
        if self.accuracy_gain > ROUNDING:
            best = value_text(self.baseline_accuracy, "share")
            gained = f"{points_text(self.accuracy_gain)} over its best, {best}"
            return f"{gained}, in {self.time_ratio:.2f} of the {seconds} that it takes to that."
        return f"the same accuracy in {self.time_ratio:.2f} of its time, {seconds}."


def against_baseline(tables: StudyTables, point: Point) -> Against | None:
    """Compare a point with the study's baseline; None while no run of that is complete."""
    baseline = tables.answer.baseline
    if baseline is None:
        return None
    level = min(point.accuracy, baseline.accuracy)
    curve = tables.baseline_points
    reached = curve.loc[curve["accuracy"] >= level - ROUNDING, "train_seconds"]
    # The curve is one over all its runs, the answer's one over those that are complete.
    seconds = float(reached.min()) if len(reached) and level < baseline.accuracy else baseline.seconds
    return Against(
        itself=point.recipe_id in set(curve["recipe_id"]),
        baseline_accuracy=level,
        baseline_seconds=seconds,
        time_ratio=point.seconds / seconds,
        accuracy_gain=point.accuracy - baseline.accuracy,
    )
