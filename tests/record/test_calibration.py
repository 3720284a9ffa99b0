"""Calibration: seconds of plans from seconds of steps, their uncertainty, and what is kept of them."""

from __future__ import annotations

import copy
import json
import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.data.datasets import ImageShape
from dse.recipe.batch_size import Constant
from dse.recipe.kinds import StepKind, kind_steps, reference_kind
from dse.recipe.learning_rate import OneCycle
from dse.recipe.plan import Plan, compile_plan
from dse.recipe.recipe import Recipe
from dse.record.calibration import (
    Calibration,
    Measured,
    Ratio,
    Reference,
    lacking,
    median_ratio,
    relative_spread,
    step_seconds,
)

DIGITS = ImageShape(1, 28, 28, 10)
BASELINE = Recipe(epochs=3)
REFERENCE = reference_kind(BASELINE, DIGITS)
positive = st.floats(1e-4, 1e4)


def plan_of(batch_size: int, **changes: Any) -> Plan:
    recipe = BASELINE.model_copy(update={"batch_size": Constant(size=batch_size), **changes})
    return compile_plan(recipe, DIGITS, 1_300)


def calibration(*plans: Plan, error: float = 0.01) -> Calibration:
    """One in which a step takes a second for each hundred images."""
    kinds = {each.kind.id: each.kind for plan in plans for each in kind_steps(plan)}
    ratios = {key: Ratio(kind.label, kind.batch_size / 128, error, 9) for key, kind in kinds.items()}
    ratios.pop(REFERENCE.id, None)
    return Calibration(Reference(REFERENCE.id, "baseline", 1.28, 0.02, 16), ratios)


def test_seconds_are_steps_times_the_seconds_of_a_step() -> None:
    plan = plan_of(100)
    assert calibration(plan).seconds(plan) == pytest.approx([13.0, 26.0, 39.0])


def test_the_last_smaller_batch_counts_as_a_step_of_its_own_kind() -> None:
    plan = plan_of(128)
    known = calibration(plan)
    assert known.seconds(plan) == pytest.approx([13.0, 26.0, 39.0])
    (small,) = known.ratios
    slow = Calibration(known.reference, {small: Ratio("", 2 * 20 / 128, 0.01, 9)})
    assert slow.seconds(plan) == pytest.approx([13.2, 26.4, 39.6])


def test_recipes_of_the_same_steps_take_the_same_seconds() -> None:
    plan = plan_of(64)
    known = calibration(plan)
    assert (known.seconds(plan) == known.seconds(plan_of(64, learning_rate=OneCycle()))).all()


def test_what_was_not_measured_has_no_seconds() -> None:
    known = calibration(plan_of(64))
    assert known.seconds(plan_of(32)) is None
    assert known.error(plan_of(32)) is None


def test_the_error_of_a_run_is_that_of_its_steps_and_none_for_the_reference() -> None:
    assert calibration(plan_of(100), error=0.03).error(plan_of(100)) == pytest.approx(0.03)
    # 20 of 1,300 images are in steps of another kind than the reference.
    assert calibration(plan_of(128), error=0.03).error(plan_of(128)) == pytest.approx(0.03 * 20 / 1_300)


@given(st.lists(st.tuples(positive, positive), min_size=3, max_size=40), positive)
def test_a_machine_that_is_slower_for_both_of_a_pair_changes_no_ratio(
    pairs: list[tuple[float, float]], slower: float
) -> None:
    value, error = median_ratio(pairs)
    again, same = median_ratio([(a * slower, b * slower) for a, b in pairs])
    assert (again, same) == (pytest.approx(value), pytest.approx(error))


@given(st.lists(positive, min_size=5, max_size=30), st.data())
def test_a_few_disturbed_pairs_hardly_move_the_ratio(ratios: list[float], data: st.DataObject) -> None:
    spoilt = data.draw(st.integers(0, (len(ratios) - 1) // 2))
    pairs = [(ratio, 1.0) for ratio in ratios]
    disturbed = [(1e9 * a, b) for a, b in pairs[:spoilt]] + pairs[spoilt:]
    value = median_ratio(disturbed)[0]
    assert min(ratios) <= value <= max(ratios)


def test_the_stated_error_of_a_ratio_is_the_one_that_repeats_show() -> None:
    random = np.random.default_rng(3)
    for count in (7, 40):
        pairs = 1 + 0.05 * random.standard_normal((2_000, count, 2))
        found = [median_ratio([tuple(pair) for pair in each]) for each in pairs]
        values, errors = zip(*found, strict=True)
        assert statistics.median(errors) == pytest.approx(statistics.stdev(values), rel=0.2), count


def test_a_step_takes_what_its_least_disturbed_blocks_do() -> None:
    quiet = [1.0 + 0.001 * i for i in range(50)]
    assert step_seconds(quiet) == pytest.approx(1.0, abs=0.01)
    assert step_seconds(quiet[:20] + [3.0 * each for each in quiet[20:]]) == pytest.approx(1.0, abs=0.02)


def test_equal_values_have_no_spread_and_yet_no_perfect_clock() -> None:
    assert relative_spread([2.0, 2.0, 2.0]) == 0
    assert median_ratio([(2.0, 1.0)] * 3)[1] > 0


def test_the_noise_floor_is_that_of_two_median_kinds() -> None:
    known = calibration(plan_of(100), plan_of(64), error=0.01)
    assert known.noise_floor == pytest.approx(1.96 * math.sqrt(2) * 0.01)
    alone = Calibration(known.reference)
    assert alone.noise_floor == pytest.approx(1.96 * math.sqrt(2) * 1.2533 * 0.02 / 4, rel=1e-3)


def test_what_is_known_is_not_measured_again_and_stays_as_it_is() -> None:
    plan = plan_of(64)
    wanted = lacking([plan], REFERENCE, None)
    assert wanted is not None
    assert [kind.batch_size for kind in wanted.kinds] == [128, 64, 20]
    known = calibration(plan)
    assert lacking([plan], REFERENCE, known) is None
    wanted = lacking([plan, plan_of(32)], REFERENCE, known)
    assert wanted is not None
    assert [kind.batch_size for kind in wanted.kinds] == [32]
    other = {key: Ratio("", 99.0, 0.1, 3) for key in known.ratios} | {"new": Ratio("", 5.0, 0.1, 3)}
    more = Measured(Reference(REFERENCE.id, "", 7.0, 0.1, 3), other).added_to(known)
    assert more.reference == known.reference
    assert more.ratios == {**known.ratios, "new": other["new"]}


def test_a_calibration_is_read_as_it_was_written() -> None:
    known = calibration(plan_of(100), plan_of(64))
    assert Calibration.parse(json.loads(json.dumps(known.dump()))) == known


def test_networks_of_the_users_own_are_not_kept_for_other_studies() -> None:
    assert StepKind.of(BASELINE, DIGITS, 8).lasts
    assert Ratio.of(StepKind.of(BASELINE, DIGITS, 8), [(1.0, 1.0)] * 3).lasts


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ((), [], "it is no calibration"),
        (("ratios",), None, "it is no calibration"),
        (("reference",), 3, "reference: keys are missing"),
        (("reference", "seconds"), 0, "reference: seconds=0 is not above 0"),
        (("reference", "seconds"), float("nan"), "reference: seconds=nan is no finite number"),
        (("reference", "blocks"), 2.5, "reference: blocks=2.5 is no int"),
        (("reference", "id"), 5, "reference: id=5 is no str"),
        (("ratios", "k", "value"), -1.0, "ratio k: value=-1.0 is not above 0"),
        (("ratios", "k", "value"), "1", "ratio k: value='1' is no finite number"),
        (("ratios", "k", "pairs"), 0, "ratio k: pairs=0 is not above 0"),
        (("ratios", "k"), {}, "ratio k: keys are missing"),
    ],
)
def test_a_damaged_calibration_is_refused_with_what_is_wrong(path: tuple, value: object, said: str) -> None:
    known = Calibration(Reference("r", "baseline", 1.0, 0.01, 9), {"k": Ratio("kind", 2.0, 0.01, 9)})
    content: Any = copy.deepcopy(known.dump())
    if not path:
        content = value
    else:
        place = content
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    with pytest.raises(ValueError, match=said):
        Calibration.parse(content)
