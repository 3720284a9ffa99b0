"""When a run is stopped: laws of the rule, and the cases that it must not get wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.errors import InputError
from dse.stopping import DominanceRule, Progress

SIZES = (32,) * 5
EARLY = (0.80, 0.90, 0.92, 0.93, 0.93)
LATE = (0.30, 0.40, 0.60, 0.90, 0.98)


def run(
    policy: str, accuracies: tuple[float, ...], epoch_seconds: float = 1.0, parameters: int = 0
) -> Progress:
    seconds = tuple(epoch_seconds * (i + 1) for i in range(len(accuracies)))
    return Progress(policy, parameters, SIZES, seconds, accuracies)


def rule_with(*runs: Progress, confidence: float = 0.95, curves_needed: int = 1) -> DominanceRule:
    rule = DominanceRule(confidence, curves_needed)
    for one in runs:
        rule.record(one)
    return rule


def test_a_run_far_below_the_front_is_stopped_with_its_estimate() -> None:
    rule = rule_with(run("fixed", EARLY))
    verdict = rule.verdict(run("fixed", (0.20,)))
    assert verdict is not None
    assert verdict.epoch == 1
    # The completed run lowered its error from 0.20 to 0.07; so may 0.80 become 0.28.
    assert verdict.possible_accuracy == pytest.approx(0.72)
    assert verdict.possible_seconds == pytest.approx(5)
    assert str(verdict) == "after epoch 1: even with 72.00 % at 5 s it would not add to the front"


def test_a_policy_that_gains_late_is_judged_by_its_own_curves() -> None:
    rule = rule_with(run("fixed", EARLY), run("one_cycle", LATE))
    assert rule.verdict(run("fixed", (0.30, 0.41))) is not None
    assert rule.verdict(run("one_cycle", (0.30, 0.41))) is None


def test_nothing_of_a_policy_is_stopped_before_enough_of_its_runs_are_complete() -> None:
    hopeless = run("one_cycle", (0.1, 0.1))
    rule = rule_with(run("fixed", EARLY), run("one_cycle", EARLY), run("one_cycle", EARLY), curves_needed=3)
    assert rule.verdict(hopeless) is None
    rule.record(run("one_cycle", EARLY))
    assert rule.verdict(hopeless) is not None


def test_fewer_parameters_are_a_reason_to_go_on() -> None:
    rule = rule_with(run("fixed", EARLY, parameters=100))
    assert rule.verdict(run("fixed", (0.20,), parameters=100)) is not None
    assert rule.verdict(run("fixed", (0.20,), parameters=99)) is None


def test_a_faster_run_is_a_reason_to_go_on() -> None:
    rule = rule_with(run("fixed", EARLY))
    assert rule.verdict(run("fixed", (0.79,), epoch_seconds=0.5)) is None


def test_an_unknown_speed_never_speaks_against_a_run() -> None:
    """The run's last epochs have a batch size that nobody has run: they may cost nothing."""
    known = Progress("fixed", 0, (8, 8, 64), (4.0, 8.0), (0.90, 0.80))
    complete = Progress("fixed", 0, (8, 8, 8), (4.0, 8.0, 9.0), (0.80, 0.85, 0.95))
    verdict = rule_with(complete).verdict(known)
    assert verdict is None or verdict.possible_seconds == 8.0


def test_a_run_cut_short_teaches_the_front_but_not_the_estimate() -> None:
    rule = rule_with(run("fixed", EARLY[:3]))
    assert rule.verdict(run("fixed", (0.10,))) is None


curves = st.lists(st.floats(0, 1), min_size=5, max_size=5).map(tuple)


@given(st.lists(curves, min_size=1, max_size=6), curves, st.integers(1, 4), st.floats(0.5, 2))
def test_a_run_like_a_completed_one_is_stopped_only_where_it_adds_nothing(
    completed: list[tuple[float, ...]], curve: tuple[float, ...], epoch: int, epoch_seconds: float
) -> None:
    """With the run's own curve among the completed ones and full confidence, no point of the front is lost."""
    whole = run("fixed", curve, epoch_seconds)
    others = [run("fixed", accuracies) for accuracies in completed]
    rule = rule_with(*others, confidence=0.999999)
    rule._completed["fixed", 5].append(whole.errors)
    so_far = run("fixed", curve[:epoch], epoch_seconds)
    rule.record(so_far)
    if rule.verdict(so_far) is None:
        return
    points = [(p.seconds[i], p.errors[i]) for p in (*others, so_far) for i in range(len(p.seconds))]
    for later in range(epoch, 5):
        assert any(t <= whole.seconds[later] + 1e-9 and e <= whole.errors[later] + 1e-9 for t, e in points)


@given(curves, st.integers(1, 4), st.floats(0.5, 0.9), st.floats(0.91, 0.99))
def test_more_confidence_stops_no_more_runs(
    curve: tuple[float, ...], epoch: int, low: float, high: float
) -> None:
    completed = [run("fixed", EARLY), run("fixed", LATE), run("fixed", (0.5, 0.5, 0.6, 0.6, 0.7))]
    bold, careful = (rule_with(*completed, confidence=share) for share in (low, high))
    so_far = run("fixed", curve[:epoch])
    if careful.verdict(so_far) is not None:
        assert bold.verdict(so_far) is not None


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, float("nan")])
def test_a_confidence_out_of_its_limits_is_refused(confidence: float) -> None:
    with pytest.raises(InputError, match="confidence=.* must lie above 0 and below 1"):
        DominanceRule(confidence)
