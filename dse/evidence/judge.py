"""A study's front and answer, judged."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pandas as pd

from dse.evidence.front import FrontEvidence, Limits, Verdict, judge_front
from dse.evidence.sample import Sample, Studied
from dse.record.clock import clock_of
from dse.record.evidence import EVIDENCE_COLUMNS, Evidence
from dse.record.frames import typed
from dse.record.front import RECIPE_WORDS
from dse.record.noise import choosing_images
from dse.record.tables import StudyTables
from dse.record.timing import Timing

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
    known = studied(tables)
    limits = Limits(margin=known.usual_margin) if limits is None else limits
    sample = Sample.of(known)
    notes = tuple(_notes(sample))
    named = tables.answer.fastest
    if named is not None and not named.fresh:
        notes += ("Seeds that chose it judge it: `dse confirm` trains fresh ones, which chose nothing.",)
    answer = dataclasses.replace(
        tables.answer, interval=sample.share(limits), caveats=(*tables.answer.caveats, *notes)
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


def studied(tables: StudyTables) -> Studied:
    """Take from a study's tables what is judged of it."""
    return Studied(
        tables.recipes,
        tables.baseline,
        tables.answer,
        tables.objectives,
        choosing_images(tables.space, tables.protocol),
        tables.right,
        clock_of(tables.environment) is Timing.CALIBRATED,
    )


def _notes(sample: Sample) -> Iterable[str]:
    """Say what the figures leave out."""
    if sample.noise.assumed:
        yield (
            "Every recipe was trained with one seed, so by how much another one changes its curve is not known: that "
            "it changes the share of wrong images by a tenth, as in tables recorded earlier, is assumed."
        )
    recorded = any(curve.wrong is not None for curve in sample.curves)
    if sample.images is None and not recorded:
        yield "How many images chose is not recorded: intervals hold what seeds change, and not what images do."
    elif not recorded:
        yield (
            "Which images were right is not recorded, so recipes are compared as if each had been judged on images "
            "of its own: intervals are too wide rather than too narrow."
        )


def _points(tables: StudyTables, sample: Sample, limits: Limits) -> pd.DataFrame:
    """Lay out the points of the front and their rivals."""
    if not tables.front_of_curves:
        return typed(pd.DataFrame(columns=[*POINT_COLUMNS, *EVIDENCE_COLUMNS]))
    judged = _judged_points(sample, judge_front(sample.curves, sample.noise, limits), limits)
    keys = ["recipe_id", "epoch"]
    points = tables.points.merge(judged, on=keys)
    points = points.merge(tables.front[keys].assign(on_front=True), how="left", on=keys)
    points["on_front"] = points["on_front"].eq(True)
    points = points[points["on_front"] | (points["verdict"] != Verdict.DOMINATED)]
    points = points.sort_values(["train_seconds", "trial"], kind="stable").reset_index(drop=True)
    return typed(points[[*POINT_COLUMNS, *EVIDENCE_COLUMNS]])


def _judged_points(sample: Sample, found: FrontEvidence, limits: Limits) -> pd.DataFrame:
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
