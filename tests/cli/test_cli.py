"""The command line, with real training on a few small images."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import dse
from dse.cli import commands
from dse.recipe.paper import PAPER_RECIPES
from dse.record.front import front_columns
from tests.cli.command import run
from tests.fakes import SMALL_SPACE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    (folder / "mini.yaml").write_text(yaml.safe_dump(SMALL_SPACE | {"timing": "auto"}))
    result = run(
        "explore",
        folder / "mini.yaml",
        "--results",
        folder / "results",
        "--device",
        "cpu",
        "--engine",
        "auto",
    )
    assert result.exit_code == 0, result.output
    (folder / "printed.txt").write_text(result.stdout)
    return folder


def test_explore_says_why_a_short_run_is_not_compiled_and_what_the_study_answers(studies: Path) -> None:
    lines = (studies / "printed.txt").read_text().splitlines()
    assert "compiled: a run of about 0 s would save about 0 s" in lines[0]
    answer = str(dse.load_study(studies / "results" / "mini").answer)
    assert lines[1] == "Seconds are calibrated: what a run's steps take by themselves."
    assert lines[3].startswith("Only the baseline is trained so far, so nothing is compared with ")
    ended = lines.index("Ended: 3 trials are done.")
    # While it runs, whenever it changes, and at the end, above the front.
    assert [line for line in lines[3:ended] if not line.startswith("trial ")][-1] == answer
    assert lines[ended + 1] == answer
    assert lines[-1] == f"Report: {studies / 'results' / 'mini' / 'report.html'}"


def test_explore_leaves_everything_behind(studies: Path) -> None:
    left = {path.name for path in (studies / "results" / "mini").iterdir()}
    assert left >= {"study.db", "space.yaml", "trials.csv", "curves.csv", "front.csv", "environment.json",
                    "report.html", "figures"}  # fmt: skip
    tables = dse.load_study(studies / "results" / "mini")
    assert tables.trials["state"].tolist() == ["complete"] * 3
    assert len(tables.curves) == 6
    assert tables.trials["is_baseline"].tolist()[0]
    assert tables.environment["device_type"] == "cpu"
    figures = {path.suffix for path in (studies / "results" / "mini" / "figures").iterdir()}
    assert figures == {".png", ".svg", ".pdf"}


@pytest.mark.slow
def test_the_same_command_goes_on_and_adds_nothing_when_done(studies: Path) -> None:
    again = run("explore", studies / "mini.yaml", "--results", studies / "results", "--device", "cpu")
    assert again.exit_code == 0
    assert len(dse.load_study(studies / "results" / "mini").trials) == 3
    more = run(
        "explore", studies / "mini.yaml", "--results", studies / "results", "--device", "cpu", "--trials", 4
    )
    assert more.exit_code == 0
    assert "trial 3 [" in more.output
    assert len(dse.load_study(studies / "results" / "mini").trials) == 4


def test_the_front_as_json_has_the_answer_and_the_columns_of_the_csv(studies: Path) -> None:
    found = json.loads(run("front", "mini", "--results", studies / "results", "--json").stdout)
    assert {"sentence", "share", "baseline", "fastest", "missing", "caveats", "interval"} == set(
        found["answer"]
    )
    published = pd.read_csv(studies / "results" / "mini" / "front.csv")
    assert list(found["front"][0]) == front_columns() == published.columns.tolist()
    assert len(found["front"]) == len(published)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--budget", "0s"], "leaves no time to train"),
        (["--trials", "0"], "0 is not in the range x>=1"),
        (["--confidence", "1"], "1.0 is not in the range 0.5<x<1"),
    ],
)
def test_confirming_needs_some_effort_and_some_doubt(studies: Path, options: list[str], what: str) -> None:
    refused = run("confirm", "mini", "--results", studies / "results", *options)
    assert refused.exit_code == 2
    assert what in refused.stderr


def test_a_published_folder_cannot_be_confirmed() -> None:
    refused = run("confirm", ROOT / "results" / "mnist-table")
    assert refused.exit_code == 2
    assert "has no database that fresh runs could be added to" in refused.stderr


@pytest.mark.slow
def test_confirming_trains_fresh_seeds_and_says_what_is_open(studies: Path) -> None:
    shutil.copytree(studies / "results" / "mini", studies / "results" / "again")
    machine = ("--results", studies / "results", "--device", "cpu", "--engine", "auto")
    result = run("confirm", "again", *machine, "--trials", 1, "--json")
    assert result.exit_code == 0, result.output
    assert "is open" in result.stderr
    found = json.loads(result.stdout)
    assert set(found) == {"settled", "open", "answer", "front", "rivals"}
    assert found["settled"] == found["open"].startswith("Nothing is open")
    purposes = dse.load_study(studies / "results" / "again").trials["purpose"].tolist()
    assert purposes == ["explore"] * (len(purposes) - 1) + ["confirm"]


def test_trials_and_front_for_people(studies: Path) -> None:
    assert "baseline" in run("trials", "mini", "--results", studies / "results").stdout
    assert "saved" in run("front", studies / "results" / "mini").stdout
    rows = json.loads(run("trials", "mini", "--results", studies / "results", "--json").stdout)
    assert rows[0]["recipe_id"] == dse.load_study(studies / "results" / "mini").trials["recipe_id"][0]


def test_the_report_is_made_again(studies: Path) -> None:
    page = studies / "results" / "mini" / "report.html"
    page.unlink()
    result = run("report", "mini", "--results", studies / "results")
    assert result.exit_code == 0
    assert str(page) in result.stdout.replace("\n", "")
    assert page.stat().st_size > 1_000_000


def test_a_trial_is_a_recipe(studies: Path, tmp_path: Path) -> None:
    result = run("plan", "mini:0", "--results", studies / "results", "--json")
    assert json.loads(result.stdout)["recipe"]["batch_size"]["size"] == 60
    missing = run("plan", "mini:99", "--results", studies / "results")
    assert missing.exit_code == 2
    assert "has no trial 99" in missing.output


def test_a_plan_as_json(tmp_path: Path) -> None:
    rates = tmp_path / "rates.npy"
    figure = tmp_path / "plan.svg"
    result = run("plan", "paper/baseline", "--dataset", "mnist", "--images", 60000, "--json", "--rates", rates,
                 "--plot", figure)  # fmt: skip
    plan = json.loads(result.stdout)
    assert set(plan) == {"recipe", "parameters", "total_steps", "epochs"}
    assert plan["parameters"] == 8_215_728
    assert [epoch["steps"] for epoch in plan["epochs"]] == [469] * 30
    assert plan["epochs"][0].keys() == {"epoch", "batch_size", "steps", "first_rate", "last_rate", "segments"}
    assert plan["epochs"][0]["segments"] == [{"batch_size": 128, "steps": 469}]
    assert np.load(rates).tolist() == [0.001] * plan["total_steps"]
    assert figure.read_text().startswith("<?xml")


@pytest.mark.parametrize("name", PAPER_RECIPES)
def test_every_named_recipe_can_be_planned(name: str) -> None:
    result = run("plan", name, "--dataset", "mnist")
    assert result.exit_code == 0
    assert "parameters" in result.stdout


def test_train_shows_a_curve_and_saves_weights(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "{model: {name: capsnet, preset: tiny}, batch_size: {schedule: constant, size: 50}, epochs: 2}"
    )
    weights = tmp_path / "net.safetensors"
    result = run("train", recipe, "--images", 100, "--device", "cpu", "--save", weights)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("epoch  ") == 2
    assert "best epoch" in result.stdout
    assert weights.stat().st_size > 389_840 * 4
    data = json.loads(run("train", recipe, "--images", 100, "--device", "cpu", "--json").stdout)
    assert [row["epoch"] for row in data["curve"]] == [1, 2]


def test_train_says_why_a_short_run_is_not_compiled(studies: Path) -> None:
    result = run("train", "mini:0", "--results", studies / "results", "--images", 100,
                 "--device", "cpu", "--engine", "auto")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "compiled: a run of about 0 s would save about 0 s" in " ".join(result.stdout.split())


@pytest.mark.slow
def test_the_rate_finder(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("{model: {name: lenet5}, batch_size: {schedule: constant, size: 16}}")
    data = json.loads(
        run("train", recipe, "--images", 100, "--device", "cpu", "--find-rate", "--json").stdout
    )
    assert 1e-6 < data["suggested_rate"] < 1
    assert data["steps"][0]["rate"] == pytest.approx(1e-6)
    assert (
        "suggested base_rate"
        in run("train", recipe, "--images", 100, "--device", "cpu", "--find-rate").stdout
    )


def test_a_run_that_diverges_exits_with_1(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "{model: {name: lenet5}, epochs: 30, batch_size: {schedule: constant, size: 1},"
        "optimizer: {name: sgd}, learning_rate: {policy: one_cycle, base_rate: 1.0, peak_ratio: 1.0e+6}}"
    )
    result = run("train", recipe, "--images", 20, "--device", "cpu")
    assert result.exit_code == 1
    assert "Error: the run diverged: the loss stopped being finite" in result.output


def test_spaces_and_datasets() -> None:
    files = (Path(__file__).resolve().parents[2] / "search_spaces").glob("*.yaml")
    assert {row["name"] for row in json.loads(run("spaces", "--json").stdout)} == {
        file.stem for file in files
    }
    assert run("spaces", "quickstart").stdout == (ROOT / "search_spaces" / "quickstart.yaml").read_text()
    assert json.loads(run("spaces", "--schema").stdout)["properties"]["recipe"]
    rows = json.loads(run("datasets", "--json").stdout)
    assert rows[0]["found"] == "built in"
    assert run("datasets").exit_code == 0


BAD = {
    ("explore", "nowhere"): "search space 'nowhere' is neither a file nor one that comes with dse",
    ("explore", "quickstart", "--name", "a/b"): "study name 'a/b' is not a plain name",
    ("explore", "quickstart", "--device", "tpu"): "device 'tpu' is unknown",
    ("explore", "quickstart", "--dataset", "mnits"): "data set 'mnits' is unknown",
    ("explore", "quickstart", "--trials", "0"): "0 is not in the range x>=1",
    ("explore", "quickstart", "--budget", "5"): (
        "Invalid value for '--budget': '5' is no duration. Give numbers with the units s, min, h or d, as in 90min"
    ),
    (
        "explore",
        "quickstart",
        "--budget",
        "0s",
    ): "Invalid value for '--budget': '0s' leaves no time to train.",
    ("explore", "quickstart", "--threads", "0"): "0 is not in the range x>=1",
    ("train", "paper/baseline", "--threads", "two"): "'two' is not a valid integer range",
    ("train", "paper/baseline", "--device", "cpu", "--engine", "compiled"): (
        "engine 'compiled': a network as wide as this one would train slower. Choose fast or auto."
    ),
    ("train", "paper/baseline", "--device", "cpu", "--engine", "fused"): (
        "engine 'fused': its kernels run on GPUs only. Choose fast or auto."
    ),
    ("train", "paper/baseline", "--save", "net.pt"): "Use net.safetensors.",
    ("train", "paper/baseline", "--find-rate", "--save", "net.safetensors"): "--save with --find-rate",
    ("train", "paper/baseline", "--max-seconds", "3"): "--max-seconds is for --find-rate.",
    ("bench", "--threads", "100000"): "threads: 100000, but this machine has",
    ("explore", "quickstart", "--sampler", "best"): "'best' is not one of",
    ("train", "paper/best"): "recipe 'paper/best' is unknown",
    ("train", "paper/baseline", "--images", "50"): "a batch of 128 is larger than the 50 training images",
    ("plan", "paper/baseline", "--rates", "/no/where.npy"): "/no/where.npy: cannot be written",
    ("plan", "paper/baseline", "--plot", "plan.txt"): "plan.txt: .txt is no picture's",
    ("front", "nowhere"): "study 'nowhere' is neither a name below results/ nor a folder",
    ("spaces", "nowhere"): "search space 'nowhere'",
    ("report", "nowhere"): "study 'nowhere'",
}


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_input_exits_with_2_and_says_why(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert BAD[arguments] in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_missing_data_set_says_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").touch()
    result = run("train", "paper/baseline", "--dataset", "mnist", "--data-dir", tmp_path)
    assert result.exit_code == 2
    assert "t10k-labels-idx1-ubyte" in result.output


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from dse.cli import commands\n"
        "assert CliRunner().invoke(commands, ['--help']).exit_code == 0\n"
        "heavy = {'torch', 'optuna', 'pandas', 'numpy', 'plotly', 'matplotlib', 'pydantic', 'rich'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_command_explains_itself(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 5
    assert all(
        parameter.help
        for parameter in commands.commands[name].params
        if parameter.param_type_name == "option"
    )
