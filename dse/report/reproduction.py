"""The paper's rows beside ours, as people read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dse.evidence.reproduction import Reproduction
from dse.units import points_text, value_text, words

TITLES = {
    "accuracy": "test accuracy",
    "accuracy_gain": "test accuracy gained",
    "time_to_best": "time to the best epoch, of the baseline's",
    "parameters": "parameters",
}


def measure_texts(found: Reproduction) -> Iterator[tuple[str, ...]]:
    """Give each line as texts: row, measure, paper, ours, interval, seeds, verdict."""
    for line in found.rows.to_dict("records"):
        measure = str(line["measure"])
        low, high = line["low"], line["high"]
        exact = pd.isna(low) or low == high
        yield (
            words(line["row"]),
            TITLES[measure],
            _text(measure, line["paper"]),
            _text(measure, line["ours"]),
            "" if exact else f"{_text(measure, low)} to {_text(measure, high)}",
            str(line["seeds"]),
            line["verdict"],
        )


def _text(measure: str, value: Any) -> str:
    if measure == "accuracy_gain":
        return points_text(float(value))
    if measure == "time_to_best":
        return f"{value:.2f}"
    return value_text(value, "share" if measure == "accuracy" else "count")
