"""Which recipe is trained next with a fresh seed, so that front and answer are settled in little time.

Dimensions: P points of a recipe, K points of all of them, B draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.evidence.curve import Floats
from dse.evidence.front import Followed, Limits, Verdict, shortfalls
from dse.evidence.sample import Sample, Studied
from dse.record.evidence import ShareInterval
from dse.units import count_text

# Fresh runs of the answer's recipe and of the baseline before anything is said of them.
FEWEST = 2
# A point of the front counts if it takes at most so many times the baseline's seconds, and makes at most so many times
# its errors: the corner from which searches measure the front's volume too.
CORNER = 2.0

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be settled.

    Attributes:
        confidence: With which.
        margin: Accuracy that a point may lack to the front and still be tied with it; None for one standard error of
            the baseline's accuracy.
        width: The answer's interval is to be no wider; None if any will do.
        fewest: Fresh runs of the answer's recipe and of the baseline before anything is said of them. With two, the
            recipe is still picked by them in part.
        draws: How many times all is drawn for each decision.

    >>> Aim(confidence=0.95, width=0.1).fewest
    2
    """

    confidence: float = 0.9
    margin: float | None = None
    width: float | None = None
    fewest: int = FEWEST
    draws: int = 1_000


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next.

    Attributes:
        recipe_id: The recipe to train with a fresh seed; None if nothing is left that seeds can settle.
        open: What is still open, as a sentence.
    """

    recipe_id: str | None
    open: str


def next_run(studied: Studied, fresh: Mapping[str, int], aim: Aim) -> Next:
    """Decide which recipe is trained next.

    First the answer's recipe and the baseline have some fresh runs each. Then comes the answer: does the recipe save
    time? Then the front: every point of it that counts is to be confirmed by a fresh run and to have a verdict, and so
    is every rival that may be on it with a probability of more than 1 - confidence.

    Of the runs that may settle what is open, the one comes next whose seed decides most a second. Posterior sampling,
    as of PSIPS (Kone, Jourdan and Kaufmann 2025), draws what the means might be; in some draws a point's verdict is
    another one than it seems to be. The correlation of that with what a recipe's seeds contributed to the draw,
    squared, is the share of the doubt that they make, and one run more takes 1 / (n + 1) of it away. PSIPS weighs arms
    by how far they lie from their means in such draws; a correlation leaves out arms that are merely uncertain, and
    what images or the clock make uncertain, which no seed settles. What would be open without any noise of seeds is
    given up.

    Args:
        studied: The study; recipes that fresh runs confirm are judged by these alone.
        fresh: Fresh runs of each recipe by its id, those at work included.
        aim: What is to be settled.
    """
    named, baseline = studied.answer.fastest, studied.answer.baseline
    if baseline is None:
        return Next(None, "No run of the baseline is complete, and everything is compared with it.")
    if named is not None:
        pair = sorted((baseline.recipe_id, named.recipe_id), key=lambda each: fresh.get(each, 0))
        if fresh.get(pair[0], 0) < aim.fewest:
            had = " and ".join(str(fresh.get(each.recipe_id, 0)) for each in (named, baseline))
            return Next(
                pair[0],
                f"The answer is open: its recipe and the baseline have {had} of {aim.fewest} fresh runs.",
            )
    question = _Question(Sample.of(studied), studied, fresh, aim)
    return question.answer() or question.front()


@dataclass(frozen=True)
class _Question:
    """What is known of a study, and asked of it."""

    sample: Sample
    studied: Studied
    fresh: Mapping[str, int]
    aim: Aim

    @property
    def limits(self) -> Limits:
        margin = self.studied.usual_margin if self.aim.margin is None else self.aim.margin
        return Limits(self.aim.confidence, margin, self.aim.draws)

    def answer(self) -> Next | None:
        """Decide what the answer needs; None if it is settled, or no seed can settle it."""
        share, best = self.sample.share(self.limits), self.sample.without_seeds.share(self.limits)
        named, reference = self.studied.answer.fastest, self.studied.answer.baseline
        if share is None or best is None or named is None or reference is None:
            return None
        if self._is_settled(share) or not self._is_settled(best):
            return None
        gains = {each.recipe_id: self._worth(each.recipe_id) for each in (named, reference)}
        says = f"in {share} of the time, with a probability of {share.saves_time:.2f} to save any"
        return Next(max(gains, key=gains.__getitem__), f"The answer is open: {says}.")

    def _is_settled(self, share: ShareInterval) -> bool:
        sure = abs(share.saves_time - 0.5) >= self.aim.confidence - 0.5
        if self.aim.width is None or share.saves_time < 0.5:
            return sure
        return (
            sure
            and share.low is not None
            and share.high is not None
            and share.high - share.low <= self.aim.width
        )

    def _worth(self, recipe_id: str) -> float:
        """Give by how much one run more makes a mean less uncertain, a second."""
        recipes = enumerate(self.studied.recipes.values())
        place = next(place for place, runs in recipes if recipe_id in runs.recipes)
        curve, seeds = self.sample.curves[place], self.sample.noise.seeds
        if seeds is None:
            return 1 / self._cost(place)
        variance = float(seeds.of(curve)[-1]) / int(curve.seeds_P[-1])
        return variance / (self._runs(place) + 1) / self._cost(place)

    def _runs(self, place: int) -> int:
        """Give how many runs a recipe is judged by, once those at work are done."""
        return max(self.fresh.get(self.sample.ids[place], 0), 1)

    def _cost(self, place: int) -> float:
        """Give the train seconds of a whole run."""
        return float(self.studied.recipes[self.sample.ids[place]].seconds[-1])

    def front(self) -> Next:
        """Decide what the front needs."""
        limits = self.limits
        found = Followed.of(self.sample.curves, self.sample.noise, limits)
        likely_K = (found.lacks_BK <= 0).mean(axis=0) > 1 - limits.confidence
        counts_K = self._counts(found)
        asked_K = counts_K & (found.on_front_K | likely_K)
        recipes = list(dict.fromkeys(found.places.recipe_K[counts_K & found.on_front_K].tolist()))
        unseen = [r for r in recipes if not self.fresh.get(self.sample.ids[r], 0)]
        open_K = asked_K & _undecided(found.lacks_BK, limits)
        settled_BK = shortfalls(found.drawn.settled_BK, found.drawn.seconds_BK, found.parameters_K)
        hopeless_K = open_K & _undecided(settled_BK, limits)
        worth = self._worths(found, open_K & ~hopeless_K)
        says = _front_text(int(asked_K.sum()), len(unseen), open_K, hopeless_K, limits.confidence)
        if unseen:
            return Next(self.sample.ids[min(unseen, key=self._cost)], says)
        if not worth:
            return Next(None, says)
        return Next(self.sample.ids[max(worth, key=worth.__getitem__)], says)

    def _counts(self, found: Followed) -> Bools:
        """Mark the points that count, by what was measured of them."""
        baseline = self.studied.answer.baseline
        assert baseline is not None  # nothing is asked without it
        followed = found.places.curves(self.sample.curves).values()
        seconds_K = np.concatenate([curve.seconds_P for curve in followed])
        errors_K = 1 - np.concatenate([curve.accuracy_P for curve in followed])
        return (seconds_K <= CORNER * baseline.seconds) & (errors_K <= CORNER * (1 - baseline.accuracy))

    def _worths(self, found: Followed, open_K: Bools) -> dict[int, float]:
        """Give what one run more of each recipe decides of what is open, a second; only what decides something."""
        within_BK = found.lacks_BK[:, open_K] <= self.limits.margin
        if not within_BK.size:
            return {}
        doubt_BK = (within_BK - within_BK.mean(axis=0)) / np.maximum(within_BK.std(axis=0), 1e-9)
        worths = {}
        places = np.unique(found.places.recipe_K).tolist()
        for r, seeds_BP in zip(places, found.drawn.seeds_BP, strict=True):
            part_B = _normal(_normal(seeds_BP).mean(axis=1))
            shares_K = (doubt_BK * part_B[:, None]).mean(axis=0) ** 2
            # Of draws that have nothing to do with it a share of about 1 / draws remains.
            share = float(np.maximum(shares_K - 4 / self.aim.draws, 0).sum())
            if share > 0:
                worths[r] = share / (self._runs(r) + 1) / self._cost(r)
        return worths


def _undecided(lacks_BK: Floats, limits: Limits) -> Bools:
    on_front_K, within_K = (lacks_BK <= 0).mean(axis=0), (lacks_BK <= limits.margin).mean(axis=0)
    verdicts = [limits.verdict(*each) for each in zip(on_front_K, within_K, strict=True)]
    return np.array([verdict is Verdict.UNDECIDED for verdict in verdicts], dtype=bool)


def _normal(values: Floats) -> Floats:
    normal: Floats = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-12)
    return normal


def _front_text(asked: int, unseen: int, open_K: Bools, hopeless_K: Bools, confidence: float) -> str:
    points = f"of {count_text(asked, 'point')} that are or may be on the front"
    hopeless = int(hopeless_K.sum())
    images = f" More seeds cannot settle {hopeless} {points}: that takes more images." if hopeless else ""
    left = int(open_K.sum()) - hopeless
    if not unseen and not left:
        return f"Nothing is open at {100 * confidence:g} % that more seeds settle.{images}"
    parts = [f"{left} {points} without a verdict"] if left else []
    parts += [f"{count_text(unseen, 'recipe')} on it without a fresh run"] if unseen else []
    return f"The front is open: {', and '.join(parts)}.{images}"
