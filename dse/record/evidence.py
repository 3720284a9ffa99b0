"""What is known of a study beyond its means: how sure its front and its answer are. ``dse.evidence`` finds it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

# Columns of front.csv and evidence.csv that say how sure a point is.
EVIDENCE_COLUMNS = [
    *("p_front", "p_within", "verdict", "accuracy_low", "accuracy_high"),
    *("train_seconds_low", "train_seconds_high"),
]


@dataclass(frozen=True, slots=True)
class ShareInterval:
    """An interval for the answer's share; prints as such.

    Attributes:
        low: Lower limit; None if not even the last epoch may have reached the baseline's accuracy.
        high: Upper limit; None where it is open, since the recipe may not reach the baseline's accuracy at all.
        confidence: With which the share lies between both.
        saves_time: Probability that the recipe reaches the baseline's accuracy in less time than the baseline.
    """

    low: float | None
    high: float | None
    confidence: float
    saves_time: float

    def __str__(self) -> str:
        confidence = f"{100 * self.confidence:g} %"
        if self.low is None:
            return f"{confidence}: not known, since it may not reach it"
        if self.high is None:
            return f"{confidence}: from {self.low:.2f}, open above, since it may not reach it"
        return f"{confidence}: {self.low:.2f}–{self.high:.2f}"


@dataclass(frozen=True)
class Evidence:
    """How sure a study's front is.

    Attributes:
        points: The points of the front and their rivals, which may be on it: one row each, by rising train seconds;
            ``on_front`` says which they are. Empty where the front is that of whole runs.
        confidence: What verdicts and intervals were asked for.
        margin: Accuracy that a point may lack to the front and still be tied with it.
        notes: What the figures leave out, a sentence each.
    """

    points: pd.DataFrame
    confidence: float
    margin: float
    notes: tuple[str, ...] = ()

    @property
    def rivals(self) -> pd.DataFrame:
        """Points that are not on the front of means, but may be on the front."""
        return self.points[~self.points["on_front"].astype(bool)]
