"""The paper's rows beside a study's: does its effect show here?"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from dse.evidence.published import COUPLING_COEFFICIENTS, EPOCHS, PUBLISHED, Published
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.paper import PAPER_IMAGES, ROWS, scaled_row
from dse.recipe.recipe import parse_recipe
from dse.record.noise import known_data
from dse.record.tables import StudyTables

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
COLUMNS = ["row", "label", "measure", "paper", "ours", "low", "high", "seeds", "verdict"]


class Verdict(StrEnum):
    """What a row says of the paper's value.

    ``REPRODUCED``: the interval holds it, and excludes that there is no effect. ``WITHIN_NOISE``: it holds both.
    ``NOT_REPRODUCED``: it does not hold the paper's value.
    """

    REPRODUCED = "reproduced"
    WITHIN_NOISE = "within noise"
    NOT_REPRODUCED = "not reproduced"


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the limits that hold it with a confidence of 95 %; NaN limits where one run says nothing of them."""

    value: float
    low: float
    high: float

    def verdict(self, paper: float, no_effect: float | None) -> Verdict | None:
        """Judge the paper's value; None without limits.

        Args:
            paper: The value.
            no_effect: What it is without an effect; None if there is no such value.

        >>> str(Interval(0.8, 0.7, 1.1).verdict(paper=0.9, no_effect=1.0))
        'within noise'
        """
        if math.isnan(self.low):
            return None
        if not self.low <= paper <= self.high:
            return Verdict.NOT_REPRODUCED
        if no_effect is not None and self.low <= no_effect <= self.high:
            return Verdict.WITHIN_NOISE
        return Verdict.REPRODUCED


def welch(ours: Floats, baseline: Floats, images_variance: float = 0.0) -> Interval:
    """Give the difference of two means with its interval.

    Student's t with the degrees of freedom of Welch 1947 and Satterthwaite 1946; the images' part of the variance is
    taken as known.

    Args:
        ours: One value a run, shape (S,).
        baseline: The same of the baseline, of any number of runs.
        images_variance: Variance of the difference from the images that stand for all others.

    >>> welch(np.array([3.0, 5.0]), np.array([1.0, 3.0]))
    Interval(value=2.0, low=-4.08..., high=8.08...)
    """
    difference = float(ours.mean() - baseline.mean())
    if min(len(ours), len(baseline)) < 2:
        return Interval(difference, math.nan, math.nan)
    parts = [float(values.var(ddof=1)) / len(values) for values in (ours, baseline)]
    variance = sum(parts) + images_variance
    freedom = sum(part**2 / (len(values) - 1) for part, values in zip(parts, (ours, baseline), strict=True))
    quantile = stdtrit(variance**2 / freedom if freedom else math.inf, (1 + CONFIDENCE) / 2)
    half = float(quantile) * math.sqrt(variance)
    return Interval(difference, difference - half, difference + half)


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The paper's rows beside a study's.

    Attributes:
        rows: A line for each row and measure: ``row``, ``label``, ``measure`` (``accuracy``, ``accuracy_gain`` over the
            baseline, ``time_to_best`` and ``parameters`` as ratios to the baseline's), ``paper``, ``ours``, ``low``,
            ``high``, ``seeds``, ``verdict``; empty where nothing is measured, or nothing can be said.
        scale: What is smaller than in the paper; empty if nothing is.
    """

    rows: pd.DataFrame
    scale: str


@dataclass(frozen=True, slots=True)
class ScaledRows:
    """The paper's rows at the scale of a study whose baseline is the paper's.

    Attributes:
        published: What the paper says of each.
        ids: Id of the recipe that each is at this scale.
        scale: What is smaller than in the paper; empty if nothing is.
    """

    published: Mapping[str, Published]
    ids: Mapping[str, str]
    scale: str


def scaled_rows(tables: StudyTables) -> ScaledRows | None:
    """Scale the paper's rows to a study; None if it has no complete run of the paper's baseline, at any scale."""
    data = known_data(tables.space, tables.protocol)
    baseline = tables.trials[tables.trials["is_baseline"] & (tables.trials["state"] == "complete")]
    if data is None or data.name not in PUBLISHED or baseline.empty:
        return None
    recipe = parse_recipe(json.loads(baseline["recipe"].iloc[0]), tables.name, recorded=True)
    network = recipe.model
    if not isinstance(network, CapsNetModel):
        return None
    ids = {row: scaled_row(row, network, recipe.epochs, data.images or PAPER_IMAGES).id for row in ROWS}
    if ids["baseline"] != recipe.id:
        return None
    return ScaledRows(PUBLISHED[data.name], ids, _scale(network, recipe.epochs, data.split.train_images))


def reproduction(tables: StudyTables) -> Reproduction | None:
    """Lay the paper's rows beside a study's.

    None if the study's baseline is not the paper's, at any scale, or no other row of the paper has a complete run.

    Seeds count as complete runs. Accuracies are those of the test images at each run's best epoch, which the validation
    images choose, or, in the protocol ``paper`` and in the paper itself, the test images.
    """
    scaled = scaled_rows(tables)
    if scaled is None:
        return None
    complete = tables.trials[tables.trials["state"] == "complete"]
    baseline = complete[complete["is_baseline"]]
    if not set(complete["recipe_id"]) & (set(scaled.ids.values()) - {scaled.ids["baseline"]}):
        return None
    lines = []
    for row in ROWS:
        runs = complete[complete["recipe_id"] == scaled.ids[row]]
        if len(runs):
            lines += _lines(row, scaled.published, _Compared(runs, baseline, tables), bool(scaled.scale))
    return Reproduction(pd.DataFrame(lines, columns=COLUMNS), scaled.scale)


@dataclass(frozen=True)
class _Compared:
    """Complete runs of a row and of the baseline.

    Attributes:
        ours: Rows of the table of trials.
        baseline: The same of the baseline.
        tables: The study.
    """

    ours: pd.DataFrame
    baseline: pd.DataFrame
    tables: StudyTables

    @property
    def accuracy(self) -> Interval:
        values = _floats(self.ours["test_accuracy"])
        share = float(values.mean())
        images = share * (1 - share) / _test_images(self.tables)
        found = welch(values, np.zeros(2), images)
        # Where some seeds stay at chance, t's limits lie beyond what a share can be.
        return Interval(found.value, *np.clip([found.low, found.high], 0.0, 1.0).tolist())

    @property
    def accuracy_gain(self) -> Interval:
        ours, baseline = (_floats(runs["test_accuracy"]) for runs in (self.ours, self.baseline))
        found = welch(ours, baseline, self._images_variance)
        return Interval(found.value, *np.clip([found.low, found.high], -1.0, 1.0).tolist())

    @property
    def time_to_best(self) -> Interval:
        """Ratio of geometric means: seconds to the best epoch vary by factors."""
        ours, baseline = (np.log(_floats(runs["seconds_to_best"])) for runs in (self.ours, self.baseline))
        ratio = welch(ours, baseline)
        return Interval(*(math.exp(value) for value in (ratio.value, ratio.low, ratio.high)))

    @cached_property
    def _images_variance(self) -> float:
        """Variance of the gain from the images: paired where they are recorded, else at most as much."""
        count = _test_images(self.tables)
        shares = [self._shares(runs) for runs in (self.ours, self.baseline)]
        if shares[0] is None or shares[1] is None:
            means = [float(runs["test_accuracy"].mean()) for runs in (self.ours, self.baseline)]
            return sum(mean * (1 - mean) for mean in means) / count
        return float((shares[0] - shares[1]).var(ddof=1)) / count

    def _shares(self, runs: pd.DataFrame) -> Floats | None:
        """Give the share of the runs that have each test image right at their best epoch."""
        right = self.tables.right(runs["trial"].tolist())
        best = list(zip(runs["trial"], runs["best_epoch"], strict=True))
        if not set(best) <= right.keys():
            return None
        shares: Floats = np.mean([right[key].test.unpacked() for key in best], axis=0)
        return shares


def _lines(
    row: str, published: Mapping[str, Published], compared: _Compared, scaled: bool
) -> list[dict[str, Any]]:
    paper, reference = published[row], published["baseline"]
    parameters = int(compared.ours["parameters"].iloc[0])
    # A number of another scale does not compare; an effect may.
    lines = [_Line("accuracy", paper.accuracy, compared.accuracy, None, judged=not scaled)]
    if row != "baseline":
        ratio, gain = paper.beside(reference)
        lines.append(_Line("accuracy_gain", gain, compared.accuracy_gain, 0.0))
        lines.append(_Line("time_to_best", ratio, compared.time_to_best, 1.0))
    if paper.parameters is not None:
        trained, exact = paper.parameters - COUPLING_COEFFICIENTS, Interval(*(float(parameters),) * 3)
        lines.append(_Line("parameters", trained, exact, None, judged=not scaled))
    about = {"row": row, "label": str(compared.ours["label"].iloc[0]), "seeds": len(compared.ours)}
    return [about | line.cells for line in lines]


@dataclass(frozen=True, slots=True)
class _Line:
    """A measure of a row.

    Attributes:
        measure: Its name.
        paper: The paper's value.
        ours: Ours.
        no_effect: What it is without an effect; None if it measures none.
        judged: Whether the paper's value compares.
    """

    measure: str
    paper: float
    ours: Interval
    no_effect: float | None
    judged: bool = True

    @property
    def cells(self) -> dict[str, Any]:
        verdict = self.ours.verdict(self.paper, self.no_effect) if self.judged else None
        return {
            "measure": self.measure,
            "paper": self.paper,
            "ours": self.ours.value,
            "low": self.ours.low,
            "high": self.ours.high,
            "verdict": "" if verdict is None else str(verdict),
        }


def _scale(network: CapsNetModel, epochs: int, images: int) -> str:
    """Say what is smaller than in the paper."""
    smaller = []
    if network != CapsNetModel():
        smaller.append(f"the network ({network.label})")
    if images < PAPER_IMAGES:
        smaller.append(f"the training images ({images:,} of {PAPER_IMAGES:,})")
    if epochs < EPOCHS:
        smaller.append(f"the length ({epochs} of {EPOCHS} epochs)")
    return " and ".join(smaller)


def _test_images(tables: StudyTables) -> int:
    data = known_data(tables.space, tables.protocol)
    assert data is not None  # ``reproduction`` asked
    return data.split.test_images


def _floats(column: pd.Series[Any]) -> Floats:
    values: Floats = column.to_numpy(dtype=float)
    return values
