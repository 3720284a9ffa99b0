"""How much a front covers: its hypervolume against a reference point that the baseline sets once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dse.pareto import hypervolume
from dse.record.objectives import directions
from dse.search.progress import LEAST_ERROR, Floats, Progress

LEAST_SECONDS = 1e-9  # before the logarithm: a clock that did not tick
REACH = 2.0


@dataclass(frozen=True, slots=True)
class Reference:
    """The point that volumes are measured from: twice the baseline's seconds, error and parameters.

    It stays where it is while a study grows, so volumes of one study compare. Seconds and parameters count in
    natural logarithms, accuracy as it is; what lies beyond the reference counts as nothing.

    Attributes:
        seconds: Train seconds.
        accuracy: An accuracy; below 0 if the baseline is wrong on more than half of the images.
        parameters: Trained weights; 0 in a study that does not weigh them.
    """

    seconds: float
    accuracy: float
    parameters: int

    @classmethod
    def of(cls, baseline: Sequence[Progress]) -> Reference:
        """Set it by completed runs of the baseline: the mean of their seconds and of their best accuracies."""
        seconds = float(np.mean([run.seconds[-1] for run in baseline]))
        error = max(LEAST_ERROR, float(np.mean([1 - max(run.accuracies) for run in baseline])))
        parameters = baseline[0].summary.parameters
        return cls(REACH * max(seconds, LEAST_SECONDS), 1 - REACH * error, round(REACH * parameters))


def curve_volume(points: ArrayLike, reference: Reference) -> float:
    """Measure what points of (train seconds, best accuracy, parameters) dominate; shape (points, 3).

    The unit is ln(seconds) x accuracy, or that x ln(parameters) where they are weighed.

    Raises:
        InputError: A value is not finite.

    >>> reference = Reference(seconds=4.0, accuracy=0.5, parameters=0)
    >>> round(curve_volume([[2.0, 1.0, 0]], reference) / float(np.log(2)), 6)
    0.5
    """
    names = ("train_seconds", "accuracy", *(["parameters"] if reference.parameters else []))
    corner = np.array([reference.seconds, reference.accuracy, reference.parameters])
    values = np.array(points, dtype=float).reshape(-1, 3)
    return _volume(values[:, : len(names)], corner[: len(names)], names)


def run_points(runs: Iterable[Progress]) -> Floats:
    """Lay the epochs of runs out as points of (train seconds, best accuracy so far, parameters)."""
    rows = [
        (second, best, run.summary.parameters)
        for run in runs
        for second, best in zip(run.seconds, np.maximum.accumulate(run.accuracies or [0.0]), strict=False)
    ]
    return np.array(rows, dtype=float).reshape(-1, 3)


def objective_corner(baseline: ArrayLike, names: Sequence[str]) -> Floats:
    """Give the point that volumes of these objectives are measured from: twice the baseline's values and errors.

    >>> objective_corner([2.0, 0.75], ("train_seconds", "accuracy")).tolist()
    [4.0, 0.5]
    """
    values = np.asarray(baseline, dtype=float)
    errors = 1 - REACH * np.maximum(LEAST_ERROR, 1 - values)
    corner: Floats = np.where(directions(names), errors, REACH * np.maximum(values, LEAST_SECONDS))
    return corner


def objective_volume(points: ArrayLike, baseline: ArrayLike, names: Sequence[str]) -> float:
    """Measure what points dominate, from twice the baseline's values and errors; shape (points, objectives).

    What is made small counts in natural logarithms, accuracies as they are.

    Raises:
        InputError: A value is not finite.
    """
    values = np.asarray(points, dtype=float).reshape(-1, len(names))
    return _volume(values, objective_corner(baseline, names), names)


def _volume(values: Floats, corner: Floats, names: Sequence[str]) -> float:
    maximise = directions(names)

    def scaled(part: Floats) -> Floats:
        shown: Floats = np.where(maximise, part, np.log(np.maximum(part, LEAST_SECONDS)))
        return shown

    return hypervolume(scaled(values), scaled(corner), maximise)
