"""Points of the design space, a recipe stopped after an epoch, and the front: those that no other dominates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dse.pareto import front_mask
from dse.recipe.recipe import Recipe
from dse.record.counted import by_recipe
from dse.record.evidence import EVIDENCE_COLUMNS
from dse.record.objectives import OBJECTIVES, directions, is_of_curves
from dse.record.replicates import Replicates, spread

RECIPE_WORDS = ["recipe_id", "label", "policy", "schedule", "sharing"]


def point_columns() -> list[str]:
    """Name the columns of a point, every objective among them."""
    return [
        *("trial", "epoch", *RECIPE_WORDS, "seeds", *OBJECTIVES),
        *("test_accuracy", "train_seconds_sd", "accuracy_sd"),
    ]


def front_columns() -> list[str]:
    """Name the columns of a point of the front: it is compared with the baseline too, and may be judged."""
    return [*point_columns(), "time_saved_percent", "accuracy_gain", *EVIDENCE_COLUMNS]


def recipe_words(recipe: Recipe) -> dict[str, str]:
    """Describe a recipe in a few words, a column each."""
    return {
        "recipe_id": recipe.id,
        "label": recipe.label,
        "policy": recipe.learning_rate.policy,
        "schedule": recipe.batch_size.label,
        "sharing": recipe.weight_sharing.label,
    }


def points_frame(recipes: Mapping[str, Replicates], target: float | None = None) -> pd.DataFrame:
    """Make one row for each recipe and each epoch that all its runs reached: means over its seeds.

    Args:
        recipes: Every recipe's runs, by its id.
        target: Accuracy for ``seconds_to_target``.
    """
    parts = [_curve_columns(runs, target) for runs in recipes.values()]
    if not parts:
        return pd.DataFrame().reindex(columns=point_columns())
    lengths = [len(part["epoch"]) for part in parts]
    columns = {name: _joined([part[name] for part in parts], lengths) for name in parts[0]}
    return pd.DataFrame(columns).reindex(columns=point_columns())


def _joined(values: Sequence[Any], lengths: Sequence[int]) -> Any:
    """Put the same column of all recipes together; one value of a recipe stands for all its epochs."""
    if isinstance(values[0], np.ndarray):
        return np.concatenate(values)
    return [value for value, length in zip(values, lengths, strict=True) for _ in range(length)]


def _curve_columns(runs: Replicates, target: float | None) -> dict[str, Any]:
    epochs = np.arange(1, len(runs.seconds) + 1)
    recipe, measures = runs.first.recipe, runs.first.measures
    reached = None if target is None else runs.epoch_reaching(target)
    to_target_E = np.full(len(epochs), np.nan)
    if reached is not None:
        to_target_E[reached - 1 :] = runs.seconds[reached - 1]
    return {
        "trial": runs.first.number,
        "epoch": epochs,
        **recipe_words(recipe),
        "seeds": runs.seeds_E,
        "train_seconds": runs.seconds,
        "seconds_to_best": runs.seconds[runs.kept_E],
        "seconds_to_target": to_target_E,
        "accuracy": runs.accuracies,
        "final_accuracy": runs.final_accuracies,
        "parameters": measures["parameters"],
        "train_flops": int(measures["train_flops"] or 0) * epochs // recipe.epochs,
        "energy_joules": runs.joules,
        "test_accuracy": runs.test_accuracies,
        "train_seconds_sd": spread(runs.seconds_SE),
        "accuracy_sd": spread(runs.best_SE)[runs.kept_E],
    }


def whole_runs_frame(recipes: Mapping[str, Replicates], objectives: Sequence[str]) -> pd.DataFrame:
    """Make one row for each recipe with a complete run that has every objective: means over its complete runs."""
    rows = []
    for runs in recipes.values():
        trials = [trial for trial in runs.trials if trial.complete]
        if not trials:
            continue
        whole = by_recipe(trials)[runs.first.recipe.id]
        measured = pd.DataFrame({name: [trial.measures.get(name) for trial in trials] for name in OBJECTIVES})
        row: dict[str, object] = {
            "trial": trials[0].number,
            **recipe_words(runs.first.recipe),
            "seeds": len(trials),
            "test_accuracy": float(whole.test_accuracies[-1]),
            "train_seconds_sd": float(spread(whole.seconds_SE)[-1]),
            "accuracy_sd": float(spread(whole.best_SE)[-1]),
        }
        means = measured.astype(float).mean()
        rows.append(row | {name: float(means[name]) for name in OBJECTIVES})
    return pd.DataFrame(rows).reindex(columns=point_columns()).dropna(subset=list(objectives))


def traded(objectives: Sequence[str]) -> tuple[str, ...]:
    """Name what a front trades: of curves train seconds and accuracy, with parameters if they are an objective.

    >>> traded(("accuracy", "parameters")), traded(("accuracy", "train_flops"))
    (('train_seconds', 'accuracy', 'parameters'), ('accuracy', 'train_flops'))
    """
    if not is_of_curves(objectives):
        return tuple(objectives)
    return ("train_seconds", "accuracy", *(["parameters"] if "parameters" in objectives else []))


def on_front(recipes: Mapping[str, Replicates], objectives: Sequence[str]) -> dict[str, Replicates]:
    """Choose the recipes that have a point on the front of curves; to lay all of them out in a frame takes far longer.

    Args:
        recipes: Every recipe's runs, by its id.
        objectives: What the front trades, see ``front_frame``.
    """
    axes = traded(objectives)
    rows: list[Any] = [np.empty((len(axes), 0))]
    for runs in recipes.values():
        values = (
            runs.seconds,
            runs.accuracies,
            np.full(len(runs.seconds), runs.first.measures["parameters"]),
        )
        rows.append(values[: len(axes)])
    lengths = [len(row[0]) for row in rows[1:]]
    mask = front_mask(np.concatenate(rows, axis=1).T, directions(axes))
    found = dict.fromkeys(np.repeat([*recipes], lengths)[mask].tolist())
    return {recipe_id: recipes[recipe_id] for recipe_id in found}


def front_frame(
    points: pd.DataFrame, objectives: Sequence[str], baseline: Replicates | None = None
) -> pd.DataFrame:
    """Choose the points that no other dominates, by rising train seconds, and compare them with the baseline.

    Args:
        points: From ``points_frame``, or from ``whole_runs_frame`` where the objectives are not those of a curve.
        objectives: The study's; ``traded`` says which of them count.
        baseline: Complete runs of the baseline.
    """
    axes = list(traded(objectives))
    mask = front_mask(points[axes].to_numpy(dtype=float), directions(axes))
    front = points[mask].sort_values(["train_seconds", "trial"], kind="stable").reset_index(drop=True)
    compared = [
        compare(*each, baseline) for each in zip(front["train_seconds"], front["accuracy"], strict=True)
    ]
    ratios, gains = np.array(compared, dtype=float).reshape(-1, 2).T
    front = front.assign(time_saved_percent=100 * (1 - ratios), accuracy_gain=gains)
    return front.reindex(columns=front_columns()).assign(verdict="")


def compare(seconds: float, accuracy: float, baseline: Replicates | None) -> tuple[float, float]:
    """Compare with the baseline at the same accuracy.

    Returns:
        The seconds as a share of those in which the baseline first reaches the accuracy, and the accuracy gained
        where it never does; the other is NaN, and both are without a baseline.
    """
    if baseline is None:
        return np.nan, np.nan
    epoch = baseline.epoch_reaching(accuracy)
    if epoch is None:
        return np.nan, accuracy - float(baseline.accuracies[-1])
    return seconds / float(baseline.seconds[epoch - 1]), np.nan
