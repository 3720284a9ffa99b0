"""A study that was cut off loses no finished epoch: its trials resume where they were."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import dse
from dse.api import Start
from dse.record.epoch import EpochRow
from dse.record.run import Outcome
from dse.record.tables import StudyTables
from dse.record.trial import Trial
from dse.space.load import parse_space
from dse.study.database import open_database
from dse.study.trials import read_trials
from dse.study.watcher import Watcher

CONTENT: dict[str, Any] = {
    "name": "resumed",
    "data": {"name": "digits", "images": 100, "validation_images": 50, "test_images": 50},
    "recipe": {
        "model": {"name": "lenet5"},
        "learning_rate": {"policy": "fixed", "base_rate": {"choices": [0.001, 0.003]}},
        "batch_size": {"schedule": "constant", "size": 20},
        "epochs": 4,
    },
    "baseline": {"learning_rate": {"policy": "fixed", "base_rate": 0.001}},
    "trials": 2,
    "sampler": "grid",
}


class Interrupting(Watcher):
    """Cuts the study off at an epoch of a trial."""

    def __init__(self, number: int, epoch: int) -> None:
        self.at = number, epoch
        self.seen: list[tuple[int, int]] = []

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        self.seen.append((trial.number, row.epoch))
        if self.seen[-1] == self.at:
            raise KeyboardInterrupt


def explore(folder: Path, watcher: Watcher | None = None, **changes: Any) -> StudyTables:
    start = Start(checkpoints=changes.pop("checkpoints", True))
    space = parse_space(CONTENT, "test")
    machine = dse.Machine(device="cpu", threads=1)
    return dse.explore(space, folder=folder, machine=machine, watcher=watcher, start=start, **changes)


def trials_in(folder: Path) -> list[Trial]:
    return read_trials(open_database(folder))


def figures(trials: list[Trial]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """The curves of the trials that ended, all but their seconds."""
    return {
        (trial.recipe.id, trial.seed): [
            {name: value for name, value in dataclasses.asdict(row).items() if "seconds" not in name}
            for row in trial.run.curve
        ]
        for trial in trials
        if trial.state is Outcome.COMPLETE
    }


def test_a_trial_resumes_after_its_last_epoch_with_the_same_figures(tmp_path: Path) -> None:
    explore(tmp_path / "undisturbed")
    for epoch in (2, 3):
        with pytest.raises(KeyboardInterrupt):
            explore(tmp_path / "study", Interrupting(epoch - 1, epoch))
    again = Interrupting(-1, -1)
    tables = explore(tmp_path / "study", again)
    assert again.seen == [(3, 4)]
    trials = trials_in(tmp_path / "study")
    assert figures(trials) == figures(trials_in(tmp_path / "undisturbed"))
    told = [(t.number, t.state, t.attempt, t.run.resumed_epochs, len(t.run.curve)) for t in trials]
    assert told == [
        (0, Outcome.COMPLETE, 1, 0, 4),
        (1, Outcome.INTERRUPTED, 1, 0, 2),
        (2, Outcome.INTERRUPTED, 2, 2, 3),
        (3, Outcome.COMPLETE, 3, 3, 4),
    ]
    assert list(tables.trials["resumed_epochs"]) == [0, 0, 2, 3]
    assert not (tmp_path / "study" / ".checkpoints").exists()


def test_seconds_that_were_taken_over_are_spent_once(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        explore(tmp_path, Interrupting(1, 3))
    explore(tmp_path)
    trials = trials_in(tmp_path)
    own = sum(trial.run.own_seconds for trial in trials)
    complete = sum(trial.run.measured_seconds for trial in trials if trial.complete)
    assert own == pytest.approx(complete)


def test_without_checkpoints_it_begins_with_the_first_epoch(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        explore(tmp_path, Interrupting(1, 3), checkpoints=False)
    assert not (tmp_path / ".checkpoints").exists()
    again = Interrupting(-1, -1)
    explore(tmp_path, again, checkpoints=False)
    assert again.seen == [(2, epoch) for epoch in (1, 2, 3, 4)]


def test_checkpoints_that_a_kill_left_behind_are_removed_and_those_still_wanted_kept(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        explore(tmp_path, Interrupting(1, 2))
    (wanted,) = (tmp_path / ".checkpoints").iterdir()
    for name in (wanted.name.replace("-", "-9"), f".{wanted.name}.7.unfinished"):
        (tmp_path / ".checkpoints" / name).write_bytes(wanted.read_bytes())
    with pytest.raises(KeyboardInterrupt):
        explore(tmp_path, Interrupting(2, 3))
    assert [file.name for file in (tmp_path / ".checkpoints").iterdir()] == [wanted.name]
    explore(tmp_path)
    assert not (tmp_path / ".checkpoints").exists()
