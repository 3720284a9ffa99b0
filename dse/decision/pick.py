"""Picking one point of a study by a rule: docs/pick.md says which, and why.

The points are all of ``StudyTables.points``, every recipe stopped after every epoch, and not those of the front alone:
the front of a study that weighs parameters, or of whole runs, lacks points that a rule may ask for.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dse.decision.certainty import certainty
from dse.decision.point import Against, Point, against_baseline
from dse.decision.wish import Wish
from dse.errors import StudyError
from dse.pareto import front_mask
from dse.record.replicates import ROUNDING
from dse.record.tables import StudyTables
from dse.search.progress import Floats
from dse.search.volume import objective_corner
from dse.units import points_text, value_text

# What counts as a little more time: half as much again.
LITTLE_MORE = 1.5
AXES = ("train_seconds", "accuracy")
TICK = 1e-9  # before the logarithm: a clock that did not tick


@dataclass(frozen=True)
class Pick:
    """The point that a wish picks from a study.

    Attributes:
        wish: What was asked for.
        choice: The point; None if none keeps to all limits.
        nearest: Where there is no choice, the point that misses the limits by least.
        runner_up: The best point of another recipe by the same rule; None if no other keeps to the limits.
        more: What a little more time would buy: the most accurate point within half as much time again, else the
            fastest that is more accurate at all; None if no point is.
        bound: The accuracy that was asked for, that of the baseline as a number; None if none was.
        against: The choice beside the baseline; None without a complete run of that.
        notes: How certain the choice is, a sentence each.

    >>> import dse
    >>> found = dse.pick(dse.load_study("results/mnist-table"), dse.Wish(knee=True))
    >>> found.choice.values, found.runner_up.values
    ('96.22 % in 8.01 s with 389,840 parameters', '95.68 % in 6.61 s with 389,840 parameters')
    """

    wish: Wish
    choice: Point | None
    nearest: Point | None = None
    runner_up: Point | None = None
    more: Point | None = None
    bound: float | None = None
    against: Against | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(f"{name}: {text}" if name else text for name, text in self.lines())

    def lines(self) -> list[tuple[str, str]]:
        """Say it all, for readers: what a line is about, and the line."""
        if self.choice is None:
            return [
                ("", f"No point has {self.wish.limits}. The nearest has {self._missed()}: {self.nearest}.")
            ]
        runner_up = "no other recipe keeps to the limits." if self.runner_up is None else str(self.runner_up)
        said = [(f"Pick, {self.wish}", str(self.choice))]
        against = "no run of it is complete." if self.against is None else str(self.against)
        said.append(("Against the baseline", against))
        return [
            *said,
            ("Runner-up", runner_up),
            ("A little more", self._price()),
            *(("", n) for n in self.notes),
        ]

    def _missed(self) -> str:
        """Say by how much the nearest point misses the limits."""
        point, wish = self.nearest, self.wish
        missed = []
        if point is not None and wish.max_seconds is not None and point.seconds > wish.max_seconds:
            missed.append(f"{value_text(point.seconds - wish.max_seconds, 's')} too many")
        if point is not None and self.bound is not None and point.accuracy < self.bound - ROUNDING:
            missed.append(f"{100 * (self.bound - point.accuracy):.2f} points of accuracy too few")
        if wish.max_parameters is not None and point is not None and point.parameters is not None:
            over = point.parameters - wish.max_parameters
            missed += [f"{over:,} parameters too many"] if over > 0 else []
        return " and ".join(missed)

    def _price(self) -> str:
        if self.more is None or self.choice is None:
            return "no point is more accurate, in whatever time."
        seconds = self.more.seconds - self.choice.seconds
        price = (
            f"{value_text(seconds, 's')} more (+{100 * seconds / self.choice.seconds:.0f} %)"
            if seconds > 0
            else "no more time"
        )
        other = "" if self.more.recipe_id == self.choice.recipe_id else f" of trial {self.more.trial}"
        gained = points_text(self.more.accuracy - self.choice.accuracy)
        return f"{price} would buy {gained}: epoch {self.more.epoch}{other}, {self.more.values}."

    def as_dict(self) -> dict[str, Any]:
        """Give the pick as JSON holds it, its sentences included."""
        return {"sentences": [f"{name}: {text}" if name else text for name, text in self.lines()]} | (
            dataclasses.asdict(self)
        )


def pick(tables: StudyTables, wish: Wish) -> Pick:
    """Pick the point of a study that a wish asks for.

    Args:
        tables: The study.
        wish: Limits, and whether the knee is asked for.

    >>> import dse
    >>> study = dse.load_study("results/mnist-table")
    >>> choice = dse.pick(study, dse.Wish(max_seconds=30)).choice
    >>> (choice.trial, choice.epoch, round(choice.accuracy, 4))
    (6, 3, 0.9767)

    Raises:
        InputError: The wish asks for nothing, or for what no number can be.
        StudyError: The study has no point yet, no complete run of the baseline that is asked for, or no record of the
            parameters that are limited.
    """
    wish.check()
    points = tables.points
    points = points[np.isfinite(points[list(AXES)].to_numpy(dtype=float)).all(axis=1)]
    if not len(points):
        raise StudyError(f"study {tables.name!r} has no point yet: no epoch of any trial is trained.")
    bound = _bound(wish, tables)
    excess = _excess(points, wish, bound, tables.name)
    kept = points[excess == 0]
    if not len(kept):
        order = _order(points, wish, tables).assign(excess=excess)
        nearest = order.sort_values(["excess", *_keys(order)], kind="stable").index[0]
        return Pick(wish, None, nearest=_point(points, nearest), bound=bound)
    order = _order(kept, wish, tables)
    order = order.loc[np.isfinite(order.to_numpy(dtype=float)).all(axis=1)]
    ordered = order.sort_values(_keys(order), kind="stable").index
    choice = _point(points, ordered[0])
    others = ordered[(points.loc[ordered, "recipe_id"] != choice.recipe_id).to_numpy()]
    runner_up = _point(points, others[0]) if len(others) else None
    return Pick(
        wish,
        choice,
        runner_up=runner_up,
        more=_a_little_more(points, choice, wish),
        bound=bound,
        against=against_baseline(tables, choice),
        notes=certainty(tables, choice, runner_up, bound, wish.max_seconds),
    )


def _bound(wish: Wish, tables: StudyTables) -> float | None:
    """Give the accuracy that is asked for; None if none is."""
    asked = [] if wish.min_accuracy is None else [wish.min_accuracy]
    if wish.as_good_as_baseline:
        if tables.answer.baseline is None:
            raise StudyError(f"study {tables.name!r}: {tables.answer.missing} Ask for another accuracy.")
        asked.append(tables.answer.baseline.accuracy)
    return max(asked, default=None)


def _excess(points: pd.DataFrame, wish: Wish, bound: float | None, study: str) -> Floats:
    """Measure by how much each point misses the limits; 0 if it keeps to all; shape (points,).

    Every limit counts alike, as the logarithm of how many times it is missed: of seconds, of parameters, and of errors.
    """
    excess: Floats = np.zeros(len(points))
    if wish.max_seconds is not None:
        excess += _times_over(points["train_seconds"].to_numpy(dtype=float), wish.max_seconds)
    if bound is not None:
        errors = 1 - points["accuracy"].to_numpy(dtype=float)
        # Means of the same counts differ by rounding; and a limit of no error at all has no logarithm.
        missed = errors > 1 - bound + ROUNDING
        excess += np.where(missed, _times_over(errors + ROUNDING, 1 - bound + ROUNDING), 0.0)
    if wish.max_parameters is not None:
        parameters = points["parameters"].to_numpy(dtype=float, na_value=np.nan)
        if np.isnan(parameters).all():
            raise StudyError(f"study {study!r} does not record parameters. Leave their limit out.")
        excess += np.where(np.isnan(parameters), np.inf, _times_over(parameters, wish.max_parameters))
    return excess


def _times_over(values: Floats, limit: float) -> Floats:
    over: Floats = np.log(np.maximum(values, limit) / limit)
    return over


def _order(points: pd.DataFrame, wish: Wish, tables: StudyTables) -> pd.DataFrame:
    """Give the keys by which points are ordered, the first of them first."""
    # Means of the same counts that were added up in another order are equal.
    losses = (-points["accuracy"]).round(9)
    seconds = points["train_seconds"]
    if wish.knee:
        first = [("height", pd.Series(-_height(points, tables), points.index)), ("seconds", seconds)]
    elif wish.asks_for_accuracy:
        first = [("seconds", seconds), ("loss", losses)]
    else:
        first = [("loss", losses), ("seconds", seconds)]
    return pd.DataFrame(dict([*first, ("trial", points["trial"]), ("epoch", points["epoch"])]))


def _keys(order: pd.DataFrame) -> list[str]:
    return [name for name in order.columns if name != "excess"]


def _height(points: pd.DataFrame, tables: StudyTables) -> Floats:
    """Measure how far each point stands above the line from the front's first point to its last; shape (points,).

    Accuracy counts as it is and seconds in logarithms, each as a share of its range on the front. What is beyond twice
    the baseline's seconds or errors, and so counts as nothing in a volume, belongs to no range.

    Source: Satopää et al. 2011, "Finding a kneedle in a haystack", without its smoothing.
    """
    values = points[list(AXES)].to_numpy(dtype=float)
    front = values[front_mask(values, (False, True))]
    baseline = tables.answer.baseline
    if baseline is not None:
        seconds, accuracy = objective_corner([baseline.seconds, baseline.accuracy], AXES)
        within = front[(front[:, 0] < seconds) & (front[:, 1] > accuracy)]
        front = within if len(within) else front
    (least, lowest), (most, highest) = front.min(axis=0), front.max(axis=0)

    def share(part: Floats, low: float, high: float) -> Floats:
        found: Floats = (part - low) / (high - low) if high > low else np.zeros(len(part))
        return found

    spent = share(np.log(np.maximum(values[:, 0], TICK)), np.log(max(least, TICK)), np.log(max(most, TICK)))
    height = share(values[:, 1], lowest, highest) - spent
    outside = (values[:, 0] < least) | (values[:, 0] > most) | (values[:, 1] < lowest)
    return np.where(outside, -np.inf, height)


def _a_little_more(points: pd.DataFrame, choice: Point, wish: Wish) -> Point | None:
    # Rounded as in the order: equal means are equal, in whichever order they were added up.
    better = points[points["accuracy"] > choice.accuracy + ROUNDING].round({"accuracy": 9})
    if wish.max_parameters is not None:
        better = better[(better["parameters"] <= wish.max_parameters).fillna(False)]
    if not len(better):
        return None
    soon = better[better["train_seconds"] <= LITTLE_MORE * choice.seconds]
    keys, rising = (
        (["accuracy", "train_seconds"], [False, True]) if len(soon) else (["train_seconds"], [True])
    )
    found = (soon if len(soon) else better).sort_values(keys, ascending=rising, kind="stable")
    return _point(points, found.index[0])


def _point(points: pd.DataFrame, index: Any) -> Point:
    row = points.loc[index]
    epochs = points.loc[points["recipe_id"] == row["recipe_id"], "epoch"].max()
    return Point.of(row.to_dict(), int(epochs))
