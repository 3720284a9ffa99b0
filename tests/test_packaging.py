"""The wheel, installed outside of the repository and without what only developers have, runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Modules of the packages that only the extra `dev` installs.
DEVELOPERS = ("pytest", "_pytest", "hypothesis", "xdist", "mypy", "ruff", "hatchling")

pytestmark = pytest.mark.slow


def call(*command: object, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of scripts, in an environment that borrows this one's packages but dse and the developers'."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder, with_pip=False, symlinks=True)
    scripts = folder / "bin"
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    # A path read from a .pth file gives its packages, but its own .pth files are not read: no editable dse.
    borrowed = [entry for entry in sys.path if Path(entry).name in {"site-packages", "dist-packages"}]
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    (packages / "sitecustomize.py").write_text(
        f"import sys\nsys.modules.update(dict.fromkeys({DEVELOPERS}))\n"
    )
    call(sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--quiet", "--no-deps",
         "--no-index", "--force-reinstall", wheel, cwd=folder)  # fmt: skip
    return scripts


def test_the_wheel_holds_what_is_read_at_run_time_and_no_more(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    code = {f"dse/{path.relative_to(ROOT / 'dse')}" for path in (ROOT / "dse").rglob("*.*")
            if path.suffix != ".pyc"}  # fmt: skip
    spaces = {f"dse/search_spaces/{path.name}" for path in (ROOT / "search_spaces").iterdir()}
    assert {name for name in names if ".dist-info/" not in name} == code | spaces
    assert {"dse/py.typed", "dse/search_spaces/quickstart.yaml"} < code | spaces
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_package_is_the_one_that_runs(installed: Path, tmp_path: Path) -> None:
    code = (
        "import json, pathlib, sys, dse, dse.cli, dse.report.page.page\n"
        f"developers = [name for name in {DEVELOPERS} if sys.modules.get(name)]\n"
        "print(json.dumps([dse.__file__, developers]))"
    )
    place, developers = json.loads(call(installed / "python", "-c", code, cwd=tmp_path))
    assert Path(place).is_relative_to(installed.parent)
    assert developers == []


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("dse", "--help"), "explore"),
        (("capsnet-dse", "--help"), "explore"),
        (("dse", "--version"), "dse, version "),
        (("dse", "spaces"), "quickstart"),
        (("dse", "plan", "paper/baseline"), "parameters"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_its_commands_run_anywhere(
    command: tuple[str, ...], shown: str, installed: Path, tmp_path: Path
) -> None:
    assert shown in call(installed / command[0], *command[1:], cwd=tmp_path)


def test_both_lists_of_developers_packages_are_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["dependency-groups"]["dev"] == ["capsnet-dse[dev]"]
    assert project["project"]["optional-dependencies"]["dev"]
