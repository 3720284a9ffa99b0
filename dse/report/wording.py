"""Numbers and names as a reader likes them, the same on the page and in the figures."""

from __future__ import annotations

import pandas as pd

from dse.data.datasets import Protocol
from dse.record.objectives import OBJECTIVES

PAPER = Protocol.PAPER.value
TEST_CHOSE = "the test set chose the epoch"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def is_share(name: str) -> bool:
    """Tell whether a column holds shares between 0 and 1, which readers see in per cent."""
    return name.endswith("accuracy")


def axis_title(name: str) -> str:
    """Title of an axis, with the unit: accuracies in per cent."""
    return f"{OBJECTIVES[name].title} (%)" if is_share(name) else OBJECTIVES[name].title


def accuracy_title(name: str, protocol: str) -> str:
    """Title of an axis; of an accuracy it says which images it was measured on, and which chose the epoch.

    >>> accuracy_title("accuracy", "holdout"), accuracy_title("final_accuracy", "paper")
    ('validation accuracy (%)', 'test final accuracy (%)')
    """
    if not is_share(name):
        return axis_title(name)
    title = f"{chosen_on(protocol)} {axis_title(name)}"
    return f"{title}; {TEST_CHOSE}" if protocol == PAPER and name == "accuracy" else title


def chosen_on(protocol: str) -> str:
    """Name the images that choose the best epoch, and that accuracies are measured on.

    >>> chosen_on("holdout")
    'validation'
    """
    return "test" if protocol == PAPER else "validation"


def value_text(name: str, value: object) -> str:
    """Write a value of a column: accuracies in per cent, seconds short, counts in groups; empty if missing.

    >>> value_text("accuracy", 0.98765), value_text("train_seconds", 2.2), value_text("parameters", 8215728)
    ('98.77 %', '2.20 s', '8,215,728')
    >>> value_text("train_flops", 3.14e12), value_text("seconds_to_best", None)
    ('3.14 × 10¹²', '')
    """
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return ""
    number = float(value)  # type: ignore[arg-type]
    if is_share(name):
        return f"{100 * number:.2f} %"
    if "seconds" in name:
        return f"{number:#.3g} s".replace(". s", " s") if number < 99.95 else f"{number:,.0f} s"
    if name == "train_flops" and abs(number) >= 1e6:
        digits, exponent = f"{number:.2e}".split("e")
        return f"{digits} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    return f"{number:,.0f}"


def points_text(difference: float) -> str:
    """Write a difference of two accuracies in percentage points, with its sign.

    >>> points_text(-0.0125)
    '−1.25 points'
    """
    return f"{100 * difference:+.2f} points".replace("-", "−")


def count_text(count: int, noun: str) -> str:
    """Write a count with its noun.

    >>> count_text(1, "trial"), count_text(1200, "trial")
    ('1 trial', '1,200 trials')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def words(name: str) -> str:
    """Write a name of the tables for readers.

    >>> words("exponential_decay")
    'exponential decay'
    """
    return name.replace("_", " ")
