"""When a recipe reaches an accuracy that is itself uncertain, as a share of another recipe's seconds.

Dimensions: P points of a recipe, B draws.
"""

from __future__ import annotations

import numpy as np

from dse.evidence.curve import Curve, Floats
from dse.evidence.draws import Noise, draw
from dse.evidence.front import Limits
from dse.evidence.images import ImageDraws
from dse.record.evidence import ShareInterval

# Two recipes cost little.
DRAWS = 2_000


def judge_share(
    fastest: Curve, baseline: Curve, noise: Noise, limits: Limits, place: int | None = None
) -> ShareInterval:
    """Give an interval for the seconds in which a recipe reaches the baseline's accuracy, as a share of its seconds.

    What is estimated: T / t, where t are the mean seconds of the baseline up to its last point, a its mean accuracy
    there, over all seeds and on all images, and T the mean seconds of the recipe up to the first epoch in which its
    own mean accuracy is at least a.

    The first crossing of a noisy curve is too early, and that of many drawn ones is earlier still. But a mean of the
    best so far never falls, so T is at most the seconds of an epoch exactly if the accuracy there is at least a, and
    that is a question of one epoch, not of the least of many. So the lower limit is the first epoch in which the
    recipe has reached a with a probability of at least (1 - confidence) / 2, the upper limit the first one from which
    on that probability never falls below (1 + confidence) / 2. Each is right as often as a single epoch's judgement.

    Args:
        fastest: The recipe.
        baseline: Its last point is what is to be reached.
        noise: How uncertain both are.
        limits: What is asked.
        place: That of the recipe, where the clock states errors by place; the baseline, whose step all others are
            compared with, has none.
    """
    rng = np.random.default_rng(limits.seed)
    images = ImageDraws.of([fastest, baseline], DRAWS, rng)
    drawn = draw({-2 if place is None else place: fastest, -1: baseline}, noise, images, rng)
    (accuracy_BP, aims_BP), (seconds_BP, times_BP) = drawn.accuracy_BP, drawn.seconds_BP
    aim_B, share_BP = aims_BP[:, -1], seconds_BP / times_BP[:, -1:]
    reached_P = (accuracy_BP >= aim_B[:, None]).mean(axis=0)
    soonest_P = np.maximum.accumulate(reached_P)
    latest_P = np.minimum.accumulate(reached_P[::-1])[::-1]
    tail = (1 - limits.confidence) / 2
    low = _quantile(soonest_P, share_BP, tail, rng)
    high = _quantile(latest_P, share_BP, 1 - tail, rng)
    # The last epoch that ends before the baseline's; a recipe may have none.
    before_B = (share_BP < 1).sum(axis=1) - 1
    then_B = np.take_along_axis(accuracy_BP, np.maximum(before_B, 0)[:, None], axis=1)[:, 0]
    saves = float(((before_B >= 0) & (then_B >= aim_B)).mean())
    return ShareInterval(low, high, limits.confidence, saves)


def _quantile(reached_P: Floats, share_BP: Floats, q: float, rng: np.random.Generator) -> float | None:
    """Give a quantile of the share; None beyond the last epoch.

    Args:
        reached_P: Probability that the accuracy is reached by then; it never falls.
        share_BP: Seconds up to then, as a share, as drawn.
        q: Which quantile.
        rng: The source of all randomness.
    """
    draws = len(share_BP)
    levels_B = (rng.permutation(draws) + 0.5) / draws
    at_B = np.searchsorted(reached_P, levels_B, side="left")
    shares_B = np.append(share_BP, np.full((draws, 1), np.inf), axis=1)[np.arange(draws), at_B]
    found = float(np.quantile(shares_B, q, method="inverted_cdf"))
    return None if np.isinf(found) else found
