"""When a run is stopped: laws of the rule, and the cases that it must not get wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.errors import InputError
from dse.search.history import History
from dse.search.progress import Progress
from dse.search.stopping import DominanceRule
from tests.fakes import make_progress as run

EARLY = (0.80, 0.90, 0.92, 0.93, 0.93)
LATE = (0.30, 0.40, 0.60, 0.90, 0.98)


def history_of(*runs: Progress) -> History:
    history = History()
    for one in runs:
        history.record(one)
    return history


def rule_with(*runs: Progress, confidence: float = 0.95) -> DominanceRule:
    return DominanceRule(history_of(*runs), confidence, curves_needed=1)


def test_a_run_far_below_the_front_is_stopped_with_its_estimate() -> None:
    rule = rule_with(run(EARLY))
    verdict = rule.verdict(run((0.20,)))
    assert verdict is not None
    assert verdict.epoch == 1
    # The completed run lowered its error from 0.20 to 0.07; so may 0.80 become 0.28.
    assert verdict.possible_accuracy == pytest.approx(0.72)
    assert verdict.possible_seconds == pytest.approx(5)
    assert str(verdict) == "after epoch 1: even with 72.00 % at 5 s it would not add to the front"


def test_a_rate_that_still_rises_stands_early_in_its_training() -> None:
    """After two of five epochs this one-cycle run has 1 % of its rate behind it: as good as nothing is told yet."""
    rule = rule_with(run(EARLY))
    rising = (0.005, 0.01, 0.3, 0.7, 1.0)
    assert rule.verdict(run((0.30, 0.41))) is not None
    assert rule.verdict(run((0.30, 0.41), rate_shares=rising)) is None


def test_a_completed_run_that_gained_late_gives_credit_to_all() -> None:
    assert rule_with(run(EARLY), run(LATE)).verdict(run((0.30, 0.41))) is None


def test_runs_of_other_lengths_are_compared_by_their_share_of_the_rate() -> None:
    short = run((0.80, 0.93), rate_shares=(0.5, 1.0), batch_sizes=(32, 32))
    verdict = rule_with(short).verdict(run((0.2, 0.2, 0.2)))
    assert verdict is not None
    # From 60 % of its rate on, the short run's log error fell by 80 % of what it did from 50 % on.
    assert 1 - verdict.possible_accuracy == pytest.approx(0.8 * (0.07 / 0.2) ** 0.8)


def test_nothing_is_stopped_before_enough_runs_are_complete() -> None:
    hopeless = run((0.1, 0.1))
    history = history_of(run(EARLY), run(EARLY))
    rule = DominanceRule(history, confidence=0.95, curves_needed=3)
    assert rule.verdict(hopeless) is None
    history.record(run(EARLY))
    assert rule.verdict(hopeless) is not None


def test_fewer_parameters_are_a_reason_to_go_on() -> None:
    rule = rule_with(run(EARLY, parameters=100))
    assert rule.verdict(run((0.20,), parameters=100)) is not None
    assert rule.verdict(run((0.20,), parameters=99)) is None


def test_a_faster_run_is_a_reason_to_go_on() -> None:
    rule = rule_with(run(EARLY))
    assert rule.verdict(run((0.79,), epoch_seconds=0.5)) is None


def test_an_unknown_speed_never_speaks_against_a_run() -> None:
    """The run's last epochs have a batch size that nobody has run: they may cost nothing."""
    complete = run(EARLY)
    verdict = rule_with(complete).verdict(run((0.1, 0.1), batch_sizes=(32, 32, 64, 64, 64)))
    assert verdict is not None
    assert verdict.possible_seconds == 2.0


def test_a_run_cut_short_teaches_the_front_but_not_the_estimate() -> None:
    rule = rule_with(run(EARLY[:3]))
    assert rule.verdict(run((0.10,))) is None


curves = st.lists(st.floats(0, 1), min_size=5, max_size=5).map(tuple)


@given(st.lists(curves, min_size=1, max_size=6), curves, st.integers(1, 4), st.floats(0.5, 2))
def test_a_run_like_a_completed_one_is_stopped_only_where_it_adds_nothing(
    completed: list[tuple[float, ...]], curve: tuple[float, ...], epoch: int, epoch_seconds: float
) -> None:
    """With the run's own curve among the completed ones and full confidence, no point of the front is lost."""
    whole = run(curve, epoch_seconds)
    others = [run(accuracies) for accuracies in completed]
    so_far = run(curve[:epoch], epoch_seconds)
    # So slow that it stops no run itself.
    known = run(curve, 1000 * epoch_seconds)
    rule = DominanceRule(history_of(*others, known, so_far), confidence=0.999999, curves_needed=1)
    if rule.verdict(so_far) is None:
        return
    points = [(p.seconds[i], p.errors[i]) for p in (*others, so_far) for i in range(len(p.seconds))]
    for later in range(epoch, 5):
        assert any(t <= whole.seconds[later] + 1e-9 and e <= whole.errors[later] + 1e-9 for t, e in points)


@given(curves, st.integers(1, 4), st.floats(0.5, 0.9), st.floats(0.91, 0.99))
def test_more_confidence_stops_no_more_runs(
    curve: tuple[float, ...], epoch: int, low: float, high: float
) -> None:
    completed = [run(EARLY), run(LATE), run((0.5, 0.5, 0.6, 0.6, 0.7))]
    bold, careful = (rule_with(*completed, confidence=share) for share in (low, high))
    so_far = run(curve[:epoch])
    if careful.verdict(so_far) is not None:
        assert bold.verdict(so_far) is not None


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, float("nan")])
def test_a_confidence_out_of_its_limits_is_refused(confidence: float) -> None:
    with pytest.raises(InputError, match="confidence=.* must lie above 0 and below 1"):
        DominanceRule(History(), confidence)
