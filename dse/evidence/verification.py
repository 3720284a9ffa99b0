"""Does a published front hold? Random points of it, trained again here with fresh seeds.

An accuracy holds unless it is lower than a fresh run's would be with the stated confidence; a time ratio to the
baseline holds if it lies within what both clocks are uncertain by.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from dse.errors import StudyError
from dse.recipe.recipe import Recipe, parse_recipe
from dse.record.tables import StudyTables

# Two calibrations of one machine differ by more than either says of itself: by 1.2 and 2.4 % in the median of nine
# recipes (docs/method.md; benchmarks/calibration.py), and 1.7 % are this standard deviation of each.
BETWEEN_CALIBRATIONS = 0.018
# Recipes whose error rates differ by less than this factor vary alike from seed to seed.
ALIKE = 2.0


@dataclass(frozen=True, slots=True)
class Spread:
    """How far runs of one recipe with different seeds lie from each other, pooled over a study's recipes.

    Attributes:
        deviation: Standard deviation of one run.
        freedom: Degrees of freedom that it is known with.
    """

    deviation: float
    freedom: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A point of a published front.

    Attributes:
        trial: The recipe's first trial.
        recipe: The recipe.
        epoch: The epoch to stop after.
        accuracy: Mean of its runs, of the images that choose.
        seeds: Runs that it is a mean over.
        spread: Of the accuracy from seed to seed; None if no recipe with as many errors has several seeds.
        time_ratio: Train seconds as a share of those of the baseline's whole run; None without a baseline.
        time_error: Relative standard error of this ratio; None if nothing says it.
    """

    trial: int
    recipe: Recipe
    epoch: int
    accuracy: float
    seeds: int
    spread: Spread | None
    time_ratio: float | None
    time_error: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a claim here.

    Attributes:
        accuracies: Best accuracy up to the claim's epoch, of each fresh run.
        time_ratio: As of the claim.
        time_error: Its relative standard error.
    """

    accuracies: tuple[float, ...]
    time_ratio: float | None
    time_error: float | None


@dataclass(frozen=True, slots=True)
class Check:
    """A claim, what was found, and the limits within which it holds; None where nothing can be said.

    Attributes:
        claim: The claim.
        found: What was found.
        lowest: Accuracy that the fresh runs must reach.
        time_limits: Between which the time ratio must lie.
    """

    claim: Claim
    found: Found
    lowest: float | None
    time_limits: tuple[float, float] | None

    @property
    def accuracy(self) -> float:
        """Mean of the fresh runs."""
        return float(np.mean(self.found.accuracies))

    @property
    def accuracy_holds(self) -> bool | None:
        """Whether the accuracy holds."""
        return None if self.lowest is None else self.accuracy >= self.lowest

    @property
    def time_holds(self) -> bool | None:
        """Whether the time ratio holds."""
        if self.time_limits is None or self.found.time_ratio is None:
            return None
        low, high = self.time_limits
        return low <= self.found.time_ratio <= high

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return self.accuracy_holds is not False and self.time_holds is not False


def draw_claims(tables: StudyTables, count: int, seed: int) -> list[Claim]:
    """Draw points of a study's front at random, the baseline's left out; all of them if there are no more.

    Raises:
        StudyError: The study has no such point, or does not say which data it trained on.
    """
    front = tables.front[~tables.front["recipe_id"].isin(tables.baseline_points["recipe_id"])]
    if front.empty:
        raise StudyError(
            f"{tables.name}: no recipe but the baseline is on its front, so there is nothing to verify."
        )
    chosen = np.random.default_rng(seed).choice(len(front), min(count, len(front)), replace=False)
    return [_claim(tables, front.iloc[i]) for i in sorted(chosen)]


def judge(claim: Claim, found: Found, checks: int, confidence: float = 0.95) -> Check:
    """Hold what was found against a claim.

    Args:
        claim: The claim.
        found: What was found.
        checks: How many accuracies and time ratios are judged in all: the confidence is that of all together
            (Bonferroni).
        confidence: That a sound study passes.
    """
    miss = (1 - confidence) / checks
    lowest = limits = None
    if claim.spread is not None:
        both = math.sqrt(1 / claim.seeds + 1 / len(found.accuracies))
        quantile = float(stdtrit(claim.spread.freedom, 1 - miss))
        lowest = claim.accuracy - quantile * claim.spread.deviation * both
    if claim.time_ratio is not None and claim.time_error is not None and found.time_error is not None:
        between = (BETWEEN_CALIBRATIONS, BETWEEN_CALIBRATIONS)
        factor = math.exp(
            float(ndtri(1 - miss / 2)) * math.hypot(claim.time_error, found.time_error, *between)
        )
        limits = (claim.time_ratio / factor, claim.time_ratio * factor)
    return Check(claim, found, lowest, limits)


def _claim(tables: StudyTables, row: pd.Series) -> Claim:
    trials = tables.trials[tables.trials["recipe_id"] == row["recipe_id"]]
    recipe = parse_recipe(
        json.loads(trials["recipe"].iloc[0]), f"{tables.name}:{row['trial']}", recorded=True
    )
    epoch = recipe.epochs if pd.isna(row["epoch"]) else int(row["epoch"])
    ratio, error = _time(tables, row, trials)
    return Claim(
        trial=int(row["trial"]),
        recipe=recipe,
        epoch=epoch,
        accuracy=float(row["accuracy"]),
        seeds=int(row["seeds"]),
        spread=accuracy_spread(tables.points, float(row["accuracy"])),
        time_ratio=ratio,
        time_error=error,
    )


def accuracy_spread(points: pd.DataFrame, accuracy: float) -> Spread | None:
    """Pool the spread from seed to seed over the points of recipes with several seeds and about as many errors."""
    errors = 1 - points["accuracy"].astype(float)
    wanted = max(1 - accuracy, 1e-6)
    near = (errors <= wanted * ALIKE) & (errors >= wanted / ALIKE) & (points["seeds"] > 1)
    return _pooled(points[near], points.loc[near, "accuracy_sd"].astype(float))


def _time(tables: StudyTables, row: pd.Series, trials: pd.DataFrame) -> tuple[float | None, float | None]:
    baseline = tables.trials[tables.trials["is_baseline"] & (tables.trials["state"] == "complete")]
    if tables.baseline is None:
        return None, None
    points = tables.baseline_points
    whole = points[points["epoch"] <= tables.baseline.first.recipe.epochs].tail(1)
    ratio = float(row["train_seconds"]) / float(whole["train_seconds"].iloc[0])
    stated = [float(runs["calibration_error"].iloc[0]) for runs in (trials, baseline)]
    if not any(map(math.isnan, stated)):
        return ratio, math.hypot(*stated)
    several = tables.points[tables.points["seeds"] > 1]
    relative = several["train_seconds_sd"].astype(float) / several["train_seconds"].astype(float)
    spread = _pooled(several, relative)
    runs = 1 / int(row["seeds"]) + 1 / int(whole["seeds"].iloc[0])
    return ratio, None if spread is None else spread.deviation * math.sqrt(runs)


def _pooled(points: pd.DataFrame, deviations: pd.Series) -> Spread | None:
    """Pool standard deviations; epochs of one recipe are not independent, so its seeds count once."""
    freedom = int((points.drop_duplicates("recipe_id")["seeds"] - 1).sum())
    if not freedom:
        return None
    weights = points["seeds"].astype(float) - 1
    return Spread(math.sqrt(float(np.average(deviations**2, weights=weights))), freedom)


def verdict_text(checks: Sequence[Check]) -> str:
    """Say in one sentence whether the claims hold.

    Accuracies and time ratios of which nothing can be said are not counted.
    """
    parts = []
    for name, outcomes in (
        ("accuracies", [check.accuracy_holds for check in checks]),
        ("time ratios", [check.time_holds for check in checks]),
    ):
        judged = [outcome for outcome in outcomes if outcome is not None]
        if judged:
            parts.append(f"{sum(judged)} of {len(judged)} {name} hold")
    if not parts:
        return "Nothing can be said: no recipe of the study has several seeds, and no clock states its error."
    return f"{' and '.join(parts)}."
