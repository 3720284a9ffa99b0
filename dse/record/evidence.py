"""What is known of a study beyond its means: how sure its front and its answer are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShareInterval:
    """An interval for the answer's share.

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
