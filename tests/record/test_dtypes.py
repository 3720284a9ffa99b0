"""Frames hold numbers as numbers: the same types in every study, wherever it is read from."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import dse
from dse.record.run import Outcome
from dse.record.tables import StudyTables, write_tables
from tests.fakes import BASELINE, make_space, make_study, make_trial, realistic_study, run_study

RESULTS = Path(__file__).resolve().parents[2] / "results"
FRAMES = ("trials", "curves", "points", "front")
WHOLE = {
    *("trial", "seed", "attempt", "resumed_epochs", "epoch", "epochs", "seeds", "best_epoch"),
    *("batch_size", "steps", "images_seen", "parameters", "train_flops"),
}
TRUTH = {"on_front", "is_baseline", "disturbed"}
TEXT = {
    *("recipe_id", "label", "policy", "schedule", "sharing", "purpose", "state", "reason"),
    *("started", "device", "engine", "recipe", "verdict"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study on disk with runs that failed, diverged and are complete; and its CSV files elsewhere."""
    folder = tmp_path_factory.mktemp("studies")
    run_study(folder, make_space(), trials=14, name="kept")
    tables = dse.load_study(folder / "kept")
    assert {"complete", "failed", "diverged"} <= set(tables.trials["state"])
    write_tables(tables, folder / "published")
    (folder / "published" / "space.yaml").write_text(make_space().to_yaml())
    return folder


def test_frames_are_the_same_from_the_database_and_from_csv_files(folder: Path) -> None:
    kept, published = dse.load_study(folder / "kept"), dse.load_study(folder / "published")
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(kept, name), getattr(published, name), obj=name)


def studies() -> dict[str, StudyTables]:
    failed = make_trial(0, BASELINE, [], state=Outcome.FAILED, reason="x")
    return {
        "answer": dse.load_study(RESULTS / "mnist-answer"),
        "realistic": realistic_study(),
        "paper": realistic_study(protocol="paper"),
        "whole runs": realistic_study(objectives=["train_flops", "final_accuracy"]),
        "empty": make_study([]),
        "failed": make_study([failed]),
    }


@pytest.mark.parametrize("name", FRAMES)
def test_types_are_those_of_what_columns_hold_and_the_same_in_every_study(name: str) -> None:
    types: dict[str, str] = {}
    for study, tables in studies().items():
        for column, kind in getattr(tables, name).dtypes.astype("str").items():
            assert types.setdefault(column, kind) == kind, f"{study}: {column}"
    of_recipes = {column for column in types if "." in column}
    for column in types.keys() - of_recipes:
        expected = (
            {"int64", "Int64"} if column in WHOLE else {"bool", "boolean"} if column in TRUTH
            else {"str"} if column in TEXT else {"float64"}
        )  # fmt: skip
        assert types[column] in expected, column
    assert {types[column] for column in of_recipes} <= {"Int64", "boolean", "float64", "str"}


def test_values_of_recipes_keep_their_types_where_some_have_none() -> None:
    types = realistic_study().trials.dtypes.astype("str")
    assert types["batch_size.period"] == "Int64"  # of adabatch alone
    assert types["learning_rate.staircase"] == "boolean"  # of exponential decay alone
    assert types["learning_rate.cycle_epochs"] == "str"  # a number, or per_stage
    assert types["learning_rate.peak_ratio"] == "float64"
