"""Studies with real training and a real stranger: what is calibrated changes no run, and a disturbed one is marked."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import dse
from dse.api import Start
from dse.record.tables import StudyTables
from dse.space.load import parse_space
from dse.study.watcher import Watcher

CONTENT: dict[str, Any] = {
    "name": "clocks",
    "data": {"name": "digits", "images": 100, "validation_images": 50, "test_images": 50},
    "recipe": {
        "model": {"name": "lenet5"},
        "learning_rate": {"policy": "fixed", "base_rate": 0.001},
        "batch_size": {"schedule": "constant", "size": {"choices": [4, 25]}},
        "epochs": 6,
    },
    "baseline": {"batch_size": {"size": 25}},
    "trials": 2,
    "sampler": "grid",
}


def explored(folder: Path, watcher: Watcher | None = None, **changes: Any) -> StudyTables:
    workers = changes.pop("workers", None)
    return dse.explore(
        parse_space(CONTENT | changes, "test"),
        folder=folder,
        machine=dse.Machine(device="cpu", threads=1),
        watcher=watcher,
        start=Start(checkpoints=False),
        workers=workers,
    )


def busy() -> None:
    while True:
        pass


@contextmanager
def strangers() -> Iterator[None]:
    """Keep every core busy three times over."""
    spawn = multiprocessing.get_context("spawn")
    working = [spawn.Process(target=busy, daemon=True) for _ in range(3 * (os.cpu_count() or 1))]
    for each in working:
        each.start()
    try:
        yield
    finally:
        for each in working:
            each.kill()
            each.join()


class Noted(Watcher):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def noted(self, what: str) -> None:
        self.notes.append(what)


@pytest.mark.slow
def test_both_clocks_see_the_same_runs_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    calibrated = explored(tmp_path / "calibrated")
    measured = explored(tmp_path / "measured", timing="measured")
    assert calibrated.environment["clock"] == "calibrated"
    assert measured.environment["clock"] == "measured"
    seconds = [name for name in calibrated.curves if "seconds" in name]
    assert calibrated.curves.drop(columns=seconds).equals(measured.curves.drop(columns=seconds))
    small, large = (
        calibrated.trials.set_index("batch_size.size").loc[size, "train_seconds"] for size in (4, 25)
    )
    assert small > large, "more steps of the same images take longer"


@pytest.mark.slow
def test_a_run_beside_strangers_is_disturbed_by_the_stopwatch_alone(tmp_path: Path) -> None:
    alone = explored(tmp_path / "alone").trials
    with strangers():
        beside = explored(tmp_path / "beside").trials
    assert beside["train_seconds"].tolist() == alone["train_seconds"].tolist(), (
        "the machine's file knows the steps"
    )
    assert beside["measured_seconds"].sum() > 1.5 * beside["calibrated_seconds"].sum()
    assert beside["disturbed"].any()


@pytest.mark.slow
def test_runs_at_once_are_warned_of_by_the_stopwatch_alone(tmp_path: Path) -> None:
    watcher = Noted()
    tables = explored(tmp_path / "two", watcher, workers=2, trials=4, seeds=2)
    assert tables.environment["clock"] == "calibrated"
    assert (tables.curves["train_seconds"] == tables.curves["calibrated_seconds"]).all()
    assert watcher.notes == ["Seconds are calibrated: what a run's steps take by themselves."]
    assert "Seconds are calibrated" in tables.answer.caveats[0]
    assert not any("hold each other up" in caveat for caveat in tables.answer.caveats)
    by_size = tables.trials.groupby("batch_size.size")["train_seconds"]
    assert (by_size.nunique() == 1).all(), "seeds of one recipe take the same steps"
    measured = Noted()
    explored(tmp_path / "measured", measured, workers=2, timing="measured")
    assert [note for note in measured.notes if "runs that share a machine hold each other up" in note]
