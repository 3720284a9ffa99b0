"""The front's laws, against a brute-force twin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dse.errors import InputError
from dse.pareto import front_after, front_mask, hypervolume, rank

points_3d = arrays(float, st.tuples(st.integers(1, 30), st.just(3)), elements=st.integers(0, 5).map(float))
signs_3d = st.tuples(st.booleans(), st.booleans(), st.booleans())


def dominates(a: np.ndarray, b: np.ndarray, maximise: tuple[bool, ...]) -> bool:
    sign = np.where(maximise, -1, 1)
    return bool(np.all(a * sign <= b * sign) and np.any(a * sign < b * sign))


@given(points=points_3d, maximise=signs_3d)
def test_the_front_agrees_with_brute_force(points: np.ndarray, maximise: tuple[bool, ...]) -> None:
    expected = [not any(dominates(other, point, maximise) for other in points) for point in points]
    assert front_mask(points, maximise).tolist() == expected


@given(points=points_3d, maximise=signs_3d)
def test_ranks_peel_front_after_front(points: np.ndarray, maximise: tuple[bool, ...]) -> None:
    ranks = rank(points, maximise)
    left = np.arange(len(points))
    level = 1
    while len(left):
        on_front = front_mask(points[left], maximise)
        assert np.all(ranks[left[on_front]] == level)
        left = left[~on_front]
        level += 1


@given(points=points_3d, maximise=signs_3d, seed=st.integers(0, 10))
def test_order_and_dominated_points_do_not_matter(
    points: np.ndarray, maximise: tuple[bool, ...], seed: int
) -> None:
    reference = np.where(maximise, -1.0, 6.0)
    shuffled = np.random.default_rng(seed).permutation(len(points))
    volume = hypervolume(points, reference, maximise)
    assert hypervolume(points[shuffled], reference, maximise) == pytest.approx(volume)
    assert hypervolume(points[front_mask(points, maximise)], reference, maximise) == pytest.approx(volume)
    assert front_mask(points[shuffled], maximise).tolist() == front_mask(points, maximise)[shuffled].tolist()


def test_duplicates_are_kept() -> None:
    assert front_mask([[1, 2], [1, 2], [2, 3]], (False, False)).tolist() == [True, True, False]


def test_no_points_have_no_front() -> None:
    assert front_mask(np.empty((0, 2)), (False, True)).tolist() == []
    assert rank([], (False, True)).tolist() == []
    assert hypervolume([], [1, 1], (False, False)) == 0


def test_points_worse_than_the_reference_add_nothing() -> None:
    assert hypervolume([[5, 0.1]], [4, 0.2], (False, True)) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_values_are_refused(bad: float) -> None:
    for function in (front_mask, rank):
        with pytest.raises(InputError, match=r"point 1 is .*: a front needs finite values"):
            function([[1, 2], [bad, 0], [0, 0]], (False, True))


def test_shapes_must_agree() -> None:
    with pytest.raises(InputError, match=r"points have shape \(1, 3\), but 2 objectives"):
        front_mask([[1, 2, 3]], (False, True))


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.lists(st.tuples(*2 * [st.integers(0, 5)]), min_size=1, max_size=4)),
        max_size=12,
    )
)
def test_a_front_that_is_kept_is_that_of_all_points(
    changes: list[tuple[int, list[tuple[int, int]]]],
) -> None:
    groups: dict[int, np.ndarray] = {}
    front = np.empty((0, 2))
    for group, points in changes:
        before, groups[group] = groups.get(group), np.array(points, dtype=float)
        front = front_after(front, before, groups[group], groups.values(), (False, True))
        everything = np.concatenate(list(groups.values()))
        expected = everything[front_mask(everything, (False, True))]
        assert sorted(front.tolist()) == sorted(expected.tolist())
