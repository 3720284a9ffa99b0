"""The examples of docs/extending.md run as they stand there."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

import dse
from dse.recipe.learning_rate import POLICIES
from dse.recipe.recipe import parse_recipe
from tests.small import FEW_DIGITS

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "extending.md").read_text()


def example(language: str, beginning: str) -> str:
    """Give the one block of code that begins so."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.S)
    (found,) = (block for block in blocks if block.startswith(beginning))
    return found


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_networks", raising=False)
    return tmp_path


def test_the_network_of_the_page_trains(here: Path) -> None:
    (here / "my_networks.py").write_text(example("python", "# my_networks.py"))
    (here / "recipe.yaml").write_text(example("yaml", "model:"))
    plan, run = dse.train(dse.load_recipe("recipe.yaml"), FEW_DIGITS, dse.Machine("cpu"))
    assert plan.parameters == 16 * 26 + (16 * 12 * 12 + 1) * 10
    assert run.outcome == "complete"


def test_the_policy_of_the_page_conforms_and_is_found_by_its_name(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(here)
    (here / "my_policies.py").write_text(example("python", "# my_policies.py"))
    offered = tomllib.loads(example("toml", "[project.entry-points"))["project"]["entry-points"]
    described = here / "my_policies-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: my-policies\nVersion: 1\n")
    lines = (f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in entries.items())
             for group, entries in offered.items())  # fmt: skip
    (described / "entry_points.txt").write_text("\n".join(lines))
    try:
        names: dict[str, object] = {}
        exec(example("python", "# test_my_policies.py"), names)
        names["test_inverse_root_conforms"]()
        recipe = parse_recipe({"learning_rate": {"policy": "inverse_root", "scale": 500}}, "page")
        assert recipe.label == "full · inverse root 0.001 · batch 128"
    finally:
        POLICIES.pop("inverse_root", None)
        sys.modules.pop("my_policies", None)
