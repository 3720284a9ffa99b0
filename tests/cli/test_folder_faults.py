"""What becomes of a study whose folder fills up, is read-only or goes away: an error that says what to do, and no loss.

The disks are real: small file systems in memory, which root alone may mount.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from click.testing import Result

import dse.api
import dse.study.driver
from dse.study.load import load_study
from dse.training.checkpoint import Checkpoints
from tests.cli.command import explore, run
from tests.fakes import SMALL_SPACE

pytestmark = pytest.mark.slow

COMMAND = "dse explore space.yaml --results results --device cpu"
MINI = Path("results") / "mini"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SMALL_SPACE))
    (tmp_path / "results").mkdir()
    return tmp_path


@contextmanager
def mounted(folder: Path, *how: str) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("root alone may mount a file system")
    made = subprocess.run(["mount", *how, str(folder)], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def disk(here: Path) -> Iterator[Path]:
    """A disk of 48 MB for the results: a report has 5, a checkpoint of the small network too."""
    with mounted(here / "results", "-t", "tmpfs", "-o", "size=48m", "tmpfs"):
        yield here / "results"


def fill(disk: Path, *, but: int = 0) -> None:
    """Leave no byte free, or so many."""
    with (disk / "filling").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(file.tell() - but)


def at_call(
    monkeypatch: pytest.MonkeyPatch, place: object, name: str, number: int, act: Callable[[], object]
) -> None:
    """Do something just before a function is called for the so-many-th time."""
    function, calls = getattr(place, name), [0]

    def hooked(*arguments, **options):
        calls[0] += 1
        if calls[0] == number:
            act()
        return function(*arguments, **options)

    monkeypatch.setattr(place, name, hooked)


def check_ended(result: Result, message: str, status: int = 1) -> None:
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == status
    assert message in result.output
    assert "Traceback" not in result.output


def check_resumes(*options: str) -> None:
    result = explore(*options)
    assert result.exit_code == 0, result.output
    states = load_study(MINI).trials["state"].tolist()
    assert states.count("complete") == 3
    assert "failed" not in states


def test_a_disk_that_is_full_from_the_start(disk: Path) -> None:
    fill(disk)
    check_ended(explore(), "results/mini/study.db: cannot be written (database or disk is full)")
    (disk / "filling").unlink()
    check_resumes()


FULL = {
    "database": (
        dse.study.driver,
        "write_epoch",
        0,
        ["--no-checkpoints"],
        "study.db: cannot be written (database or",
    ),
    "checkpoint": (
        Checkpoints,
        "keep",
        1_000_000,
        [],
        "checkpoint cannot be written (No space left on device). Make",
    ),
}


@pytest.mark.parametrize(("place", "name", "but", "options", "message"), FULL.values(), ids=FULL)
def test_a_disk_that_fills_while_a_trial_trains(
    place: object,
    name: str,
    but: int,
    options: list[str],
    message: str,
    disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_call(monkeypatch, place, name, 4, lambda: fill(disk, but=but))
    result = explore(*options)
    check_ended(result, message)
    assert f"To resume: {' '.join([COMMAND, *options])}" in result.output
    kept = load_study(MINI).trials
    assert kept["state"].tolist()[0] == "complete"
    (disk / "filling").unlink()
    check_resumes(*options)
    assert load_study(MINI).trials["train_seconds"][0] == kept["train_seconds"][0]


def test_a_disk_that_is_full_when_the_report_is_made(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_call(monkeypatch, dse.api, "write_views", 1, lambda: fill(disk))
    result = explore()
    check_ended(result, "results/mini/trials.csv: cannot be written (No space left on device)", 2)
    assert "The study is complete; for its report: dse report results/mini" in result.output
    assert not (MINI / "trials.csv").exists()
    assert load_study(MINI).trials["state"].tolist() == ["complete"] * 3
    check_ended(run("report", MINI), "cannot be written (No space left on device)", 2)
    (disk / "filling").unlink()
    assert run("report", MINI).exit_code == 0
    assert not list(MINI.glob(".*unfinished"))


@pytest.mark.parametrize("place", [dse.study.driver, Checkpoints], ids=["database", "checkpoint"])
def test_a_folder_that_is_removed_while_a_trial_trains(
    place: object, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "keep" if place is Checkpoints else "write_epoch"
    at_call(monkeypatch, place, name, 4, lambda: shutil.rmtree(MINI))
    result = explore()
    check_ended(
        result, "results/mini/study.db: is gone, removed or moved while a trial trained. Put the study's"
    )
    assert "To resume" not in result.output
    assert not MINI.exists()
    check_resumes()


@pytest.mark.parametrize("place", [dse.study.driver, Checkpoints], ids=["database", "checkpoint"])
def test_a_folder_that_is_moved_away_and_put_back(
    place: object, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "keep" if place is Checkpoints else "write_epoch"
    at_call(monkeypatch, place, name, 4, lambda: MINI.rename("elsewhere"))
    check_ended(explore(), "results/mini/study.db: is gone, removed or moved")
    assert not MINI.exists()
    seconds = load_study("elsewhere").trials["train_seconds"][0]
    Path("elsewhere").rename(MINI)
    check_resumes()
    assert load_study(MINI).trials["train_seconds"][0] == seconds


def test_a_read_only_folder_is_read_and_not_written(here: Path) -> None:
    assert explore("--trials", "1").exit_code == 0
    before = sorted((path, path.stat().st_mtime_ns) for path in MINI.rglob("*"))
    with mounted(here / "results", "--bind", str(here / "results")):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(here / "results")], check=True)
        assert run("front", MINI).exit_code == 0
        assert run("trials", MINI).exit_code == 0
        check_ended(run("report", MINI), "trials.csv: cannot be written (Read-only file system). Free", 2)
        check_ended(
            explore(), "results/mini: cannot be written (Read-only file system). Choose another folder", 2
        )
        check_ended(explore("--name", "other"), "results/other: cannot be written (Read-only file system)", 2)
    assert sorted((path, path.stat().st_mtime_ns) for path in MINI.rglob("*")) == before


READ_ONLY_AT_THE_FOURTH_EPOCH = """
import os, sys
import dse.study.driver as driver
from dse.cli import main

write, calls = driver.write_epoch, []
def hooked(*arguments):
    calls.append(1)
    if len(calls) == 4:
        os.chmod("results/mini", 0o555)
    return write(*arguments)
driver.write_epoch = hooked
main()
"""


def test_a_folder_that_becomes_read_only_while_a_trial_trains(here: Path) -> None:
    options = ["--no-checkpoints", "--threads", "1"]  # this process may have another number than a new one
    command = [sys.executable, "-c", READ_ONLY_AT_THE_FOURTH_EPOCH, *COMMAND.split()[1:], *options]
    if os.geteuid() == 0:  # root minds no modes, unless it has given that power up
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not here, and root minds no modes")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    os.chmod("results/mini", 0o755)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "results/mini/study.db: cannot be written (" in done.stderr
    assert f"To resume: {' '.join([COMMAND, *options])}" in done.stdout
    assert load_study(MINI).trials["state"].tolist()[0] == "complete"
    check_resumes(*options)
