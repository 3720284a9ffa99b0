"""The parts of the evidence: optimism, pooled variances, images and seconds drawn, and shortfalls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.evidence.clock import ClockNoise
from dse.evidence.curve import Curve
from dse.evidence.draws import Noise
from dse.evidence.front import Limits, Verdict, may_matter, shortfalls
from dse.evidence.images import ImageDraws
from dse.evidence.optimism import optimism
from dse.evidence.pooling import Pooled
from dse.evidence.seeds import SeedNoise
from dse.pareto import front_mask
from tests.evidence.worlds import World


def curve_of(wrong_SPI: np.ndarray, seconds: float = 1.0) -> Curve:
    seeds, points, images = wrong_SPI.shape
    accuracy_SP = 1 - wrong_SPI.mean(axis=2)
    seconds_SP = np.full((seeds, 1), seconds) * np.arange(1, points + 1)
    return Curve(
        np.arange(1, points + 1), seconds_SP, accuracy_SP, 0.0, np.packbits(wrong_SPI, axis=2), images
    )


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6), st.integers(1, 2)), min_size=1, max_size=8))
def test_the_front_is_where_nothing_is_lacking(points: list[tuple[int, int, int]]) -> None:
    seconds, tenths, parameters = np.array(points, dtype=float).T
    lacks = shortfalls(tenths[None] / 10, seconds[None], parameters)[0]
    for k, (own_seconds, own, own_parameters) in enumerate(zip(seconds, tenths, parameters, strict=True)):
        no_slower = (seconds <= own_seconds) & (parameters <= own_parameters)
        assert lacks[k] == pytest.approx((tenths[no_slower].max() - own) / 10)
    on_front = front_mask(np.stack([seconds, tenths, parameters], axis=1), (False, True, False))
    assert set(np.flatnonzero(on_front)) <= set(np.flatnonzero(lacks <= 0))


def test_optimism_of_epochs_that_are_equally_good_is_what_their_maximum_gains() -> None:
    rng = np.random.default_rng(0)
    found, gained = [], []
    for _ in range(300):
        wrong_EI = rng.random((5, 1_000)) < 0.1
        found.append(optimism(wrong_EI, rng)[-1])
        gained.append(0.1 - wrong_EI.mean(axis=1).min())
    assert np.mean(found) == pytest.approx(np.mean(gained), rel=0.06)


def test_where_one_epoch_is_clearly_the_best_nothing_is_too_good() -> None:
    rng = np.random.default_rng(0)
    wrong_EI = rng.random((3, 1_000)) < np.array([0.5, 0.2, 0.05])[:, None]
    assert optimism(wrong_EI, rng).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert optimism(np.zeros((2, 50), dtype=bool), rng).tolist() == [0, 0]


def test_pooling_finds_the_prior_that_variances_were_drawn_from() -> None:
    rng = np.random.default_rng(0)
    true = 3.0 * 10 / rng.chisquare(10, 2_000)
    pooled = Pooled.fitted(true * rng.chisquare(2, 2_000) / 2, np.full(2_000, 2.0))
    assert (pooled.variance, pooled.degrees) == (pytest.approx(3, rel=0.1), pytest.approx(10, rel=0.5))
    unseen = pooled.posterior(0, 0)
    assert (unseen.variance, unseen.degrees) == (pooled.variance, pooled.degrees)


def test_nothing_is_known_better_than_all_variances_together_say() -> None:
    pooled = Pooled.fitted(np.array([1.0, 1.0]), np.array([1.0, 1.0]))
    assert pooled.posterior(1.0, 1).degrees == 2
    assert Pooled.fitted(np.zeros(3), np.ones(3)).posterior(0, 1).variance == 0


def test_an_accuracy_by_itself_has_jeffreys_interval() -> None:
    images, wrong = 1_000, 3
    wrong_SPI = np.zeros((1, 1, images), dtype=bool)
    wrong_SPI[:, :, :wrong] = True
    curve = curve_of(wrong_SPI)
    drawn = ImageDraws.of([curve], 20_000, np.random.default_rng(0)).drawn(curve)[:, 0]
    # scipy.stats.beta(997.5, 3.5).ppf([0.025, 0.975])
    assert np.quantile(drawn, (0.025, 0.975)) == pytest.approx([0.99201, 0.99916], abs=2e-4)


def test_where_all_images_are_right_the_interval_is_not_empty() -> None:
    curve = curve_of(np.zeros((3, 1, 100), dtype=bool))
    drawn = ImageDraws.of([curve], 2_000, np.random.default_rng(0)).drawn(curve)
    assert np.quantile(drawn, 0.025) == pytest.approx(
        0.9753, abs=0.003
    )  # scipy.stats.beta(100.5, 0.5).ppf(0.025)
    assert drawn.max() <= 1


def test_what_recipes_share_cancels_in_their_difference() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(2_000) < 0.1
    one, other = (curve_of((hard ^ (rng.random(2_000) < 0.01))[None, None]) for _ in range(2))
    images = ImageDraws.of([one, other], 2_000, rng)
    paired = images.drawn(one) - images.drawn(other)
    disagree = np.unpackbits(one.wrong ^ other.wrong).sum() / 2_000  # type: ignore[operator]
    assert paired.std() == pytest.approx(np.sqrt(disagree / 2_000), rel=0.15)
    alone = [Curve(c.epoch_P, c.seconds_SP, c.accuracy_SP, images=2_000) for c in (one, other)]
    images = ImageDraws.of(alone, 2_000, rng)
    unpaired = images.drawn(alone[0]) - images.drawn(alone[1])
    assert unpaired.std() == pytest.approx(np.sqrt(2 * 0.1 * 0.9 / 2_000), rel=0.15)
    assert unpaired.std() > 2 * paired.std()


def test_a_draw_keeps_no_more_of_the_seeds_than_the_images_left() -> None:
    """Drawn seeds and drawn images together vary as studies do."""
    rng = np.random.default_rng(1)
    world = World(np.full((30, 1), 1.5), np.ones(30), images=500, seed_sd=0.1)
    curves = world.study(rng, [4] * 30)
    seeds = SeedNoise.fitted(curves)
    found = np.concatenate([curve.accuracy_P for curve in curves])
    images = ImageDraws.of(curves, 1_000, rng)
    drawn = [images.drawn(curve) + seeds.drawn(curve, np.ones(1_000), rng) for curve in curves]
    # Recipes of one world differ by seeds and by their own images, as the draws of two recipes do.
    difference = np.mean([np.var(one - two) for one, two in zip(drawn[::2], drawn[1::2], strict=True)])
    assert difference == pytest.approx(2 * found.var(ddof=1), rel=0.5)


def test_without_replicates_a_tenth_of_the_errors_is_assumed() -> None:
    curves = World.random(np.random.default_rng(0)).study(np.random.default_rng(0), [1] * 6)
    seeds = SeedNoise.fitted(curves)
    assert np.sqrt(seeds.of(curves[0])) == pytest.approx(0.1 * (1 - curves[0].accuracy_P), rel=1e-3)
    assert seeds.factor.posterior(0, 0).degrees == 4
    clock = ClockNoise.fitted(curves, {})
    assert clock.error(0, curves[0]) == 0
    assert ClockNoise.fitted(curves, {0: 0.02}).error(0, curves[0]) == 0.02


def test_seconds_are_as_sure_as_runs_agree() -> None:
    rng = np.random.default_rng(0)
    curves = World.random(rng, recipes=200, epochs=1, clock_sd=0.05, images=50).study(rng, [3] * 200)
    error = ClockNoise.fitted(curves, {}).error(0, curves[0])
    assert error == pytest.approx(0.05 / np.sqrt(3), rel=0.15)


@pytest.mark.parametrize(
    ("on_front", "within", "verdict"),
    [
        (0.97, 0.99, Verdict.ON_FRONT),
        (0.5, 0.97, Verdict.TIED),
        (0.01, 0.03, Verdict.DOMINATED),
        (0.5, 0.8, Verdict.UNDECIDED),
    ],
)
def test_verdicts(on_front: float, within: float, verdict: Verdict) -> None:
    assert Limits(0.95).verdict(on_front, within) is verdict


def test_of_very_many_recipes_the_nearest_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dse.evidence.front.MOST_RECIPES", 4)
    levels = (0.90, 0.902, 0.95, 0.901, 0.951, 0.949)
    curves = [
        Curve(np.array([1]), np.array([[1.0 + r]]), np.array([[a]]), images=100) for r, a in enumerate(levels)
    ]
    assert may_matter(curves, Noise.fitted(curves)).tolist() == [0, 1, 2, 4]
    monkeypatch.setattr("dse.evidence.front.MOST_RECIPES", 5)
    assert may_matter(curves, Noise.fitted(curves)).tolist() == [0, 1, 2, 4, 5]
