"""A study as pandas frames, and as the CSV files that are made from them; docs/results.md documents every column."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from dse.errors import StudyError
from dse.files import write_atomically
from dse.record.answer import Answer, complete_runs, find_answer
from dse.record.cells import to_csv
from dse.record.clock import clock_of, noise_floor_of
from dse.record.courses import by_course
from dse.record.environment import workers_of
from dse.record.evidence import Evidence
from dse.record.frames import curves_frame, trials_frame, typed
from dse.record.front import front_frame, points_frame, whole_runs_frame
from dse.record.noise import choosing_images
from dse.record.objectives import OBJECTIVES, is_of_curves
from dse.record.replicates import Replicates
from dse.record.right import ReadRight, no_right
from dse.record.right_file import RIGHT_FILE, pack_right
from dse.record.trial import Trial
from dse.units import clipped, count_text, value_text

# Of the front, in a notebook.
MOST_ROWS = 30


@dataclass(frozen=True)
class StudyTables:
    """A study as frames, whatever they were read from.

    Attributes:
        name: Name of the study.
        objectives: Names of the objectives, as in ``dse.record.objectives.OBJECTIVES``.
        protocol: ``holdout`` or ``paper``.
        target: Accuracy for ``seconds_to_target``, if the study has one.
        trials: One row a trial.
        curves: One row an epoch of each trial.
        points: One row for each recipe and epoch to stop after: means over the recipe's seeds. Recipes that begin one
            another are one, named by the one whose runs come furthest.
        front: The points that no other dominates; of whole runs where the objectives are not those of a curve.
        answer: The least time in which a recipe reaches the baseline's best accuracy; prints as a sentence.
        environment: Machine, device and versions.
        space: The search space as it was explored.
        right: Reads which images were right after each epoch of some trials.
        recipes: Every recipe's runs, by its id; of those that begin one another by that of the points.
        baseline: The complete runs of the baseline.
        evidence: How sure the front is; None until ``dse.evidence.judge.judged`` has seen to it.

    >>> import dse
    >>> study = dse.load_study("results/mnist-dimensions")
    >>> study.front[["trial", "epoch", "accuracy"]].round(4).tail(2)
       trial  epoch  accuracy
    7      8      8    0.9899
    8      8      9    0.9903
    """

    name: str
    objectives: tuple[str, ...]
    protocol: str
    target: float | None
    trials: pd.DataFrame
    curves: pd.DataFrame
    points: pd.DataFrame
    front: pd.DataFrame
    answer: Answer
    environment: dict[str, Any] = field(default_factory=dict)
    space: dict[str, Any] = field(default_factory=dict)
    right: ReadRight = field(default=no_right, repr=False)
    recipes: Mapping[str, Replicates] = field(default_factory=dict, repr=False)
    baseline: Replicates | None = field(default=None, repr=False)
    evidence: Evidence | None = None

    def __repr__(self) -> str:
        """Say in a line what was studied and found: the frames have thousands of rows."""
        recipes = self.trials["recipe_id"].nunique()
        found = (
            "no answer yet"
            if self.answer.share is None
            else f"{self.answer.share:.2f} of the baseline's time"
        )
        return (
            f"StudyTables({clipped(self.name)!r}: {count_text(len(self.trials), 'trial')} of "
            f"{count_text(recipes, 'recipe')}, {count_text(len(self.front), 'point')} on the front, {found})"
        )

    def _repr_html_(self) -> str:
        """Show the study in a notebook: its answer, and its front."""
        names = (
            "trial",
            "epoch",
            "train_seconds",
            "accuracy",
            *self.objectives,
            "seeds",
            "p_front",
            "verdict",
            "label",
        )
        columns = [name for name in dict.fromkeys(names) if name in self.front]
        formats: dict[Any, Any] = {
            name: partial(value_text, unit=OBJECTIVES[name].unit) for name in columns if name in OBJECTIVES
        }
        if "p_front" in columns:
            formats["p_front"] = "{:.2f}".format
        shown = self.front[columns].to_html(
            index=False, border=0, max_rows=MOST_ROWS, formatters=formats, na_rep=""
        )
        return f"<p>{escape(repr(self))}</p>{self.answer._repr_html_()}{shown}"

    @cached_property
    def judged_as(self) -> Mapping[str, str]:
        """The id under which a recipe's points stand, by its own: that of the recipe that names the training."""
        return {each: name for name, runs in self.recipes.items() for each in runs.recipes}

    @property
    def baseline_points(self) -> pd.DataFrame:
        """The points of the baseline."""
        ids = self.trials.loc[self.trials["is_baseline"], "recipe_id"].map(self.judged_as)
        return self.points[self.points["recipe_id"].isin(ids)]

    @property
    def front_of_curves(self) -> bool:
        """Whether every epoch of a curve may be on the front, and not the whole run alone."""
        return is_of_curves(self.objectives)


def make_tables(
    name: str,
    trials: Sequence[Trial],
    space: Mapping[str, Any],
    baseline_id: str,
    environment: Mapping[str, Any],
    right: ReadRight = no_right,
) -> StudyTables:
    """Lay a study's trials out as frames.

    Args:
        name: Name of the study.
        trials: All its trials, in their order.
        space: The search space as ``SearchSpace.dump`` gives it.
        baseline_id: Recipe id of the baseline.
        environment: Machine, device and versions.
        right: Reads which images were right.
    """
    objectives, protocol, target = tuple(space["objectives"]), space["protocol"], space["target"]
    recipes = by_course(trials, objectives)
    baseline = complete_runs(trials, baseline_id)
    points = points_frame(recipes, target)
    judged = points if is_of_curves(objectives) else whole_runs_frame(recipes, objectives)
    front = front_frame(judged, objectives, baseline)
    return StudyTables(
        name=name,
        objectives=objectives,
        protocol=protocol,
        target=target,
        trials=trials_frame(
            trials, _with_points(front, recipes), baseline_id, baseline, noise_floor_of(environment)
        ),
        curves=curves_frame(trials),
        points=typed(points),
        front=typed(front),
        answer=study_answer(recipes, baseline, space, environment),
        environment=dict(environment),
        space=dict(space),
        right=right,
        recipes=recipes,
        baseline=baseline,
    )


def _with_points(front: pd.DataFrame, recipes: Mapping[str, Replicates]) -> frozenset[str]:
    """Give the ids of the recipes that have a point on the front: of the same training those that last so long."""
    if "epoch" not in front or front["epoch"].isna().any():
        return frozenset(front["recipe_id"])
    firsts = front.groupby("recipe_id", sort=False)["epoch"].min()
    return frozenset(
        each
        for recipe_id, epoch in firsts.items()
        for each, recipe in recipes[str(recipe_id)].recipes.items()
        if epoch <= recipe.epochs
    )


def study_answer(
    recipes: Mapping[str, Replicates],
    baseline: Replicates | None,
    space: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> Answer:
    """Find a study's answer.

    Args:
        recipes: Every recipe's runs, by its id.
        baseline: The complete runs of the baseline.
        space: The search space as ``SearchSpace.dump`` gives it.
        environment: Machine, device and versions.
    """
    return find_answer(
        recipes,
        baseline,
        images=choosing_images(space, space["protocol"]),
        protocol=space["protocol"],
        workers=workers_of(environment),
        clock=clock_of(environment),
        noise_floor=noise_floor_of(environment),
    )


def write_tables(tables: StudyTables, folder: Path) -> list[Path]:
    """Write trials, curves and front as CSV files, and right.npz; each replaces its elder only when it is whole.

    Raises:
        StudyError: The folder cannot be written to.
    """
    written = []
    for name in ("trials", "curves", "front"):
        path = folder / f"{name}.csv"
        write_view(path, to_csv(getattr(tables, name)))
        written.append(path)
    if tables.evidence is not None:
        written.append(folder / "evidence.csv")
        write_view(written[-1], to_csv(tables.evidence.points))
    write_view(folder / "environment.json", json.dumps(tables.environment, indent=2) + "\n")
    right = pack_right(tables.right, tables.trials["trial"].tolist())
    if right is not None:
        written.append(folder / RIGHT_FILE)
        write_view(folder / RIGHT_FILE, right)
    return written


def write_view(path: Path, content: str | bytes) -> None:
    """Write one of the files that are made from a study; it is whole or not there.

    Raises:
        StudyError: The folder is read-only or full.
    """
    try:
        write_atomically(path, content)
    except OSError as reason:
        raise StudyError(
            f"{path}: cannot be written ({reason.strerror}). Free the disk or the folder's rights, then give the "
            "command again; nothing that is recorded is lost."
        ) from None
