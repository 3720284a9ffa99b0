"""A study's front and answer, judged."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dse.evidence.crossing import judge_share
from dse.evidence.curve import Curve
from dse.evidence.draws import Noise
from dse.evidence.front import FrontEvidence, Limits, Verdict, judge_front, may_matter
from dse.record.clock import clock_of
from dse.record.evidence import EVIDENCE_COLUMNS, Evidence, ShareInterval
from dse.record.front import RECIPE_WORDS
from dse.record.noise import choosing_images, standard_error
from dse.record.replicates import Replicates
from dse.record.right import ReadRight
from dse.record.tables import StudyTables
from dse.record.timing import Timing

# Recipes whose images are read at a time: those of all would take gigabytes.
RECIPES_AT_A_TIME = 100
POINT_COLUMNS = [
    *("trial", "epoch", *RECIPE_WORDS, "seeds", "train_seconds", "accuracy"),
    *("train_seconds_sd", "accuracy_sd", "on_front"),
]


def judged(tables: StudyTables, limits: Limits | None = None) -> StudyTables:
    """Add to a study's tables how sure its front and its answer are.

    Args:
        tables: The study.
        limits: What is asked; None for 95 % and a margin of one standard error of the baseline's accuracy.
    """
    if not tables.recipes:
        return tables
    images = choosing_images(tables.space, tables.protocol)
    limits = Limits(margin=usual_margin(tables, images)) if limits is None else limits
    sample = _Sample.of(tables, images)
    notes = tuple(sample.notes())
    answer = dataclasses.replace(
        tables.answer, interval=sample.share(tables, limits), caveats=(*tables.answer.caveats, *notes)
    )
    points = _points(tables, sample, limits)
    front = tables.front.drop(columns=EVIDENCE_COLUMNS)
    front = front.merge(
        points[["recipe_id", "epoch", *EVIDENCE_COLUMNS]], how="left", on=["recipe_id", "epoch"]
    )
    return dataclasses.replace(
        tables,
        front=front.assign(verdict=front["verdict"].astype("str").fillna("")),
        answer=answer,
        evidence=Evidence(points, limits.confidence, limits.margin, notes),
    )


def usual_margin(tables: StudyTables, images: int | None) -> float:
    """Give one standard error of the baseline's accuracy or, without a baseline, of the best one; 0 if unknown."""
    if images is None:
        return 0.0
    baseline = tables.answer.baseline
    return standard_error(
        float(tables.points["accuracy"].max()) if baseline is None else baseline.accuracy, images
    )


@dataclass(frozen=True)
class _Sample:
    """A study's recipes as curves, those that matter with their images."""

    ids: tuple[str, ...]
    curves: tuple[Curve, ...]
    baseline: Curve | None
    noise: Noise
    images: int | None

    @classmethod
    def of(cls, tables: StudyTables, images: int | None) -> _Sample:
        weighed = "parameters" in tables.objectives
        ids = tuple(tables.recipes)
        curves = [Curve.of(runs, images, weighed=weighed) for runs in tables.recipes.values()]
        fastest = tables.answer.fastest
        matter = set(may_matter(curves, Noise.fitted(curves)).tolist()) if tables.front_of_curves else set()
        if fastest is not None:
            matter.add(ids.index(fastest.recipe_id))
        wanted = {r: (curves[r], tables.recipes[ids[r]]) for r in sorted(matter)}
        if fastest is not None and tables.baseline is not None:
            wanted[-1] = (Curve.of(tables.baseline, images), tables.baseline)
        found = _with_images(wanted, tables.right)
        baseline = found.pop(-1, None)
        for r, curve in found.items():
            curves[r] = curve
        return cls(ids, tuple(curves), baseline, Noise.fitted(curves, _stated_errors(tables)), images)

    def share(self, tables: StudyTables, limits: Limits) -> ShareInterval | None:
        fastest, baseline = tables.answer.fastest, tables.answer.baseline
        if fastest is None or baseline is None or self.baseline is None:
            return None
        places = [self.ids.index(each.recipe_id) for each in (fastest, baseline)]
        aim = self.baseline.at(np.flatnonzero(self.baseline.epoch_P <= baseline.epoch))
        return judge_share(self.curves[places[0]], aim, self.noise.of_places(*places), limits)

    def notes(self) -> Iterable[str]:
        """Say what the figures leave out."""
        if self.noise.seeds is None:
            yield (
                "Every recipe was trained with one seed: by how much another seed changes an accuracy, or the clock a "
                "time, is unknown, and no interval holds it."
            )
        recorded = any(curve.wrong is not None for curve in self.curves)
        if self.images is None and not recorded:
            yield "How many images chose is not recorded: intervals hold what seeds change, and not what images do."
        elif not recorded:
            yield (
                "Which images were right is not recorded, so recipes are compared as if each had been judged on images "
                "of its own: intervals are too wide rather than too narrow."
            )


def _stated_errors(tables: StudyTables) -> dict[int, float]:
    """Give what a calibrated clock says of its own exactness, by place of the recipe: runs agree, whatever it errs."""
    if clock_of(tables.environment) is not Timing.CALIBRATED:
        return {}
    errors = [[trial.calibration_error for trial in runs.trials] for runs in tables.recipes.values()]
    return {r: max(known) for r, each in enumerate(errors) if (known := [e for e in each if e is not None])}


def _with_images(wanted: Mapping[int, tuple[Curve, Replicates]], read: ReadRight) -> dict[int, Curve]:
    """Add the images to curves, some at a time."""
    rng, found, places = np.random.default_rng(0), {}, list(wanted)
    for start in range(0, len(places), RECIPES_AT_A_TIME):
        part = places[start : start + RECIPES_AT_A_TIME]
        right = read(sorted({trial.number for r in part for trial in wanted[r][1].trials}))
        for r in part:
            curve, runs = wanted[r]
            found[r] = curve.on_images(runs, right, rng)
    return found


def _points(tables: StudyTables, sample: _Sample, limits: Limits) -> pd.DataFrame:
    """Lay out the points of the front and their rivals."""
    if not tables.front_of_curves:
        return pd.DataFrame(columns=[*POINT_COLUMNS, *EVIDENCE_COLUMNS])
    judged = _judged_points(sample, judge_front(sample.curves, sample.noise, limits), limits)
    keys = ["recipe_id", "epoch"]
    points = tables.points.merge(judged, on=keys)
    points = points.merge(tables.front[keys].assign(on_front=True), how="left", on=keys)
    points["on_front"] = points["on_front"].eq(True)
    points = points[points["on_front"] | (points["verdict"] != Verdict.DOMINATED)]
    points = points.sort_values(["train_seconds", "trial"], kind="stable").reset_index(drop=True)
    return points[[*POINT_COLUMNS, *EVIDENCE_COLUMNS]]


def _judged_points(sample: _Sample, found: FrontEvidence, limits: Limits) -> pd.DataFrame:
    places = list(zip(found.places.recipe_K.tolist(), found.places.point_K.tolist(), strict=True))
    return pd.DataFrame(
        {
            "recipe_id": [sample.ids[r] for r, _ in places],
            "epoch": pd.array([int(sample.curves[r].epoch_P[p]) for r, p in places], dtype="Int64"),
            "p_front": found.on_front_K,
            "p_within": found.within_K,
            "verdict": [
                str(limits.verdict(on_front, within))
                for on_front, within in zip(found.on_front_K, found.within_K, strict=True)
            ],
            "accuracy_low": found.accuracy_2K[0].clip(0, 1),
            "accuracy_high": found.accuracy_2K[1].clip(0, 1),
            "train_seconds_low": found.seconds_2K[0],
            "train_seconds_high": found.seconds_2K[1],
        }
    )
