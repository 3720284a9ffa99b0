"""What is stated with some confidence is true as often: a thousand studies of worlds whose truth is known."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from dse.evidence.crossing import judge_share
from dse.evidence.curve import Curve, Floats
from dse.evidence.draws import Noise, draw
from dse.evidence.front import Limits, Verdict, judge_front
from dse.evidence.images import ImageDraws
from dse.record.evidence import ShareInterval
from dse.record.noise import standard_error
from tests.evidence.worlds import World

WORLDS, STUDIES = 20, 50
CONFIDENCE = 0.9
TOLERANCE = 0.02


class Tally:
    """How often what was stated came true."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[float]] = defaultdict(list)

    def add(self, study: list[Curve], world: World, truth_RE: Floats) -> None:
        noise = Noise.fitted(study)
        self._intervals(study, noise, world, truth_RE)
        self._front(study, noise, world, truth_RE)
        self._share(study, noise, world, truth_RE)

    def _intervals(self, study: list[Curve], noise: Noise, world: World, truth_RE: Floats) -> None:
        limits, rng = Limits(CONFIDENCE), np.random.default_rng(0)
        drawn = draw(dict(enumerate(study)), noise, ImageDraws.of(study, 400, rng), rng)
        for r, curve in enumerate(study):
            low_P, high_P = limits.interval(drawn.accuracy_BP[r])
            true_P = truth_RE[r, curve.epoch_P - 1]
            self.outcomes["accuracy"].append(np.mean((low_P <= true_P) & (true_P <= high_P)))
            low_P, high_P = limits.interval(drawn.seconds_BP[r])
            true = world.seconds_RE[r, curve.epoch_P[0] - 1]
            self.outcomes["seconds"].append(low_P[0] <= true <= high_P[0])

    def _front(self, study: list[Curve], noise: Noise, world: World, truth_RE: Floats) -> None:
        margin = standard_error(float(study[0].accuracy_P[-1]), world.images)
        limits = Limits(CONFIDENCE, margin, 400)
        found = judge_front(study, noise, limits)
        for k, (r, p) in enumerate(zip(found.places.recipe_K, found.places.point_K, strict=True)):
            epoch = study[r].epoch_P[p] - 1
            no_slower = world.seconds_RE <= world.seconds_RE[r, epoch] + 1e-9
            lacks = float(truth_RE[no_slower].max() - truth_RE[r, epoch])
            self.outcomes["p_front stated"].append(found.on_front_K[k])
            self.outcomes["p_front true"].append(lacks <= 1e-9)
            match limits.verdict(found.on_front_K[k], found.within_K[k]):
                case Verdict.ON_FRONT:
                    self.outcomes["on the front"].append(lacks <= 1e-9)
                case Verdict.TIED:
                    self.outcomes["tied"].append(lacks <= margin)
                case Verdict.DOMINATED:
                    self.outcomes["dominated"].append(lacks > 0)

    def _share(self, study: list[Curve], noise: Noise, world: World, truth_RE: Floats) -> None:
        found, holds, saves = self._judged(len(study) - 1, study, noise, world, truth_RE)
        self.outcomes["share"].append(holds)
        self.outcomes["saves stated"].append(found.saves_time)
        self.outcomes["saves true"].append(saves)
        picked = fastest(study)
        if picked is not None:
            self.outcomes["picked share"].append(self._judged(picked, study, noise, world, truth_RE)[1])

    def _judged(
        self, r: int, study: list[Curve], noise: Noise, world: World, truth_RE: Floats
    ) -> tuple[ShareInterval, bool, bool]:
        """Judge a recipe's share; tell whether it lies within its interval, and whether it saves time."""
        found = judge_share(study[r], study[0], noise, Limits(CONFIDENCE))
        end = study[0].epoch_P[-1] - 1
        reached = np.flatnonzero(truth_RE[r] >= truth_RE[0, end])
        seconds = world.seconds_RE[r, reached[0]] if len(reached) else np.inf
        share = float(seconds / world.seconds_RE[0, end])
        low = np.inf if found.low is None else found.low
        high = np.inf if found.high is None else found.high
        return found, low <= share <= high, share < 1


def fastest(study: list[Curve]) -> int | None:
    """Pick the recipe that seems to reach the accuracy of the first in the least time; None if none needs less."""
    aim, until = study[0].accuracy_P[-1], study[0].seconds_P[-1]
    reaching = [
        (float(curve.seconds_P[curve.accuracy_P >= aim][0]), r)
        for r, curve in enumerate(study[1:], start=1)
        if curve.accuracy_P[-1] >= aim
    ]
    seconds, picked = min(reaching, default=(np.inf, 0))
    return picked if seconds < until else None


@pytest.mark.slow
@pytest.mark.parametrize("recorded", [True, False], ids=["images recorded", "images not recorded"])
def test_stated_confidence_is_observed_coverage(recorded: bool) -> None:
    rng, tally = np.random.default_rng(5), Tally()
    for _ in range(WORLDS):
        world = World.random(rng)
        truth_RE = world.truth(rng)
        for _ in range(STUDIES):
            seeds_R = rng.integers(1, 4, len(truth_RE)).tolist()
            tally.add(world.study(rng, seeds_R, recorded=recorded), world, truth_RE)
    seen = {name: float(np.mean(values)) for name, values in tally.outcomes.items()}
    assert seen["seconds"] == pytest.approx(CONFIDENCE, abs=TOLERANCE)
    # Epochs are steps: a share between two of them is none, so its interval is right somewhat more often.
    for name in ("share", "picked share", "on the front", "tied", "dominated"):
        assert seen[name] >= CONFIDENCE - TOLERANCE, name
    # What was measured is drawn with the same noise once more, which hides small differences: the stated probabilities
    # of several points together are rather too small than too large.
    assert seen["p_front true"] - 0.05 <= seen["p_front stated"] <= seen["p_front true"] + TOLERANCE
    if recorded:
        assert seen["accuracy"] == pytest.approx(CONFIDENCE, abs=TOLERANCE)
        assert seen["saves stated"] == pytest.approx(seen["saves true"], abs=TOLERANCE)
    else:
        # Images that recipes share are drawn apart, so intervals are too wide rather than too narrow.
        assert seen["accuracy"] >= CONFIDENCE - TOLERANCE
