"""How a recipe looks: colour = learning-rate policy, marker = batch schedule, fill = weight sharing."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dse.recipe.batch_size import SCHEDULES
from dse.recipe.learning_rate import POLICIES

# Blue, amber, green and purple stay apart for the three kinds of colour blindness, on white and on near-black.
POLICY_COLOURS = dict(zip(POLICIES, ("#0072B2", "#D98A00", "#009E73", "#AA3377"), strict=False))
SCHEDULE_RANKS = {kind: rank for rank, kind in enumerate(SCHEDULES)}
OTHER_COLOURS = ("#7A5C3E", "#56B4E9", "#888888")
SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "star", "hexagon")
NOT_SHARED = "none"


@dataclass(frozen=True)
class Encoding:
    """What stands for what in every figure of a study.

    Attributes:
        colours: Colour of each learning-rate policy.
        shapes: Name of the shape of each batch schedule, or of each kind of schedule if there are more
            schedules than shapes.
        by_kind: Whether shapes stand for kinds of schedules.
        shares: Whether some trial shares weights, and some trial does not.
    """

    colours: dict[str, str]
    shapes: dict[str, str]
    by_kind: bool
    shares: tuple[bool, ...]


def choose_encoding(trials: pd.DataFrame) -> Encoding:
    """Give every policy its colour and every batch schedule its shape.

    Colours are fixed by the policy's name, so that they agree over studies.
    """
    kinds = _kinds(trials)
    order = (
        pd.DataFrame({"kind": kinds.astype(str), "schedule": trials["schedule"].astype(str)})
        .drop_duplicates()
        .assign(
            rank=lambda rows: rows["kind"].map(SCHEDULE_RANKS).fillna(len(SCHEDULE_RANKS)),
            first=lambda rows: rows["schedule"].str.extract(r"^(\d+)")[0].fillna("0").astype(int),
        )
        .sort_values(["rank", "first", "schedule"])
    )
    schedules = list(dict.fromkeys(order["schedule"]))
    by_kind = len(schedules) > len(SHAPES)
    shown = list(dict.fromkeys(order["kind"])) if by_kind else schedules
    present = set(trials["policy"].dropna())
    named = [policy for policy in POLICY_COLOURS if policy in present]
    other = sorted(present - POLICY_COLOURS.keys())
    colours = {policy: POLICY_COLOURS[policy] for policy in named}
    colours |= {policy: OTHER_COLOURS[i % len(OTHER_COLOURS)] for i, policy in enumerate(other)}
    return Encoding(
        colours=colours,
        shapes={name: SHAPES[i % len(SHAPES)] for i, name in enumerate(shown)},
        by_kind=by_kind,
        shares=tuple(sorted({sharing != NOT_SHARED for sharing in trials["sharing"].dropna()})),
    )


def looks(trials: pd.DataFrame, encoding: Encoding) -> pd.DataFrame:
    """Give each trial its ``colour``, ``shape`` and whether it is ``filled``."""
    return pd.DataFrame(
        {
            "colour": trials["policy"].map(encoding.colours),
            "shape": (_kinds(trials) if encoding.by_kind else trials["schedule"])
            .astype(str)
            .map(encoding.shapes),
            "filled": trials["sharing"] == NOT_SHARED,
        },
        index=trials.index,
    )


def _kinds(trials: pd.DataFrame) -> pd.Series[str]:
    """The kind of each batch schedule; a published table may lack the column."""
    return trials["batch_size.schedule"] if "batch_size.schedule" in trials else trials["schedule"]
