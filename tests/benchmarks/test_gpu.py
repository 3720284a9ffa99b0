"""The program that measures on a GPU, walked through on the processor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks"
# What a machine lent for a few minutes need not have.
ABSENT = (
    "click",
    "pandas",
    "optuna",
    "alembic",
    "sqlalchemy",
    "plotly",
    "matplotlib",
    "rich",
    "moocore",
    "filelock",
)
CURVE = [
    {"epoch": 1, "train_seconds": 2.0, "test_accuracy": 0.98},
    {"epoch": 2, "train_seconds": 4.0, "test_accuracy": 0.995},
]
MACHINE = {"device": "GPU", "commit": None, "code": "abc", "versions": {"torch": "2.11", "pandas": None}}


@pytest.fixture
def gpu_program(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    import gpu

    return gpu


@pytest.fixture
def gpu_plan(gpu_program: Any) -> Any:
    import gpu_plan

    return gpu_plan


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment where what a bare GPU machine lacks cannot be imported, by any process."""
    folder = tmp_path / "absent"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({ABSENT}))\n")
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "OMP_NUM_THREADS": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def options(program: Any, folder: Path, *arguments: str) -> Any:
    return program._parser().parse_args(["--out", str(folder), *arguments])


def test_the_pieces_come_in_the_order_of_their_worth(gpu_program: Any, gpu_plan: Any, tmp_path: Path) -> None:
    pieces = gpu_program.plan(options(gpu_program, tmp_path, "--peer", "x"))
    assert len({piece.key for piece in pieces}) == len(pieces)
    assert tuple(dict.fromkeys(piece.part for piece in pieces)) == gpu_plan.PARTS
    assert gpu_plan.PARTS[0] == "smoke"
    assert gpu_plan.PARTS[-1] == "tests"
    assert gpu_plan.FIRST_GUESS_SECONDS.keys() == set(gpu_plan.PARTS)
    assert pieces[0].key == "smoke sharing=none batch_size=128 precision=float32 preset=full dataset=mnist"
    targets = [piece.parameters for piece in pieces if piece.part == "target"]
    assert [(found["recipe"], found["precision"]) for found in targets[:4]] == [
        ("paper/one_cycle", "float32"),
        ("paper/one_cycle", "tf32"),
        ("paper/one_cycle", "bfloat16"),
        ("paper/exponential_decay", "float32"),
    ]
    assert targets[6]["recipe"] == "paper/baseline"
    # Every seed of the others comes before the first recipe of small batches.
    assert [found["seed"] for found in targets] == [
        seed for recipes in (5, 3) for seed in range(3) for _ in range(3 * recipes)
    ]
    assert {found["recipe"] for found in targets[45:]} == set(gpu_plan.BATCH_1_RECIPES)
    counts = {part: sum(piece.part == part for piece in pieces) for part in gpu_plan.PARTS}
    assert counts == {"smoke": 18, "profile": 9, "alternatives": 9, "bench": 18, "epoch": 18,
                      "target": 72, "accuracy": 18, "tests": 1}  # fmt: skip


def test_the_authors_code_is_measured_once_a_corner_and_not_once_a_precision(
    gpu_program: Any, tmp_path: Path
) -> None:
    pieces = gpu_program.plan(options(gpu_program, tmp_path, "--peer", "x", "--parts", "bench"))
    with_peer = [piece.parameters for piece in pieces if piece.parameters["peer"]]
    assert [(found["sharing"], found["batch_size"], found["precision"]) for found in with_peer] == [
        (sharing, size, "float32") for sharing in ("none", "per_type") for size in (128, 16, 1)
    ]


def test_tf32_is_left_out_where_there_is_none(gpu_program: Any, tmp_path: Path) -> None:
    pieces = gpu_program.plan(options(gpu_program, tmp_path, "--device", "cpu"))
    assert {piece.parameters.get("precision", "") for piece in pieces} == {"", "float32", "bfloat16"}


def test_all_recipes_are_the_papers(gpu_plan: Any) -> None:
    from dse.data.datasets import MNIST_SHAPE
    from dse.recipe.paper import PAPER_RECIPES
    from dse.recipe.plan import compile_plan

    capsnets = {name for name, recipe in PAPER_RECIPES.items() if recipe.model.name == "capsnet"}
    assert set(gpu_plan.RECIPES) == capsnets
    plans = {name: compile_plan(PAPER_RECIPES[name], MNIST_SHAPE, 60_000) for name in capsnets}
    slow = {name for name, plan in plans.items() if 1 in plan.batch_sizes}
    assert set(gpu_plan.BATCH_1_RECIPES) == slow


def test_a_changed_test_is_run_again_and_changes_no_figure(
    gpu_program: Any, gpu_plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_plan, "ROOT", tmp_path)
    for folder in ("tests", "dse/networks"):
        (tmp_path / folder).mkdir(parents=True)
    test = tmp_path / "tests" / "test_law.py"
    test.write_text("old")
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(gpu_plan, "CODE", ("dse/networks",))
    before = gpu_program.plan(options(gpu_program, tmp_path))
    test.write_text("new")
    after = gpu_program.plan(options(gpu_program, tmp_path))
    assert before[-1].key != after[-1].key
    assert before[:-1] == after[:-1]
    assert after[-1].arguments == {}


@pytest.mark.slow
def test_a_process_that_ignores_the_request_to_end_is_killed(
    gpu_program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gpu_process

    monkeypatch.setattr(gpu_process, "STOP_SECONDS", 0.2)
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(1, flush=True)\ntime.sleep(99)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()

        class Process:
            terminate, kill = child.terminate, child.kill

            def join(self, seconds: float | None = None) -> None:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(seconds)

        measurer = gpu_program.Measurer(gpu_program._settings(options(gpu_program, tmp_path)))
        measurer._process, measurer._connection = Process(), MagicMock()
        measurer.stop()
        assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('3 passed in 1s')", None),
        ("print('1 failed', flush=True); exit(1)", "ended with 1; all output is in .*tests.log:\n1 failed"),
        ("print('begun', flush=True); import time; time.sleep(99)", "did not end within 1 s.*\nbegun"),
    ],
)
def test_the_tests_output_is_kept_whatever_becomes_of_them(
    gpu_program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str | None
) -> None:
    import gpu_machine

    called: list[Any] = []
    real = subprocess.run

    def run(command: list[str], **settings: Any) -> Any:
        called.append((command, settings["env"], settings["timeout"]))
        return real([sys.executable, "-c", code], **settings)

    monkeypatch.setattr(gpu_machine.subprocess, "run", run)
    log = tmp_path / "out" / "tests.log"
    if message is None:
        assert gpu_machine.run_tests(log, 500.0)["counts"] == {"passed": 3}
        assert called[0][2] == 180.0
    else:
        with pytest.raises(RuntimeError, match=message):
            gpu_machine.run_tests(log, 3.0)
    assert called[0][1]["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] == "1"
    assert log.read_text()


def test_what_is_done_is_not_repeated_and_what_failed_comes_last(
    gpu_program: Any, gpu_plan: Any, tmp_path: Path
) -> None:
    pieces = gpu_program.plan(options(gpu_program, tmp_path, "--parts", "target", "--seeds", "1"))
    results = gpu_program.Results(tmp_path, MACHINE)
    results.record(pieces[0], "failed", 1.0, {}, "Traceback\nValueError: no|t so")
    results.record(pieces[1], "done", 33.0, {})
    again = gpu_program.Results(tmp_path, MACHINE | {"commit": "later"})
    assert again.left(pieces) == [*pieces[2:], pieces[0]]
    assert again.seconds_needed(pieces[1]) == 33.0
    assert again.seconds_needed(pieces[2]) == gpu_plan.FIRST_GUESS_SECONDS["target"]
    assert "ValueError: no\\|t so" in (tmp_path / "gpu.md").read_text()


@pytest.mark.parametrize("change", [{"device": "another"}, {"code": "other"}, {"versions": {"torch": "3"}}])
def test_another_device_or_code_starts_a_section(gpu_program: Any, tmp_path: Path, change: Any) -> None:
    pieces = gpu_program.plan(options(gpu_program, tmp_path))
    gpu_program.Results(tmp_path, MACHINE).record(pieces[-1], "done", 1.0, {"counts": {"passed": 7}})
    other = gpu_program.Results(tmp_path, MACHINE | change)
    assert other.left(pieces) == pieces
    other.write()
    assert len(json.loads((tmp_path / "gpu.json").read_text())["sections"]) == 2
    assert (tmp_path / "gpu.md").read_text().count("\n## ") == 2


def test_the_longest_curve_of_a_run_cut_short_is_kept(gpu_program: Any, tmp_path: Path) -> None:
    piece = gpu_program.plan(options(gpu_program, tmp_path, "--parts", "target"))[0]
    found = {"outcome": "stopped", "setup_seconds": 1.0}
    results = gpu_program.Results(tmp_path, MACHINE)
    results.record(piece, "partial", 9.0, found | {"curve": CURVE})
    results.record(piece, "partial", 5.0, found | {"curve": CURVE[:1]})
    assert results.pieces[piece.key]["measured"]["curve"] == CURVE
    results.record(
        piece, "done", 2.0, {"curve": CURVE[:1], "outcome": "target reached", "setup_seconds": 1.0}
    )
    assert results.pieces[piece.key]["measured"]["curve"] == CURVE[:1]


def test_a_wrong_call_is_refused_before_a_gpu_waits(
    gpu_program: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*arguments: str) -> str:
        assert gpu_program.main(["--out", str(tmp_path), "--data-dir", str(tmp_path), *arguments]) == 2
        return capsys.readouterr().err

    assert "the files of mnist are not there, and none are downloaded" in refused()
    assert "no checkout of github.com/Alexei95/FasTrCaps" in refused("--dataset", "digits", "--peer", "x")
    (tmp_path / "gpu.json").write_text("{")
    assert "gpu.json: it cannot be read" in refused("--dataset", "digits")
    with pytest.raises(SystemExit):
        options(gpu_program, tmp_path, "--parts", "epochs")
    assert "'epochs' is unknown; choose of smoke, profile" in capsys.readouterr().err


def test_a_piece_is_stopped_when_its_time_is_up(gpu_program: Any, tmp_path: Path) -> None:
    settings = gpu_program._settings(options(gpu_program, tmp_path, "--dataset", "digits", "--device", "cpu"))
    with gpu_program.Measurer(settings) as measurer:
        found = measurer.measure("machine", {}, time.monotonic() + 0.2, lambda _: None)
    assert found == ("partial", {}, "stopped at the end of the minutes")


@pytest.mark.slow
def test_an_error_ends_a_process_and_the_next_piece_has_another(gpu_program: Any, tmp_path: Path) -> None:
    settings = gpu_program._settings(options(gpu_program, tmp_path, "--dataset", "digits", "--device", "cpu"))
    with gpu_program.Measurer(settings) as measurer:
        status, _, message = measurer.measure("nonsense", {}, time.monotonic() + 100, lambda _: None)
        assert (status, "KeyError: 'nonsense'" in message) == ("failed", True)
        status, machine, _ = measurer.measure("machine", {}, time.monotonic() + 100, lambda _: None)
        assert (status, machine["device_type"]) == ("done", "cpu")


@pytest.mark.slow
def test_a_bare_machine_finds_every_test_that_needs_a_gpu(gpu_program: Any, bare: dict[str, str]) -> None:
    from gpu_machine import TESTS

    command = [*TESTS, "--collect-only", "-q"]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    folders = {line.split("/")[1] for line in done.stdout.splitlines() if "::" in line}
    assert folders == {"training", "networks", "bench"}


@pytest.mark.slow
def test_a_call_goes_on_where_an_interrupted_one_stopped(tmp_path: Path, bare: dict[str, str]) -> None:
    out = tmp_path / "out"
    command = [sys.executable, str(FOLDER / "gpu.py"), "--out", str(out), "--minutes", "5", "--device", "cpu"]
    command += [
        "--dataset",
        "digits",
        "--preset",
        "tiny",
        "--precisions",
        "float32",
        "--parts",
        "target,accuracy",
    ]
    command += ["--recipes", "paper/baseline", "--seeds", "1", "--epochs", "3", "--target", "0"]

    def statuses() -> dict[str, str]:
        if not (out / "gpu.json").exists():
            return {}
        (section,) = json.loads((out / "gpu.json").read_text())["sections"]
        return {piece["part"]: piece["status"] for piece in section["pieces"].values()}

    with subprocess.Popen(command, env=bare, stderr=subprocess.PIPE, text=True) as first:
        while "accuracy" not in statuses():
            assert first.poll() is None
            time.sleep(0.02)
        first.send_signal(signal.SIGINT)
        assert "call it again to go on" in first.communicate()[1]
    assert statuses() == {"target": "done", "accuracy": "partial"}

    second = subprocess.run(command, env=bare, capture_output=True, text=True)
    assert (second.returncode, second.stderr) == (0, "")
    assert statuses() == {"target": "done", "accuracy": "done"}
    assert second.stdout.count("done") == 1
    text = (out / "gpu.md").read_text()
    assert "| paper/baseline | float32 | 1 of 1 |" in text
    assert "cut short\n" not in text
