"""Choosing images so that every class keeps its share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Indices = NDArray[np.int64]


def stratified_choice(labels: Labels, size: int, seed: int) -> Indices:
    """Choose a number of items, every class keeping its share to within one item.

    Args:
        labels: Class of each item, shape (items,).
        size: How many to choose, at most all.
        seed: At least 0. The same seed chooses the same items.

    Returns:
        Indices in increasing order, exactly ``size`` of them.

    >>> stratified_choice(np.array([0, 0, 0, 0, 1, 1]), 3, seed=0)
    array([0, 2, 5])
    """
    classes, counts = np.unique(labels, return_counts=True)
    # Largest remainder: round every share down, then give what is left to those that lost most.
    shares, remainders = np.divmod(counts * size, len(labels))
    shares[np.argsort(-remainders, kind="stable")[: size - shares.sum()]] += 1
    generator = np.random.default_rng(seed)
    chosen = [
        generator.permutation(np.flatnonzero(labels == label))[:share]
        for label, share in zip(classes, shares, strict=True)
    ]
    return np.sort(np.concatenate(chosen))
