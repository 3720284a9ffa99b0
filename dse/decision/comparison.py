"""Two studies side by side: whose front is better, where, and by how much."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dse.decision.comparable import accuracy_error, caveats, same_images, timing_differences
from dse.errors import StudyError
from dse.pareto import front_mask
from dse.record.replicates import ROUNDING
from dse.record.tables import StudyTables
from dse.search.progress import Floats
from dse.search.volume import objective_corner, objective_volume

AXES = ("train_seconds", "accuracy")
MAXIMISE = (False, True)
# Differences of less than this many standard errors are not told apart.
CLEAR = 2.0


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two studies.

    Attributes:
        name: Its name.
        volume: What its front dominates, see ``StudyComparison.corner_seconds``.
        covers: Share of the points of the other's front that some point of this one is at least as good as.
        best_accuracy: The highest of its front.
        baseline_seconds: Train seconds of whole runs of its baseline; None without a complete one.
        baseline_accuracy: Best accuracy of these.
        answer_share: Its answer's share of the baseline's time; None if it has none.
    """

    name: str
    volume: float
    covers: float
    best_accuracy: float
    baseline_seconds: float | None
    baseline_accuracy: float | None
    answer_share: float | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Train time over which one study's front is more accurate.

    Attributes:
        begin: Where it begins, in seconds or in epochs of the baseline.
        end: Where it ends; infinite for the last.
        better: Name of the more accurate study; empty where both are alike.
        lead: The most that it is ahead by; None where the other has nothing so fast.
        final_lead: What it is ahead by in the end.
        clear: Whether that is more than two standard errors; None if the number of images is not known.
    """

    begin: float
    end: float
    better: str
    lead: float | None
    final_lead: float | None
    clear: bool | None


@dataclass(frozen=True)
class StudyComparison:
    """Two studies side by side; volumes are those of ``dse.search.volume``, of seconds and accuracy.

    Attributes:
        first: One of them.
        second: The other.
        in_seconds: Whether time is in seconds, as it is on one machine, and not in epochs of each one's baseline.
        same_images: Whether the same images chose, so that accuracies compare; None if that is not recorded.
        corner_seconds: Time that volumes are measured from: twice the mean of the baselines'.
        corner_accuracy: Accuracy that volumes are measured from: that of twice the mean of the baselines' errors.
        stretches: Who is better where, by rising time.
        caveats: What to keep in mind, a sentence each.

    >>> import dse
    >>> found = dse.compare_studies(*(dse.load_study(f"results/mnist-{name}") for name in ("dimensions", "table")))
    >>> found.in_seconds, f"{found.volume_ratio:.2f}"
    (False, '1.78')
    """

    first: Side
    second: Side
    in_seconds: bool
    same_images: bool | None
    corner_seconds: float
    corner_accuracy: float
    stretches: tuple[Stretch, ...]
    caveats: tuple[str, ...]

    @property
    def volume_ratio(self) -> float | None:
        """The first one's volume as a multiple of the second's; None if that is 0."""
        return self.first.volume / self.second.volume if self.second.volume else None

    def __str__(self) -> str:
        if self.same_images is False:
            return (
                f"Neither front is called better: {self.first.name} and {self.second.name} were measured on other "
                "images, or by another protocol, and their accuracies do not compare."
            )
        ahead, behind = sorted((self.first, self.second), key=lambda side: -side.volume)
        if math.isclose(ahead.volume, behind.volume, rel_tol=1e-9):
            return f"The fronts of {ahead.name} and {behind.name} cover the same volume."
        if not behind.volume:
            return f"Only the front of {ahead.name} has a point within twice the baseline's time and errors."
        times = ahead.volume / behind.volume
        return (
            f"The front of {ahead.name} is better: it covers {times:.2f} times the volume. It is at least as good as "
            f"{100 * ahead.covers:.0f} % of the points of {behind.name}, which is at least as good as "
            f"{100 * behind.covers:.0f} % of its own."
        )

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON holds it: what is infinite becomes null."""
        content = dataclasses.asdict(self)
        for stretch in content["stretches"]:
            stretch["end"] = None if math.isinf(stretch["end"]) else stretch["end"]
        return {"sentence": str(self), "volume_ratio": self.volume_ratio} | content


def compare_studies(first: StudyTables, second: StudyTables) -> StudyComparison:
    """Compare the fronts of two studies in train time and accuracy.

    On one machine time is in seconds. Where the machines differ, or are not known, each study's seconds are divided by
    those of an epoch of its own baseline, which does not depend on how long that was trained.

    >>> import dse
    >>> found = dse.compare_studies(*(dse.load_study(f"results/mnist-{name}") for name in ("dimensions", "table")))
    >>> round(found.first.covers, 2), found.in_seconds
    (1.0, False)

    Raises:
        StudyError: One of them has no point; or no complete run of the baseline that it is to be measured by.
    """
    studies = (first, second)
    differing = timing_differences(first.environment, second.environment)
    in_seconds = not differing
    baselines = [_baseline(study) for study in studies]
    for study, baseline in zip(studies, baselines, strict=True):
        if baseline is None and not in_seconds:
            raise StudyError(
                f"study {study.name!r} was measured on another machine, or does not say on which, and has no complete "
                "run of its baseline to compare its seconds with. Resume it until there is one."
            )
    known = [baseline for baseline in baselines if baseline is not None]
    if not known:
        raise StudyError(
            f"neither {first.name!r} nor {second.name!r} has a complete run of its baseline, from which volumes are "
            "measured. Resume one of them until there is."
        )
    units = [1.0 if in_seconds or each is None else each.seconds / each.epochs for each in baselines]
    middle = np.mean([[each.seconds if in_seconds else each.epochs, each.accuracy] for each in known], axis=0)
    fronts = [_front(study, unit) for study, unit in zip(studies, units, strict=True)]
    corner = objective_corner(middle, AXES)
    sides = [
        Side(
            name=study.name,
            volume=objective_volume(front, middle, AXES),
            covers=_coverage(front, other),
            best_accuracy=float(front[:, 1].max()),
            baseline_seconds=baseline and baseline.seconds,
            baseline_accuracy=baseline and baseline.accuracy,
            answer_share=study.answer.share,
        )
        for study, front, other, baseline in zip(studies, fronts, fronts[::-1], baselines, strict=True)
    ]
    return StudyComparison(
        sides[0],
        sides[1],
        in_seconds,
        same_images(first, second),
        float(corner[0]),
        float(corner[1]),
        tuple(_stretches(studies, fronts)),
        tuple(caveats(first, second, differing)),
    )


class _Baseline(NamedTuple):
    """Means over the whole runs of a study's baseline."""

    seconds: float
    accuracy: float
    epochs: int


def _baseline(study: StudyTables) -> _Baseline | None:
    """Give the baseline; None if no run of it is complete."""
    runs = study.trials[study.trials["is_baseline"] & (study.trials["state"] == "complete")]
    if not len(runs) or study.baseline is None:
        return None
    seconds, accuracy = runs[["train_seconds", "accuracy"]].astype(float).mean()
    return _Baseline(float(seconds), float(accuracy), len(study.baseline.seconds))


def _front(study: StudyTables, unit: float) -> Floats:
    """Give the front of time and accuracy by rising time, whatever else the study weighs; shape (points, 2)."""
    values = study.points[list(AXES)].to_numpy(dtype=float) / np.array([unit, 1.0])
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values):
        raise StudyError(f"study {study.name!r} has no point yet: no epoch of any trial is trained.")
    front: Floats = np.unique(values[front_mask(values, MAXIMISE)], axis=0)
    return front


def _coverage(front: Floats, other: Floats) -> float:
    """Share of the other front's points that some point is at least as good as.

    Source: Zitzler & Thiele 1998, coverage of two sets.
    """
    as_good = (front[:, None, 0] <= other[None, :, 0]) & (front[:, None, 1] >= other[None, :, 1] - ROUNDING)
    return float(as_good.any(axis=0).mean())


def _stretches(studies: tuple[StudyTables, StudyTables], fronts: list[Floats]) -> list[Stretch]:
    times = np.unique(np.concatenate([front[:, 0] for front in fronts]))
    best = [_best_by(front, times) for front in fronts]
    errors = [
        accuracy_error(study, float(front[:, 1].max())) for study, front in zip(studies, fronts, strict=True)
    ]
    error = math.hypot(*(each for each in errors if each is not None)) if None not in errors else None
    found: list[Stretch] = []
    for i, begin in enumerate(times):
        one, other = best[0][i], best[1][i]
        end = float(times[i + 1]) if i + 1 < len(times) else math.inf
        missing = math.isinf(one) or math.isinf(other)
        lead = None if missing else float(abs(one - other))
        ahead = "" if lead is not None and lead <= ROUNDING else studies[int(other > one)].name
        last = found[-1] if found else None
        if last is not None and last.better == ahead and (last.lead is None) == (lead is None):
            most = None if lead is None or last.lead is None else max(lead, last.lead)
            found[-1] = dataclasses.replace(
                last, end=end, lead=most, final_lead=lead, clear=_clear(most, error)
            )
        else:
            found.append(Stretch(float(begin), end, ahead, lead, lead, _clear(lead, error)))
    return found


def _best_by(front: Floats, times: Floats) -> Floats:
    """Give the accuracy that a front has reached by each time; -inf before its first point."""
    reached = np.searchsorted(front[:, 0], times, side="right")
    best: Floats = np.concatenate([[-np.inf], np.maximum.accumulate(front[:, 1])])[reached]
    return best


def _clear(lead: float | None, error: float | None) -> bool | None:
    if lead is None or error is None:
        return None
    return bool(lead >= CLEAR * error)
