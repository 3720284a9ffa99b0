"""A study of the user's own network: imported for the file that the user runs, and for no folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

import dse
from tests.cli.command import explore, run

NETWORK = """
from torch import nn

def net(shape, classes, width):
    if width == 5:
        raise ValueError("not five")
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[1] * shape[2], width), nn.ReLU(), nn.Linear(width, classes))
"""
SPACE = {
    "name": "own",
    "data": {"name": "digits", "images": 60, "validation_images": 40, "test_images": 40},
    "objectives": ["train_seconds", "accuracy", "parameters"],
    "recipe": {
        "model": {"import": "study_net:net", "options": {"width": {"choices": [4, 8]}}},
        "batch_size": {"schedule": "constant", "size": 20},
        "epochs": 1,
    },
    "baseline": {"model": {"options": {"width": 4}}},
    "trials": 2,
    "timing": "measured",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    monkeypatch.delitem(sys.modules, "study_net", raising=False)
    (tmp_path / "study_net.py").write_text(NETWORK)
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    return tmp_path


@pytest.mark.slow
def test_a_study_is_read_without_its_network(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = explore()
    assert first.exit_code == 0, first.output
    folder = here / "results" / "own"
    trials = dse.load_study(folder).trials
    assert trials["state"].tolist() == ["complete"] * 2
    assert sorted(trials["parameters"]) == [784 * 4 + 4 + 50, 784 * 8 + 8 + 90]
    assert (trials["train_flops"] > 0).all()
    assert set(trials["model.options.width"]) == {4, 8}
    assert set(trials["model.import"]) == {"study_net:net"}

    # Whoever imports it now is caught.
    monkeypatch.delitem(sys.modules, "study_net")
    (here / "study_net.py").write_text("raise SystemExit('imported')")
    replay = ("replay", folder, "--samplers", "dse,grid", "--repeats", 2, "--processes", 1)
    for command in (
        ("report", folder),
        ("trials", folder),
        ("front", folder),
        ("front", folder, "--json"),
        replay,
    ):
        result = run(*command)
        assert result.exit_code == 0, result.output
    for command in ("plan", "train"):
        refused = run(command, "own:1", "--results", "results")
        assert refused.exit_code == 2
        assert "own:1: the network is code (net, width" in refused.stderr
    (folder / "study.db").unlink()
    for command in (("report", folder), ("front", folder), replay):
        assert run(*command).exit_code == 0
    assert "study_net" not in sys.modules
    with pytest.raises(SystemExit, match="imported"):
        dse.explore(here / "space.yaml", folder=here / "again", machine=dse.Machine("cpu"))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"options": {"width": {"choices": [4, 5]}}},
            r"study_net.py:6: not five. Correct it, or its options",
        ),
        ({"import": "study_net:nit"}, "has no 'nit'"),
        ({"import": "study_nit:net"}, "there is no module 'study_nit'"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused_at_the_door(
    here: Path, model: dict[str, object], message: str
) -> None:
    recipe = SPACE["recipe"] | {"model": SPACE["recipe"]["model"] | model}
    (here / "space.yaml").write_text(yaml.safe_dump(SPACE | {"recipe": recipe}))
    result = explore()
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (here / "results").exists()


def test_an_option_between_the_corners_that_fails_fails_its_trial(here: Path) -> None:
    width = {"low": 3, "high": 6, "integer": True}
    recipe = SPACE["recipe"] | {"model": {"import": "study_net:net", "options": {"width": width}}}
    space = SPACE | {"recipe": recipe, "objectives": ["train_seconds", "accuracy"], "trials": 4}
    (here / "space.yaml").write_text(yaml.safe_dump(space))
    tables = dse.explore(here / "space.yaml", machine=dse.Machine("cpu"))
    states = tables.trials.set_index("model.options.width")["state"].to_dict()
    assert states == {3: "complete", 4: "complete", 5: "failed", 6: "complete"}
    reason = tables.trials.set_index("model.options.width")["reason"][5]
    assert (
        "RecipeError: model: study_net:net(shape=(1, 28, 28), classes=10, width=5) raised ValueError"
        in reason
    )


def test_a_recipe_file_is_planned_and_trained(here: Path) -> None:
    recipe = {"model": {"import": "study_net:net", "options": {"width": 4}}, "epochs": 1}
    (here / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    plan = run("plan", "recipe.yaml")
    assert "3,190 parameters" in plan.output
    trained = run("train", "recipe.yaml", "--images", 200, "--device", "cpu", "--json")
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["parameters"] == 3190
    found = run("train", "recipe.yaml", "--device", "cpu", "--find-rate", "--max-seconds", 0.5)
    assert found.exit_code == 0, found.output
