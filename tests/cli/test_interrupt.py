"""Pulling the plug on a real study: Ctrl-C, signals and a lost terminal, then the same command again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import dse
from tests.fakes import SMALL_SPACE


def start(
    folder: Path, output: int = subprocess.PIPE, *, trials: int = 3, epochs: int = 30, workers: int = 1
) -> subprocess.Popen[str]:
    space = {**SMALL_SPACE, "recipe": {**SMALL_SPACE["recipe"], "epochs": epochs}, "trials": trials}
    (folder / "mini.yaml").write_text(yaml.safe_dump(space))
    command = [sys.executable, "-m", "dse", "explore", "mini.yaml", "--device", "cpu"]
    command += ["--workers", "2"] if workers == 2 else []
    return subprocess.Popen(
        command, cwd=folder, text=True, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
    )


def wait_for_epochs(folder: Path, process: subprocess.Popen[str], trial: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (folder / "results" / "mini" / "study.db").exists():
            curves = dse.load_study(folder / "results" / "mini").curves
            if (curves["trial"] == trial).any():
                return
        time.sleep(0.2)
    raise AssertionError(f"trial {trial} never began:\n{process.communicate()[0]}")


def check_ended_cleanly(folder: Path, status: int, output: str, how: signal.Signals) -> None:
    assert status == 128 + how
    assert "To resume: dse explore mini.yaml --device cpu" in output
    assert "Traceback" not in output
    assert (folder / "results" / "mini" / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "workers"),
    [(signal.SIGINT, 1), (signal.SIGHUP, 2)],
    ids=["SIGINT", "SIGHUP, two workers"],
)
def test_a_signal_ends_a_study_with_its_report(how: signal.Signals, workers: int, tmp_path: Path) -> None:
    with start(tmp_path, workers=workers) as process:
        wait_for_epochs(tmp_path, process, trial=0)
        os.killpg(process.pid, how)  # as a terminal does: to everything that was begun there
        output = process.communicate(timeout=120)[0]
    assert set(dse.load_study(tmp_path / "results" / "mini").trials["state"]) <= {"interrupted", "complete"}
    check_ended_cleanly(tmp_path, process.returncode, output, how)


@pytest.mark.slow
def test_a_study_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        wait_for_epochs(tmp_path, process, trial=1)
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=120)[0]
    check_ended_cleanly(tmp_path, process.returncode, output, signal.SIGTERM)
    before = dse.load_study(tmp_path / "results" / "mini").trials
    with start(tmp_path) as again:
        assert again.communicate(timeout=300)[0]
    assert again.returncode == 0
    after = dse.load_study(tmp_path / "results" / "mini").trials
    assert (after["state"] == "complete").sum() == 3
    cut = after[after["state"] == "interrupted"]
    assert len(cut) == 1
    redone = after[(after["recipe_id"] == cut["recipe_id"].iloc[0]) & (after["seed"] == cut["seed"].iloc[0])]
    assert redone["state"].tolist() == ["interrupted", "complete"]
    kept = before[before["state"] == "complete"]
    assert kept["train_seconds"].tolist() == after.loc[kept.index, "train_seconds"].tolist()


@pytest.mark.slow
def test_a_study_whose_terminal_is_gone_ends_with_its_report(tmp_path: Path) -> None:
    outside, terminal = os.openpty()
    with start(tmp_path, output=terminal, trials=2, epochs=8) as process:
        os.close(terminal)
        wait_for_epochs(tmp_path, process, trial=0)
        os.close(outside)
        process.wait(timeout=300)
    assert process.returncode == 0
    assert (dse.load_study(tmp_path / "results" / "mini").trials["state"] == "complete").all()
    assert (tmp_path / "results" / "mini" / "report.html").exists()
