"""A study on the user's own images, from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

import dse
from tests.cli.command import explore, run
from tests.small import own_arrays, save_folder

SPACE = {
    "name": "own",
    "recipe": {
        "model": {"name": "cnn", "filters": {"choices": [2, 4]}},
        "batch_size": {"schedule": "constant", "size": 9},
        "epochs": 1,
    },
    "baseline": {"model": {"filters": 2}},
    "trials": 1,
    "timing": "measured",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_folder(tmp_path / "pictures", own_arrays())
    data = {"name": "mine", "path": "pictures", "shape": [1, 9, 8]}
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE | {"data": data}))
    return tmp_path


@pytest.mark.slow
def test_a_study_records_its_images_and_is_resumed_with_the_same_alone(here: Path) -> None:
    first = explore()
    assert first.exit_code == 0, first.output
    folder = here / "results" / "own"
    recorded = yaml.safe_load((folder / "space.yaml").read_text())["data"]
    assert recorded["path"] == "pictures"
    assert (recorded["shape"], recorded["classes"], recorded["counts"]) == ([1, 9, 8], 3, [30, 9])

    # Elsewhere, but the same.
    (here / "pictures").rename(here / "moved")
    moved = yaml.safe_load((here / "space.yaml").read_text()) | {"data": {"name": "mine", "path": "moved"}}
    (here / "space.yaml").write_text(yaml.safe_dump(moved))
    again = explore("--trials", 2)
    assert again.exit_code == 0, again.output
    assert len(dse.load_study(folder).trials) == 2

    # As many, but others.
    file = next((here / "moved" / "train" / "a").iterdir())
    shutil.copy(next((here / "moved" / "train" / "b").iterdir()), file)
    other = explore("--trials", 3)
    assert other.exit_code == 2
    assert "was measured with other images" in other.stderr

    # Gone: what is recorded is shown, planned and searched again.
    shutil.rmtree(here / "moved")
    shown = run("report", folder)
    assert shown.exit_code == 0, shown.output
    assert (
        "mine (own images); images: 27 training, 3 validation, 9 test" in (folder / "report.html").read_text()
    )
    assert run("trials", folder).exit_code == 0
    assert run("front", folder).exit_code == 0
    replay = run("replay", folder, "--samplers", "dse,grid", "--repeats", 2, "--processes", 1, "--json")
    assert replay.exit_code == 0, replay.output
    gone = explore("--trials", 3)
    assert gone.exit_code == 2
    assert "moved: there is no such file or folder" in gone.stderr
    (folder / "study.db").unlink()
    assert run("front", folder).exit_code == 0


def test_own_images_are_checked_and_counted(here: Path) -> None:
    (row,) = json.loads(run("datasets", "pictures", "--json").stdout)
    assert (row["name"], row["images"], row["classes"], row["found"]) == ("pictures", "1x9x8", 3, "pictures")
    assert (row["train_images"], row["test_images"]) == (30, 9)
    shared = run("datasets", "pictures/train", "--test-share", 0.2)
    assert "20 % of each class" in " ".join(shared.output.split())
    refused = run("datasets", "pictures/train")
    assert refused.exit_code == 2
    assert "pictures/train: has no test part" in refused.stderr
    assert run("datasets", "--test-share", 0.2).exit_code == 2


def test_commands_take_a_path_for_a_data_set(here: Path) -> None:
    (here / "recipe.yaml").write_text(yaml.safe_dump({"model": {"name": "cnn", "filters": 2}, "epochs": 1,
                                                      "batch_size": {"schedule": "constant", "size": 9}}))  # fmt: skip
    plan = run("plan", "recipe.yaml", "--dataset", "pictures", "--json")
    assert json.loads(plan.stdout)["total_steps"] == 3
    trained = run("train", "recipe.yaml", "--dataset", "pictures", "--device", "cpu", "--json")
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["outcome"] == "complete"

    arrays = own_arrays()
    np.savez(here / "train.npz", **{name: arrays[name] for name in ("train_images", "train_labels")})
    refused = run("plan", "recipe.yaml", "--dataset", "train.npz")
    assert refused.exit_code == 2
    assert "train.npz: has no test part" in refused.stderr
    shared = run("plan", "recipe.yaml", "--dataset", "train.npz", "--test-share", 0.2, "--json")
    assert json.loads(shared.stdout)["total_steps"] == 3
    small = run("plan", "paper/baseline", "--dataset", "pictures")
    assert small.exit_code == 2
    assert "images of 1x9x8 leave no capsules" in small.stderr
    assert run("plan", "paper/baseline", "--dataset", "pictrues").exit_code == 2


@pytest.mark.slow
def test_a_study_on_other_images_than_its_space_names(here: Path) -> None:
    result = explore("--dataset", "pictures", "--name", "other", "--trials", 1)
    assert result.exit_code == 0, result.output
    assert dse.load_study("results/other").space["data"]["name"] == "pictures"
    lost = explore("--test-share", 0.5)
    assert lost.exit_code == 2
    assert "--test-share is for the images that --dataset names" in lost.stderr
