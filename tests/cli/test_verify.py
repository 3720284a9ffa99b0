"""``dse verify``: points of a front are trained again, with fresh seeds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.cli.command import run

SPACE = {
    "name": "claims",
    "data": {"name": "digits", "validation_images": 400},
    "recipe": {
        "model": {"name": "lenet5"},
        "learning_rate": {"policy": "fixed", "base_rate": {"choices": [0.001, 0.01]}},
        "batch_size": {"schedule": "constant", "size": 50},
        "epochs": 2,
    },
    "baseline": {"learning_rate": {"policy": "fixed", "base_rate": 0.001}},
    "trials": 6,
    "seeds": 3,
    "sampler": "grid",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    (folder / "space.yaml").write_text(yaml.safe_dump(SPACE))
    result = run("explore", folder / "space.yaml", "--results", folder, "--device", "cpu", "--threads", 1)
    assert result.exit_code == 0, result.output
    (folder / "claims" / "study.db").unlink()
    return folder / "claims"


def verify(folder: Path, *more: object):
    return run("verify", folder, "--device", "cpu", "--threads", 1, "--points", 1, *more)


def test_a_sound_study_holds_where_it_was_measured(published: Path) -> None:
    result = verify(published, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["sentence"] == "1 of 1 accuracies hold and 1 of 1 time ratios hold."
    (check,) = found["checks"]
    assert check["accuracy"]["at_least"] < check["accuracy"]["stated"]
    assert (
        check["time_ratio"]["limits"][0] <= check["time_ratio"]["stated"] <= check["time_ratio"]["limits"][1]
    )


def test_a_study_that_claims_too_much_does_not_hold(published: Path, tmp_path: Path) -> None:
    boasting = tmp_path / "boasting"
    shutil.copytree(published, boasting)
    (boasting / "right.npz").unlink()
    curves = pd.read_csv(boasting / "curves.csv")
    for name in ("train_seconds", "calibrated_seconds"):
        curves.loc[curves["trial"].isin(_better(published)), name] /= 3
    for name in ("validation_accuracy", "accuracy", "best_accuracy"):
        curves[name] = 1 - (1 - curves[name]) / 100
    curves.to_csv(boasting / "curves.csv", index=False)
    result = verify(boasting)
    assert result.exit_code == 1
    assert "accuracy does not hold, time does not hold" in result.output
    assert "boasting does not hold here: 0 of 1 accuracies hold and 0 of 1 time ratios hold." in result.output


def _better(folder: Path) -> list[int]:
    trials = pd.read_csv(folder / "trials.csv")
    return trials.loc[~trials["is_baseline"], "trial"].tolist()


def test_tables_without_their_space_are_refused(published: Path, tmp_path: Path) -> None:
    shutil.copytree(published, tmp_path / "bare")
    (tmp_path / "bare" / "space.yaml").unlink()
    result = verify(tmp_path / "bare")
    assert result.exit_code == 2
    assert "has no space.yaml, which says what it was trained on" in result.output
