"""What keeps two studies from being compared: how they were timed, on which images, beside which baseline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dse.data.datasets import Protocol
from dse.record.environment import engine_name
from dse.record.noise import choosing_images, standard_error
from dse.record.tables import StudyTables
from dse.units import clipped

# What must be the same for seconds to compare.
MACHINE = ("device_type", "device", "threads", "engine", "workers", "clock")
# Of studies that do not say it.
USUAL = {"workers": 1, "clock": "measured"}


def timing_differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Say in what two environments differ that decides how long a step takes; empty if they are alike."""
    if one.get("device") is None or other.get("device") is None:
        return ["the machine is not recorded"]
    pairs = {key: (_value(one, key), _value(other, key)) for key in MACHINE}
    return [f"{key} {clipped(a)}, {clipped(b)}" for key, (a, b) in pairs.items() if a != b]


def _value(environment: Mapping[str, Any], key: str) -> str:
    return engine_name(str(environment.get(key, USUAL.get(key, "not recorded"))))


def same_images(first: StudyTables, second: StudyTables) -> bool | None:
    """Tell whether the same images chose in both; None if that is not recorded."""
    if first.protocol != second.protocol:
        return False
    prints = {study.environment.get("data_fingerprint") for study in (first, second)}
    if None in prints:
        return None
    if len(prints) == 1:
        return True
    # The fingerprint is that of test images too, of which one study may have taken fewer.
    asked = [dict(study.space.get("data") or {}) for study in (first, second)]
    images = [{key: value for key, value in data.items() if key != "test_images"} for data in asked]
    own = any(data.get("path") is not None for data in asked)
    return first.protocol == Protocol.HOLDOUT and not own and bool(images[0]) and images[0] == images[1]


def accuracy_error(study: StudyTables, accuracy: float) -> float | None:
    """Give the standard error of an accuracy on the images that chose; None if their number is not known."""
    images = choosing_images(study.space, study.protocol)
    return None if images is None else standard_error(accuracy, images)


def caveats(first: StudyTables, second: StudyTables, differing: list[str]) -> list[str]:
    """Say what to keep in mind of a comparison, a sentence each.

    Args:
        first: One study.
        second: The other.
        differing: In what their timing differs.
    """
    said = []
    if same_images(first, second) is None:
        said.append("Whether both were measured on the same images is not recorded.")
    if differing:
        said.append(
            f"They were not timed alike ({'; '.join(differing)}), so time is in epochs of each one's own baseline: "
            "ratios of one machine need not hold on another."
        )
    if len({_but_for_epochs(study) for study in (first, second)}) > 1:
        said.append("Their baselines are other recipes, so what is measured by them differs by that too.")
    errors = [accuracy_error(study, float(study.points["accuracy"].max())) for study in (first, second)]
    known = [f"{100 * error:.2f}" for error in errors if error is not None]
    if len(known) == len(errors):
        said.append(f"The standard errors of their best accuracies are {' and '.join(known)} points.")
    return said


def _but_for_epochs(study: StudyTables) -> str:
    """Give the baseline's recipe, whatever its epochs; empty if none was trained."""
    recipes = study.trials.loc[study.trials["is_baseline"], "recipe"]
    if recipes.empty:
        return ""
    return json.dumps({**json.loads(recipes.iloc[0]), "epochs": None}, sort_keys=True)
