"""Recipes as rows, whatever number of seeds each was trained with; and the trials that failed."""

from __future__ import annotations

import pandas as pd

from dse.record.objectives import OBJECTIVES
from dse.record.tables import StudyTables

# Trained to no end, or not to the target. What was stopped or interrupted did not fail.
FAILURES = ("failed", "diverged", "missed_target")


def recipe_rows(tables: StudyTables) -> pd.DataFrame:
    """Make one row for each recipe, in the order of their first trials.

    Values are means over its complete runs or, where it has none, over those that trained at least one epoch; where
    fresh runs confirm it, over these alone, as on the front.

    Returns:
        Recipe columns of its first trial, ``runs``, ``complete`` (of how many complete ones its values are means),
        ``others`` (the states of those that are not complete, in words), the objectives, ``test_accuracy`` and
        ``best_epoch`` with their standard deviations (``<name>_sd``; empty for a single run), ``on_front``,
        ``is_baseline``.
    """
    trials = tables.trials.assign(is_complete=tables.trials["state"] == "complete")
    recipes = [part for runs in tables.recipes.values() for part in runs.parts or (runs,)]
    counts = trials["trial"].isin([each.number for runs in recipes for each in runs.trials])
    trials["judges"] = counts & trials["is_complete"]
    some_complete = trials.groupby("recipe_id")["judges"].transform("any")
    judged = trials[trials["judges"] | (counts & ~some_complete)]
    measured = [*OBJECTIVES, "test_accuracy", "best_epoch"]
    values = judged[["recipe_id", *measured]].astype(dict.fromkeys(measured, float)).groupby("recipe_id")
    rows = trials.drop_duplicates("recipe_id").drop(columns=measured).set_index("recipe_id")
    grouped = trials.groupby("recipe_id")
    rows = rows.assign(
        runs=grouped.size(),
        complete=grouped["judges"].sum(),
        others=_other_states(trials).reindex(rows.index, fill_value="").astype("str"),
    )
    return rows.join(values.mean()).join(values.std().add_suffix("_sd")).reset_index()


def _other_states(trials: pd.DataFrame) -> pd.Series:
    """Count the states of each recipe's trials that are not complete, in words."""
    counts = trials[~trials["is_complete"]].groupby(["recipe_id", "state"]).size().reset_index(name="count")
    words = counts["count"].astype("str") + " " + counts["state"].str.replace("_", " ")
    return words.groupby(counts["recipe_id"]).agg(", ".join)


def failures(tables: StudyTables) -> pd.DataFrame:
    """Give every trial that failed, with its reason: trial, label, seed, state, reason, epochs_done."""
    rows = tables.trials[tables.trials["state"].isin(FAILURES)]
    done = tables.curves.groupby("trial")["epoch"].max()
    table = rows[["trial", "label", "seed", "state", "reason", "is_baseline"]].copy()
    table["epochs_done"] = table["trial"].map(done).fillna(0).astype(int)
    table["reason"] = table["reason"].astype("str").fillna("")
    return table.reset_index(drop=True)
