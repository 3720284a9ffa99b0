"""Titles and values of objectives, the same on the page and in the figures."""

from __future__ import annotations

from dse import units
from dse.data.datasets import Protocol
from dse.record.objectives import OBJECTIVES
from dse.record.timing import Timing

PAPER = Protocol.PAPER.value
TEST_CHOSE = "the test set chose the epoch"


def is_share(name: str) -> bool:
    """Whether an objective's values lie between 0 and 1 and are read in per cent."""
    return OBJECTIVES[name].unit == "share"


def axis_title(name: str, clock: Timing = Timing.MEASURED) -> str:
    """Title of an axis, with the unit: accuracies in per cent; calibrated seconds are called so.

    >>> axis_title("train_seconds"), axis_title("train_seconds", Timing.CALIBRATED)
    ('train time (s)', 'train time (s), calibrated')
    """
    objective = OBJECTIVES[name]
    if is_share(name):
        return f"{objective.title} (%)"
    return (
        f"{objective.title}, calibrated"
        if objective.is_time and clock is Timing.CALIBRATED
        else objective.title
    )


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
    """Write an objective's value with its unit; empty if it is missing.

    >>> value_text("accuracy", 0.98765), value_text("train_seconds", 2.2), value_text("parameters", 8215728)
    ('98.77 %', '2.20 s', '8,215,728')
    """
    return units.value_text(value, OBJECTIVES[name].unit)
