"""How much each choice decides, as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dse.record.tables import StudyTables
from dse.study.importance import parameter_importance
from dse.units import count_text, words

# Of a choice that decides less, which value the best recipes have is mostly luck.
DECIDES = 0.1


@dataclass(frozen=True)
class Importance:
    """How much each choice decides about each objective, or the reason why that is not known.

    Attributes:
        objectives: In words.
        rows: Each choice with a share for each objective, None where it is not judged, and the value of the best
            recipes, empty where the choice decides little.
        reason: Why there is no row.
        judged: Which recipes were judged.
    """

    objectives: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[tuple[float | None, str], ...]], ...] = ()
    reason: str = ""
    judged: str = ""


def importance_table(tables: StudyTables) -> Importance:
    """Importance of each value of the recipe, for the answer's question first; the greatest for that one first."""
    importance = parameter_importance(tables)
    if importance.empty:
        return Importance(reason=importance.attrs["reason"])
    shares = importance.pivot(index="parameter", columns="objective", values="importance")
    best = importance.set_index(["parameter", "objective"])["best"].to_dict()
    shares = shares[list(importance["objective"].unique())]
    shares = shares.sort_values(str(shares.columns[0]), ascending=False, kind="stable")
    return Importance(
        objectives=tuple(words(str(name)) for name in shares),
        rows=tuple(
            (
                _choice(str(name)),
                tuple(_share(each, str(best.get((name, of), ""))) for of, each in row.items()),
            )
            for name, row in shares.iterrows()
        ),
        judged=_judged(tables.trials),
    )


def _judged(trials: pd.DataFrame) -> str:
    """Say which recipes PED-ANOVA judges: those whose whole runs are known."""
    recipes, complete = trials["recipe_id"].nunique(), trials.loc[trials["state"] == "complete", "recipe_id"]
    return f"{complete.nunique():,} of {count_text(recipes, 'recipe')}, those with a complete run"


def _share(share: float, best: str) -> tuple[float | None, str]:
    if pd.isna(share):
        return None, ""
    return float(share), words(best) if share >= DECIDES else ""


def _choice(name: str) -> str:
    named = {"policy": "learning-rate policy", "schedule": "batch schedule", "sharing": "weight sharing"}
    return named.get(name, words(name.removesuffix(".name")).replace(".", ": "))
