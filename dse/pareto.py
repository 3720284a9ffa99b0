"""Fronts, ranks and hypervolumes. Arrays in, arrays out.

Points are arrays of shape (points, objectives). ``maximise`` says for each objective whether more is better;
signs are turned here and nowhere else. Non-finite values are refused: one NaN would make any other point
look dominated. Duplicates are kept: two recipes with the same figures are two answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dse.errors import InputError


def front_mask(points: ArrayLike, maximise: Sequence[bool]) -> NDArray[np.bool_]:
    """Mark the points that no other point dominates; shape (points,).

    A point dominates another if it is at least as good in every objective and better in one.

    Raises:
        InputError: A value is not finite, or the shapes disagree.

    >>> front_mask([[1, 0.90], [2, 0.95], [3, 0.95]], maximise=(False, True))
    array([ True,  True, False])
    """
    losses = _losses(points, maximise)
    if not len(losses):
        return np.zeros(0, dtype=bool)
    return np.asarray(moocore.is_nondominated(losses, keep_weakly=True), dtype=bool)


def front_after(
    front: NDArray[np.float64],
    before: NDArray[np.float64] | None,
    after: NDArray[np.float64],
    everything: Iterable[NDArray[np.float64]],
    maximise: Sequence[bool],
) -> NDArray[np.float64]:
    """Give the front after some points took the place of others; it is looked for among all only if it must be.

    Args:
        front: As it was; shape (points, objectives), as of all that follow.
        before: The points that are gone; None if there were none.
        after: The points that came.
        everything: All points as they are now, group by group, those that came included.
        maximise: Whether more is better, for each objective.
    """
    # Points that leave the front uncover others; those that were not on it leave nothing behind.
    left = [] if before is None else before.tolist()
    uncovers = not set(map(tuple, left)).isdisjoint(map(tuple, front.tolist()))
    points = np.concatenate(list(everything) if uncovers else [front, after])
    return points[front_mask(points, maximise)]


def rank(points: ArrayLike, maximise: Sequence[bool]) -> NDArray[np.int64]:
    """Rank the points: 1 for the front, 2 for the front of what is left, and so on; shape (points,).

    Raises:
        InputError: A value is not finite, or the shapes disagree.

    >>> rank([[1, 0.90], [2, 0.95], [3, 0.95]], maximise=(False, True))
    array([1, 1, 2])
    """
    losses = _losses(points, maximise)
    if not len(losses):
        return np.zeros(0, dtype=np.int64)
    return np.asarray(moocore.pareto_rank(losses), dtype=np.int64) + 1


def hypervolume(points: ArrayLike, reference: ArrayLike, maximise: Sequence[bool]) -> float:
    """Measure what the points dominate, up to a reference point that should be worse than all of them.

    Points that are not better than the reference in every objective add nothing.

    Raises:
        InputError: A value is not finite, or the shapes disagree.

    >>> hypervolume([[1, 3], [2, 4]], reference=[4, 1], maximise=(False, True))
    8.0
    """
    losses = _losses(points, maximise)
    corner = _losses(np.atleast_2d(np.asarray(reference, dtype=float)), maximise)[0]
    losses = losses[(losses < corner).all(axis=1)]
    return float(moocore.hypervolume(losses, ref=corner)) if len(losses) else 0.0


def _losses(points: ArrayLike, maximise: Sequence[bool]) -> NDArray[np.float64]:
    """Turn the points so that less is better, and refuse what cannot be compared."""
    signs = np.where(np.asarray(maximise, dtype=bool), -1.0, 1.0)
    array = np.array(points, dtype=float)
    if array.size == 0:
        array = array.reshape(0, len(signs))
    if array.ndim != 2 or array.shape[1] != len(signs):
        raise InputError(
            f"points have shape {array.shape}, but {len(signs)} objectives need (points, {len(signs)})."
        )
    finite = np.isfinite(array)
    if not finite.all():
        wrong = int(np.argmin(finite.all(axis=1)))
        raise InputError(
            f"point {wrong} is {array[wrong].tolist()}: a front needs finite values. Leave such points out."
        )
    return array * signs
