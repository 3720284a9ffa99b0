"""A recorded table: the complete runs of a study, recipe by recipe and seed by seed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from dse.errors import StudyError
from dse.pareto import front_mask
from dse.recipe.recipe import parse_recipe
from dse.record.tables import StudyTables
from dse.search.progress import Floats, PlanSummary, Progress
from dse.search.surrogate import Candidate
from dse.search.volume import Reference, curve_volume, run_points
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace

RecordedRun = tuple[Progress, ...]
"""A recorded run as it was after each epoch; the last one is the whole."""


@dataclass(frozen=True)
class RecordedTable:
    """What a study recorded, ready to be searched again.

    Attributes:
        name: Of the study.
        space: What it explored.
        candidates: Every recipe with a complete run; a row each.
        runs: The complete runs of each row, by rising seed.
        baseline: The row that others are compared with.
        left_out: Recipes of which no run is complete.
    """

    name: str
    space: SearchSpace
    candidates: tuple[Candidate, ...]
    runs: tuple[tuple[RecordedRun, ...], ...]
    baseline: int
    left_out: int

    @property
    def whole(self) -> bool:
        """Whether every recipe of the space can be run."""
        return len(self.candidates) == self.space.size

    @cached_property
    def points(self) -> tuple[Floats, ...]:
        """What each row is worth, one point an epoch: means over its seeds of seconds and best accuracy."""
        return tuple(np.mean([run_points([run[-1]]) for run in runs], axis=0) for runs in self.runs)

    @cached_property
    def seconds(self) -> float:
        """Train seconds of one run of every row."""
        return float(sum(points[-1, 0] for points in self.points))

    @cached_property
    def reference(self) -> Reference:
        """What volumes are measured from."""
        return Reference.of([run[-1] for run in self.runs[self.baseline]])

    @cached_property
    def volume(self) -> float:
        """Volume that all recorded points cover together."""
        return curve_volume(np.concatenate(self.points), self.reference)

    @cached_property
    def front(self) -> frozenset[tuple[int, int]]:
        """The (row, epoch) pairs that no other point dominates; epochs count from 1."""
        where = [(row, epoch + 1) for row, points in enumerate(self.points) for epoch in range(len(points))]
        on_front = front_mask(np.concatenate(self.points), (False, True, False))
        return frozenset(pair for pair, on in zip(where, on_front, strict=True) if on)


def record_table(tables: StudyTables) -> RecordedTable:
    """Lay a study out for replays.

    Raises:
        StudyError: The study's space is not known, or no run or none of the baseline is complete.
    """
    if "recipe" not in tables.space:
        raise StudyError(f"{tables.name}: a replay needs the study's space.yaml beside its tables.")
    space = parse_space(tables.space, f"the space of {tables.name}")
    curves = {int(str(trial)): curve for trial, curve in tables.curves.groupby("trial")}
    complete = tables.trials[tables.trials["state"] == "complete"].sort_values(["seed", "trial"])
    candidates: list[Candidate] = []
    runs: list[tuple[RecordedRun, ...]] = []
    baseline = None
    for recipe_id, trials in complete.groupby("recipe_id", sort=False):
        recipe = parse_recipe(json.loads(trials["recipe"].iloc[0]), f"{tables.name}, recipe {recipe_id}")
        choices = space.assignment_of(recipe)
        if choices is None:
            raise StudyError(
                f"{tables.name}: trial {trials['trial'].iloc[0]} trains a recipe that its space.yaml does not hold. "
                "Publish the tables with the space that they were explored in."
            )
        if recipe.id == space.baseline_recipe.id:
            baseline = len(candidates)
        # As recorded: of a network of the user's own nothing else tells, and its code is not imported here.
        parameters = int(trials["parameters"].iloc[0]) if space.weighs_parameters else None
        summary = PlanSummary.of(space.plan(recipe), parameters)
        candidates.append(Candidate(choices, summary))
        runs.append(tuple(_run(curves[trial], summary, trial, tables.name) for trial in trials["trial"]))
    if baseline is None:
        raise StudyError(
            f"{tables.name}: no run of the baseline is complete, and volumes are measured from it. "
            "Resume the study until one is."
        )
    left_out = tables.trials["recipe_id"].nunique() - len(candidates)
    return RecordedTable(tables.name, space, tuple(candidates), tuple(runs), baseline, left_out)


def _run(curve: pd.DataFrame, summary: PlanSummary, trial: int, study: str) -> RecordedRun:
    seconds, accuracies = (tuple(map(float, curve[name])) for name in ("train_seconds", "accuracy"))
    if len(seconds) != summary.epochs:
        raise StudyError(
            f"{study}: trial {trial} is complete, but curves.csv holds {len(seconds)} of its {summary.epochs} epochs. "
            "Publish both tables together."
        )
    return tuple(Progress(summary, seconds[:n], accuracies[:n]) for n in range(1, len(seconds) + 1))
