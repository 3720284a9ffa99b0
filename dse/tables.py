"""Trials, curves and front of a study as pandas frames; docs/results.md tells every column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class StudyTables:
    """A study as three frames, whatever they were read from.

    Attributes:
        name: Name of the study.
        objectives: Names of the objectives, as in ``dse.objectives.OBJECTIVES``.
        protocol: ``holdout`` or ``paper``.
        target: Accuracy for ``seconds_to_target``, if the study has one.
        trials: One row a trial.
        curves: One row an epoch of each trial.
        front: The trial front and the anytime front.
        environment: Machine, device and versions.
        space: The search space as it was explored.
    """

    name: str
    objectives: tuple[str, ...]
    protocol: str
    target: float | None
    trials: pd.DataFrame
    curves: pd.DataFrame
    front: pd.DataFrame
    environment: dict[str, Any] = field(default_factory=dict)
    space: dict[str, Any] = field(default_factory=dict)
