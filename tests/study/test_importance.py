"""Parameter importance: what decides is found, and what cannot be judged is said."""

from __future__ import annotations

import dataclasses
import itertools
import logging

import numpy as np
import optuna
import pandas as pd
import pytest

import dse
from dse.record.answer import Answer, Reached
from dse.record.tables import StudyTables
from dse.study.importance import COLUMNS, TIME_TO_BASELINE, parameter_importance
from tests.fakes import BASELINE, TINY, make_study, make_trial

POLICIES = ("fixed", "one_cycle", "warm_restarts")
RATES = (0.001, 0.003)


def study(trials: pd.DataFrame, objectives: tuple[str, ...] = ("train_seconds", "accuracy")) -> StudyTables:
    empty = pd.DataFrame()
    return StudyTables("t", objectives, "holdout", None, trials, empty, empty, empty, Answer(None, None))


def grid(repeats: int = 4) -> pd.DataFrame:
    """Batch size alone decides the time, the policy alone the accuracy; repeated in recipes alike but for their id."""
    rows = list(itertools.product(POLICIES, (16, 64, 128), RATES, range(repeats)))
    frame = pd.DataFrame(rows, columns=["policy", "batch_size.size", "learning_rate.base_rate", "seed"])
    jitter = np.random.default_rng(0).normal(0, 1e-3, (2, len(frame)))
    return frame.assign(
        trial=range(len(frame)),
        recipe_id=[f"{i}" for i in range(len(frame))],
        state="complete",
        schedule=frame["batch_size.size"].astype(str),
        sharing="none",
        epochs=5,
        **{"learning_rate.policy": frame["policy"], "batch_size.stages": None, "model.name": "capsnet"},
        train_seconds=1000 / frame["batch_size.size"] + jitter[0],
        accuracy=0.9 + 0.03 * frame["policy"].map(POLICIES.index) + jitter[1],
    )


def test_what_decides_is_found_for_either_direction() -> None:
    table = parameter_importance(study(grid()))
    assert table.columns.tolist() == COLUMNS
    # The schedule's label says the same as its size, and nothing else differs.
    assert set(table["parameter"]) == {"policy", "batch_size.size", "learning_rate.base_rate"}
    shares = table.pivot(index="parameter", columns="objective", values="importance")
    assert shares.loc["batch_size.size", "train_seconds"] > 0.9
    assert shares.loc["policy", "accuracy"] > 0.7
    assert shares.sum().tolist() == pytest.approx([1.0, 1.0])
    best = table.pivot(index="parameter", columns="objective", values="best")
    assert best.loc["batch_size.size", "train_seconds"] == "128"
    assert best.loc["policy", "accuracy"] == "warm_restarts"


def test_the_time_to_the_baselines_accuracy_comes_first() -> None:
    """Neither the shortest runs nor the most accurate ones: those that are there soonest."""
    frame = grid()
    base_rate, policy = frame["learning_rate.base_rate"], frame["policy"]
    # Without restarts no recipe gets there; with them the rate decides how soon, which no whole run shows.
    points = pd.DataFrame(
        {
            "recipe_id": [*frame["recipe_id"], *frame["recipe_id"]],
            "epoch": [1] * len(frame) + [5] * len(frame),
            "train_seconds": [
                *np.where(base_rate == 0.003, 1.0, 4.0) + frame["trial"] / 100,
                *[9.0] * len(frame),
            ],
            "accuracy": [
                *np.where(policy == "warm_restarts", 0.95, 0.8),
                *frame["accuracy"].clip(upper=0.94),
            ],
        }
    )
    baseline = Reached(0, "0", "baseline", 5, 5, 1, 5.0, 0.95, 0.95)
    tables = study(frame)
    tables = dataclasses.replace(tables, points=points, answer=Answer(baseline, None))
    table = parameter_importance(tables)
    assert table["objective"].unique().tolist() == [TIME_TO_BASELINE, "train_seconds", "accuracy"]
    found = table.query("objective == @TIME_TO_BASELINE").set_index("parameter")
    assert found["best"].to_dict() | {"batch_size.size": ""} == {
        "policy": "warm_restarts", "learning_rate.base_rate": "0.003", "batch_size.size": "",
    }  # fmt: skip
    assert found.loc["batch_size.size", "importance"] < 0.05
    assert found.loc["learning_rate.base_rate", "importance"] > 0.2

    # Where none gets there, the most accurate are the nearest.
    nowhere = dataclasses.replace(tables, points=points.assign(accuracy=points["accuracy"] - 0.1))
    found = parameter_importance(nowhere).query("objective == @TIME_TO_BASELINE").set_index("parameter")
    assert found["importance"].idxmax() == "policy"
    assert found.loc["policy", "best"] == "warm_restarts"


def test_a_recipe_that_begins_another_one_is_there_as_soon() -> None:
    """Their points have one name, and yet how long a recipe trains decides nothing about its first epoch."""
    whole = [(size * e / 10, 0.8 + 0.04 * e) for size in (32, 64) for e in range(1, 6)]
    trials = [make_trial(0, BASELINE, [(10 * e, 0.75 + 0.02 * e) for e in range(1, 6)])]
    for rate, i, epochs in itertools.product((0.002, 0.003, 0.004, 0.005, 0.006), (0, 1), (2, 5)):
        recipe = dse.Recipe(
            model=TINY,
            epochs=epochs,
            learning_rate=dse.Fixed(base_rate=rate),
            batch_size=dse.Constant(size=(32, 64)[i]),
        )
        trials.append(make_trial(len(trials), recipe, whole[5 * i :][:epochs]))
    tables = make_study(trials)
    assert len(tables.recipes) == 11
    found = parameter_importance(tables).query("objective == @TIME_TO_BASELINE").set_index("parameter")
    assert found["importance"].idxmax() == "batch_size.size"
    assert found.loc["epochs", "importance"] < 0.01


def test_of_a_range_the_middle_half_of_the_best_is_told() -> None:
    rates = np.geomspace(1e-4, 1e-2, 200)
    frame = pd.concat([grid()] * 3, ignore_index=True).head(200)
    frame = frame.assign(
        trial=range(200), recipe_id=[f"{i}" for i in range(200)], accuracy=1 - abs(np.log(rates / 1e-3)),
        **{"learning_rate.base_rate": rates},
    )  # fmt: skip
    table = parameter_importance(study(frame)).set_index(["parameter", "objective"])
    low, high = map(float, str(table.loc[("learning_rate.base_rate", "accuracy"), "best"]).split(" to "))
    assert 0.8e-3 < low < 1e-3 < high < 1.2e-3


def test_a_recipe_is_judged_by_its_mean_over_seeds() -> None:
    frame = grid()
    luck = np.random.default_rng(1).normal(0, 0.1, len(frame))
    seeds = [frame.assign(seed=seed, accuracy=frame["accuracy"] + (-1) ** seed * luck) for seed in (0, 1)]
    pd.testing.assert_frame_equal(
        parameter_importance(study(pd.concat(seeds))), parameter_importance(study(frame))
    )


def test_a_block_that_came_later_is_judged_too() -> None:
    frame = grid()
    frame["optimizer.name"] = np.where(frame["policy"] == "one_cycle", "muon", "adam")
    frame["policy"] = np.where(frame["seed"] % 2, "fixed", "one_cycle")
    frame["accuracy"] = np.where(frame["optimizer.name"] == "muon", 0.99, 0.9)
    found = parameter_importance(study(frame)).query("objective == 'accuracy'").set_index("parameter")
    assert found["importance"].idxmax() == "optimizer.name"


def test_maximised_objectives_are_judged_by_their_best_recipes() -> None:
    # Two schedules: one is always best, the other mediocre or worst as the rate has it.
    frame = grid(6).query("policy != 'fixed'").reset_index(drop=True)
    best = frame["policy"] == "warm_restarts"
    frame["accuracy"] = np.where(best, 0.99, np.where(frame["learning_rate.base_rate"] == 0.001, 0.9, 0.1))
    shares = (
        parameter_importance(study(frame))
        .query("objective == 'accuracy'")
        .set_index("parameter")["importance"]
    )
    assert shares["policy"] > 0.9


def test_conditional_values_are_left_to_the_columns_that_are_always_there() -> None:
    frame = grid()
    frame["learning_rate.peak_ratio"] = np.where(frame["policy"] == "fixed", np.nan, 10.0 + frame["seed"])
    frame["batch_size.size"] = frame["batch_size.size"].where(frame["batch_size.size"] != 16).astype("Int64")
    parameters = set(parameter_importance(study(frame))["parameter"])
    assert parameters == {"policy", "schedule", "learning_rate.base_rate"}


def test_many_schedules_are_judged_by_their_kind() -> None:
    frame = grid().assign(schedule=[f"{i}" for i in range(72)])
    frame["batch_size.schedule"] = np.where(frame["batch_size.size"] == 16, "stages", "constant")
    frame["batch_size.size"] = np.nan
    assert "batch_size.schedule" in set(parameter_importance(study(frame))["parameter"])


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (grid().head(5), "It takes at least 8 recipes with a complete trial; there are 5."),
        (grid().assign(state="failed"), "It takes at least 8 recipes with a complete trial; there are 0."),
        (
            grid().query("policy == 'fixed' and schedule == '16' and `learning_rate.base_rate` == 0.001"),
            "It takes at least 8 recipes with a complete trial; there are 4.",
        ),
        (
            grid(9).query("trial < 9"),
            "No value differs among the recipes with a complete trial.",
        ),
        (
            grid().assign(accuracy=0.9, train_seconds=1.0),
            "All recipes with a complete trial have the same means of every objective.",
        ),
    ],
)
def test_what_cannot_be_judged_is_said(frame: pd.DataFrame, reason: str) -> None:
    table = parameter_importance(study(frame))
    assert table.empty
    assert table.columns.tolist() == COLUMNS
    assert table.attrs["reason"] == reason


def test_an_objective_without_differences_is_left_out() -> None:
    table = parameter_importance(study(grid().assign(accuracy=0.9)))
    assert set(table["objective"]) == {"train_seconds"}


def test_optuna_is_silent_and_its_verbosity_is_left_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    before = optuna.logging.get_verbosity()
    with caplog.at_level(logging.DEBUG):
        parameter_importance(study(grid()))
    assert not caplog.records
    assert optuna.logging.get_verbosity() == before
