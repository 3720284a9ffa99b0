"""The finding: what the study says in a sentence, and what to keep in mind about it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dse.data.datasets import Protocol
from dse.record.objectives import OBJECTIVES
from dse.record.tables import StudyTables
from dse.report.figure_data import FrontData, front_data
from dse.report.noise import Noise, accuracy_noise
from dse.report.wording import is_share, value_text
from dse.units import count_text, points_text, words


@dataclass(frozen=True)
class Finding:
    """What a reader should know first.

    Attributes:
        sentence: The finding.
        caveats: What limits it, a sentence each.
        trial: The trial that it is about, if it is about one.
    """

    sentence: str
    caveats: tuple[str, ...]
    trial: int | None = None


def find(tables: StudyTables) -> Finding:
    """Say what the study found against its baseline, no more than the data carry."""
    data = front_data(tables)
    if data.points.empty:
        return Finding(_nothing_yet(tables), ())
    if data.baseline is None or not is_share(data.y) or not OBJECTIVES[data.x].is_time:
        return Finding(_front_alone(data), _caveats(tables, data, None))
    noise = accuracy_noise(tables, data.baseline.y)
    others = data.points[~data.points["is_baseline"] & (data.points["x"] < data.baseline.x)]
    others = others.sort_values(["x", "trial"], kind="stable")
    reaching = others[others["y"] >= data.baseline.y]
    near = others[others["y"] > data.baseline.y - noise.standard_error] if noise else others[:0]
    for candidates in (reaching, near):
        if len(candidates):
            winner = candidates.iloc[0]
            return Finding(
                _against_baseline(winner, data, noise),
                _caveats(tables, data, winner),
                int(winner["trial"]),
            )
    if not (~data.points["is_baseline"]).any():
        sentence = "Only the baseline is complete, so there is nothing to compare it with yet."
    else:
        sentence = f"No trial reaches the baseline's {_y(data)} in less time ({_baseline_values(data)})."
    return Finding(sentence, _caveats(tables, data, None))


def _nothing_yet(tables: StudyTables) -> str:
    if tables.trials.empty:
        return "The study has no trials yet."
    counts = tables.trials["state"].value_counts().sort_index()
    states = ", ".join(f"{count} {words(str(state))}" for state, count in counts.items())
    return f"No trial is complete: {states}."


def _y(data: FrontData) -> str:
    return words(data.y)


def _baseline_values(data: FrontData) -> str:
    assert data.baseline is not None
    return f"{value_text(data.y, data.baseline.y)} in {value_text(data.x, data.baseline.x)}"


def _front_alone(data: FrontData) -> str:
    first, last = data.trial_front.iloc[0], data.trial_front.iloc[-1]
    compared = "" if data.baseline else "; no baseline trial is complete, so nothing is compared"
    if len(data.trial_front) == 1:
        return (
            f"Trial {first['trial']:.0f} is best in both {words(data.x)} ({value_text(data.x, first['x'])}) and "
            f"{_y(data)} ({value_text(data.y, first['y'])}){compared}."
        )
    return (
        f"The front runs from trial {first['trial']:.0f} ({value_text(data.x, first['x'])}, "
        f"{value_text(data.y, first['y'])}) to trial {last['trial']:.0f} ({value_text(data.x, last['x'])}, "
        f"{value_text(data.y, last['y'])}){compared}."
    )


def _against_baseline(winner: pd.Series, data: FrontData, noise: Noise | None) -> str:
    assert data.baseline is not None
    gain = float(winner["y"]) - data.baseline.y
    ratio = float(winner["x"]) / data.baseline.x
    values = (
        f"{value_text(data.y, winner['y'])} against {value_text(data.y, data.baseline.y)}, "
        f"{value_text(data.x, winner['x'])} against {value_text(data.x, data.baseline.x)}"
    )
    time = f"{ratio:.2f} of its time"
    if gain < 0:
        return (
            f"No trial reaches the baseline's {_y(data)} in less time; trial {winner['trial']} misses it by "
            f"{points_text(-gain).lstrip('+')}, within noise, in {time} ({values})."
        )
    if gain > 0 and noise is not None and gain >= noise.standard_error:
        return f"Trial {winner['trial']} beats the baseline's {_y(data)} by {points_text(gain)} in {time} ({values})."
    return f"Trial {winner['trial']} reaches the baseline's {_y(data)} in {time} ({values})."


def _caveats(tables: StudyTables, data: FrontData, winner: pd.Series | None) -> tuple[str, ...]:
    said: list[str] = []
    if is_share(data.y):
        level = data.baseline.y if data.baseline else float(data.points["y"].max())
        noise = accuracy_noise(tables, level)
        if noise:
            said.append(
                f"An accuracy of {value_text('accuracy', level)} on {noise.images:,} images has a standard error of "
                f"{100 * noise.standard_error:.2f} points; smaller differences are within noise."
            )
        else:
            said.append(
                "How many images the accuracy was measured on is not recorded, so its noise is unknown."
            )
    if tables.protocol == Protocol.PAPER:
        said.append("The test set chose each best epoch (protocol paper), so accuracies are optimistic.")
    if winner is not None:
        said.append(_seeds(data, winner))
        if tables.protocol != Protocol.PAPER:
            said.append(_test(data, winner))
    elif len(data.points) > 1 and not data.points.duplicated("recipe_id").any():
        said.append("Each recipe was trained with a single seed.")
    return tuple(said)


def _seeds(data: FrontData, winner: pd.Series) -> str:
    seeds = int((data.points["recipe_id"] == winner["recipe_id"]).sum())
    assert data.baseline is not None
    theirs = len(data.baseline.trials)
    if seeds == theirs == 1:
        return f"Trial {winner['trial']} and the baseline were trained with a single seed each."
    return (
        f"The recipe of trial {winner['trial']} was trained with {count_text(seeds, 'seed')}, "
        f"the baseline with {count_text(theirs, 'seed')}."
    )


def _test(data: FrontData, winner: pd.Series) -> str:
    theirs = data.points.loc[data.points["is_baseline"], "test_accuracy"].mean()
    return (
        f"It was picked from {count_text(len(data.points), 'trial')} by validation accuracy; on the test set, which "
        f"chose nothing, it has {value_text('accuracy', winner['test_accuracy'])}, "
        f"the baseline {value_text('accuracy', theirs)}."
    )
