"""A recipe's mean curve where it rises, with all that its uncertainty is made of.

Dimensions: S seeds, E epochs, P points (the epochs at which the mean of the best accuracy so far rises), I images.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dse.evidence.optimism import optimism
from dse.record.replicates import ROUNDING, Replicates
from dse.record.right import Marks, RightImages

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Curve:
    """What one recipe gives, stopped after each epoch that raises its mean.

    An epoch that raises nothing is dominated by the one before it, whatever images and seeds are drawn: whoever stops
    there keeps the same weights.

    Attributes:
        epoch_P: The epochs, counted from 1.
        seconds_SP: Train seconds up to then; NaN where a run does not judge the point.
        accuracy_SP: Accuracy of the weights that are kept, those of the best epoch so far; NaN as of the seconds.
        parameters: Trained weights; 0 where the front does not trade them.
        wrong: For each run and point which images the kept weights get wrong, packed bits of shape (S, P, bytes), none
            where a run does not judge; None where that is not recorded of every one of them.
        images: How many images these are; None if unknown.
        optimism_P: By how much the accuracies are too good, since the same images chose the best epochs; None where the
            images are not recorded.
    """

    epoch_P: NDArray[np.int64]
    seconds_SP: Floats
    accuracy_SP: Floats
    parameters: float = 0.0
    wrong: Bytes | None = None
    images: int | None = None
    optimism_P: Floats | None = None

    @cached_property
    def judged_SP(self) -> NDArray[np.bool_]:
        """Which run judges which point."""
        return ~np.isnan(self.accuracy_SP)

    @cached_property
    def seeds_P(self) -> NDArray[np.int64]:
        """How many runs judge each point."""
        seeds_P: NDArray[np.int64] = self.judged_SP.sum(axis=0)
        return seeds_P

    @cached_property
    def seeds(self) -> int:
        """How many runs judge a point, at most."""
        return int(self.seeds_P.max())

    @cached_property
    def last_of_most(self) -> int:
        """The place of the last point that so many judge."""
        return int(np.flatnonzero(self.seeds_P == self.seeds)[-1])

    @cached_property
    def seconds_P(self) -> Floats:
        """Their mean train seconds."""
        mean_P: Floats = self.seconds_SP.mean(axis=0, where=self.judged_SP)
        return mean_P

    @cached_property
    def accuracy_P(self) -> Floats:
        """Their mean accuracy."""
        mean_P: Floats = self.accuracy_SP.mean(axis=0, where=self.judged_SP)
        return mean_P

    @cached_property
    def variance_P(self) -> Floats:
        """Variance of the accuracy over the runs that judge a point; NaN where that is one."""
        variance_P = np.full(len(self.epoch_P), np.nan)
        several_P = self.seeds_P > 1
        variance_P[several_P] = np.nanvar(self.accuracy_SP[:, several_P], axis=0, ddof=1)
        return variance_P

    @cached_property
    def clock_variance(self) -> float:
        """Variance of the logarithm of the train seconds over the runs, of which there are several."""
        point = self.last_of_most
        return float(np.log(self.seconds_SP[self.judged_SP[:, point], point]).var(ddof=1))

    @cached_property
    def log_error_P(self) -> Floats:
        """Logarithm of the mean share of images that are wrong."""
        return np.log(np.clip(1 - self.accuracy_P, 1e-6, 1))

    def at(self, places: NDArray[np.int64]) -> Curve:
        """Give some of the points."""
        return dataclasses.replace(
            self,
            epoch_P=self.epoch_P[places],
            seconds_SP=self.seconds_SP[:, places],
            accuracy_SP=self.accuracy_SP[:, places],
            wrong=None if self.wrong is None else self.wrong[:, places],
            optimism_P=None if self.optimism_P is None else self.optimism_P[places],
        )

    @classmethod
    def of(cls, runs: Replicates, images: int | None, *, weighed: bool = False) -> Curve:
        """Lay a recipe's runs out, without the images.

        Args:
            runs: The runs.
            images: How many images choose, if known.
            weighed: Whether the front trades the number of parameters.
        """
        rising = np.flatnonzero(np.diff(runs.accuracies, prepend=-np.inf) > ROUNDING)
        measured = runs.first.measures.get("parameters") if weighed else None
        return cls(
            epoch_P=rising + 1,
            seconds_SP=runs.seconds_SE[:, rising],
            accuracy_SP=runs.best_SE[:, rising],
            parameters=float(measured or 0),
            images=images,
        )

    def on_images(self, runs: Replicates, right: RightImages, rng: np.random.Generator) -> Curve:
        """Add which images the runs got wrong; without those of any of their epochs nothing is added.

        Args:
            runs: The runs that the curve was made of.
            right: Which images were right, of these runs at least.
            rng: The source of all randomness.
        """
        judged_SE = runs.judged_SE[:, : int(self.epoch_P[-1])]
        marks = [right.get((runs.trials[s].number, int(e) + 1)) for s, e in np.argwhere(judged_SE)]
        wrong = _wrong_bits([None if mark is None else mark.choosing for mark in marks])
        if wrong is None or marks[0] is None:
            return self
        images = marks[0].choosing.count
        wrong_SEb = np.zeros((*judged_SE.shape, wrong.shape[1]), dtype=np.uint8)
        wrong_SEb[judged_SE] = wrong
        optimism_SE = np.zeros(judged_SE.shape)
        for run, leg in runs.judgements:
            wrong_EI = np.unpackbits(wrong_SEb[run, leg], axis=1, count=images).view(bool)
            optimism_SE[run, leg] = optimism(wrong_EI, rng)
        places = self.epoch_P - 1
        kept_SP = runs.best_at_SE[:, places]
        return dataclasses.replace(
            self,
            wrong=wrong_SEb[np.arange(len(wrong_SEb))[:, None], kept_SP],
            images=images,
            optimism_P=optimism_SE[:, places].mean(axis=0, where=self.judged_SP),
        )


def _wrong_bits(marks: list[Marks | None]) -> Bytes | None:
    """Give the bits of the wrong images, a row each; None unless all are of the same images."""
    counts = {None if mark is None else mark.count for mark in marks}
    count = counts.pop()
    if counts or count is None:
        return None
    packed = np.frombuffer(b"".join(mark.packed for mark in marks if mark is not None), np.uint8)
    wrong = ~packed.reshape(len(marks), -1)
    wrong[:, -1] &= np.uint8(0xFF << -count % 8 & 0xFF)  # the last byte is filled up with zeros
    return wrong
