"""Imports point one way, and heavy libraries stay in their rooms."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "dse"
LAYERS = [
    "errors",
    "pareto plugins units",
    "files section",
    "data",
    "recipe",
    "record",
    "space",
    "evidence",
    "search",
    "networks",
    "training",
    "study",
    "runners",
    "replay",
    "decision",
    "report bench",
    "api",
    "cli",
    "__init__ __main__",
]
RANK = {unit: rank for rank, layer in enumerate(LAYERS) for unit in layer.split()}
ONLY_IN = {
    "torch": {"networks", "training", "bench"},
    "torchvision": {"data", "bench"},
    "sklearn": {"data"},
    "PIL": {"data", "bench"},
    "safetensors": {"networks", "training"},
    "optuna": {"study"},
    "ray": {"runners"},
    "plotly": {"report"},
    "matplotlib": {"report"},
    "click": {"cli"},
    "rich": {"cli"},
    "moocore": {"pareto"},
    "yaml": {"files"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def unit_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> list[str]:
    modules = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            modules.append(node.module or "")
        elif isinstance(node, ast.Import):
            modules.extend(alias.name for alias in node.names)
    return modules


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    unit = unit_of(path)
    for module in imported(path):
        if module.startswith("dse."):
            target = module.split(".")[1]
            assert target == unit or RANK[target] < RANK[unit], f"{unit} must not import {target}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_rooms(path: Path) -> None:
    unit = unit_of(path)
    for module in imported(path):
        rooms = ONLY_IN.get(module.split(".")[0])
        assert rooms is None or unit in rooms, f"{module} belongs in {rooms}, not in {unit}"
