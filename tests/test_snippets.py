"""Every command and every piece of code in README and docs runs, or is parsed where it would train for long."""

from __future__ import annotations

import ast
import json
import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from pytest_examples import CodeExample, EvalExample, find_examples

import dse
from dse.cli import commands
from dse.recipe.recipe import parse_recipe
from dse.space.parse import parse_recipe_tree
from tests.small import own_arrays, save_folder

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
    *sorted((ROOT / "results").glob("mnist-*/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]

# Studies that the pages speak of, and what stands for them here.
STUDIES = {
    "quickstart": "digits-table",
    "mine": "digits-table",
    "other": "mnist-table",
    "mnist-answer": "mnist-answer",
    "mnist-small-again": "mnist-paper-small",
}
# Commands that are only parsed, and why.
PARSED = {
    "explore": "trains for minutes; tests/study and tests/cli do it on smaller data",
    "confirm": "trains for minutes; tests/study",
    "reproduce": "trains for an hour; tests/cli/test_reproduce.py",
    "verify": "trains a minute on MNIST; tests/cli/test_verify.py",
    "calibrate": "measures for minutes on MNIST; tests/cli/test_calibrate.py",
    "bench": "measures for minutes; tests/cli/test_bench.py",
    "replay": "searches for minutes; tests/replay",
    "report": "draws for seconds; tests/report",
    "open": "opens a browser; tests/cli",
    "train": "trains for minutes; tests/cli",
    "figures": "draws for seconds; tests/cli/test_figures.py",
}
# No program's lines, but a formula's.
FORMULAS = ("E · quantile over c of",)


def without_fences(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)


def lines_of(page: Path) -> list[str]:
    """Give the commands of a page: lines that are indented by four."""
    found = re.findall(r"^ {4}(\S.*)$", without_fences(page).replace("\\\n", ""), flags=re.M)
    return [line for line in found if not line.startswith(FORMULAS)]


def calls_of(page: Path) -> list[str]:
    """Give its lines that call dse, each command of a line by itself and without remarks."""
    words = (
        shlex.join(shlex.split(line, comments=True)) for line in lines_of(page) if line.startswith("dse ")
    )
    return list(dict.fromkeys(words))


HELP = re.findall(r"^ {4}(dse .*?)(?: {2,}.*)?$", (ROOT / "docs" / "cli.md").read_text(), flags=re.M)
CALLS = [pytest.param(line, id=f"{page.stem}: {line}") for page in PAGES for line in calls_of(page)]
OTHERS = [
    pytest.param(part, id=f"{page.parent.name}/{page.stem}: {part}")
    for page in PAGES
    for line in lines_of(page)
    if not line.startswith("dse ")
    for part in re.split(r"\s*(?:&&|;)\s*", re.sub(r"\s+# .*", "", line))
]


def parse(line: str) -> None:
    """Have click check a command's options and arguments."""
    _, name, *arguments = shlex.split(line)
    group = click.Context(commands, **commands.context_settings)
    commands.commands[name].make_context(name, arguments, parent=group)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader has it: studies, pictures, and what the commands before have written."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "results").mkdir()
    for name, recorded in STUDIES.items():
        (folder / "results" / name).symlink_to(ROOT / "results" / recorded)
    arrays = own_arrays((20, 20))
    save_folder(folder / "pictures", {name: np.concatenate([array] * 12) for name, array in arrays.items()})
    return folder


@pytest.mark.parametrize("line", CALLS)
def test_commands_run_or_parse(line: str, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    program, _, target = line.partition(" '>' ")
    _, name, *arguments = shlex.split(program)
    if name in PARSED:
        parse(program)
        return
    done = CliRunner().invoke(commands, [name, *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    if target:
        Path(target).write_text(done.stdout)


@pytest.mark.parametrize("line", HELP)
def test_examples_of_the_help_parse(line: str) -> None:  # they name studies and files of the reader's own
    parse(line.partition(" > ")[0])


@pytest.mark.parametrize("line", OTHERS)
def test_other_programs_find_what_they_name(line: str) -> None:
    program, *arguments = shlex.split(line)
    if program == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), flags=re.M)
    elif re.fullmatch(r"python3?", program) and arguments[0].endswith(".py"):
        strings = {
            node.value
            for node in ast.walk(ast.parse((ROOT / arguments[0]).read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert {word for word in arguments if word.startswith("--")} <= strings
    elif program == "pip":
        extra = re.fullmatch(r"install capsnet-dse\[(\w+)\]", " ".join(arguments))[1]
        assert (
            extra in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        )
    else:  # they fetch from a network, or set up the reader's own shell
        assert line.split()[0] in {"git", ".", "eval", "export", "cp", "python3", "/tmp/syne/bin/pip"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_within_the_text_have_these_options(page: Path) -> None:
    for name, rest in re.findall(r"`dse ([a-z]+)([^`]*)`", without_fences(page)):
        known = {option for parameter in commands.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, name


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that Python imports from; what was imported from it is forgotten."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


@pytest.mark.parametrize("example", list(find_examples(*map(str, PAGES))), ids=str)
def test_python_runs_and_prints_what_it_says(
    example: CodeExample, eval_example: EvalExample, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in find_examples(str(example.path)):
        if named := re.match(r"# (\w+\.py)\n", other.source):
            (modules / named[1]).write_text(other.source)
    monkeypatch.chdir(ROOT)
    eval_example.run_print_check(example)


YAML = [
    pytest.param(text, id=f"{page.stem}: {text.splitlines()[0]}")
    for page in PAGES
    for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), flags=re.S)
]


@pytest.mark.parametrize("text", YAML)
def test_yaml_is_a_recipe_or_a_part_of_a_space(
    text: str, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace)
    content = yaml.safe_load(text)
    if "recipe" not in content and "data" not in content:
        parse_recipe(content, "page")
        return
    whole = yaml.safe_load((ROOT / "search_spaces" / "quickstart.yaml").read_text())
    if "baseline" not in content and "recipe" in content:
        parse_recipe_tree(content["recipe"])
        return
    Path("space.yaml").write_text(yaml.safe_dump(whole | content))
    dse.load_space("space.yaml")


def test_the_notebook_gives_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    notebook = json.loads((ROOT / "docs" / "questions.ipynb").read_text())
    executed = runpy.run_path(str(ROOT / "docs" / "run_notebook.py"))["executed"]
    assert executed(notebook) == notebook, "run: python docs/run_notebook.py"
