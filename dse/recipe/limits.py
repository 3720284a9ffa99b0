"""Upper limits of a recipe: beyond them it is a slip of the keyboard, refused before any array is made."""

from __future__ import annotations

from collections.abc import Iterable

MOST_EPOCHS = 10_000
LARGEST_BATCH = 1_000_000
LARGEST_GROWTH = 1_000
# A plan holds a few numbers for each step: 10 million are half a gigabyte, and days of training.
MOST_STEPS = 10_000_000
MOST_CYCLES = 10_000


def within(lengths: Iterable[int], total: int) -> list[int]:
    """Cut lengths, one behind the other, to what lies within a total; later ones become 0.

    >>> within([3, 5, 7], 6)
    [3, 3, 0]
    """
    kept, left = [], total
    for length in lengths:
        kept.append(min(length, left))
        left -= kept[-1]
    return kept
