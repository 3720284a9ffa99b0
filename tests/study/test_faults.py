"""What goes wrong around a training is not the trial's fault; what fails is retried when asked, and not without end."""

from __future__ import annotations

import dataclasses
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import optuna
import pytest

from dse.errors import RunError, TrialsFailedError
from dse.recipe.plan import Plan
from dse.record.epoch import EpochRow
from dse.record.run import Outcome, Run, Training
from dse.record.trial import Trial
from dse.study import database
from dse.study.ledger import FAILURES_IN_A_ROW
from dse.study.load import load_study
from dse.study.queue import MOST_DEATHS
from dse.study.trials import read_trials
from tests.fakes import (
    FakeTrainer,
    Quiet,
    make_space,
    run_in,
    run_in_memory,
    run_study,
    study_in_memory,
)

# Of the recipes of the fakes' space those that train well.
SOUND = {
    "recipe": {
        "model": {"name": "capsnet", "preset": "tiny"},
        "batch_size": {
            "schedule": "constant",
            "size": {"choices": [8, 16, 24, 32, 48, 64, 96, 128, 160, 192]},
        },
        "epochs": 4,
    },
    "baseline": {"batch_size": {"size": 128}},
}
SPACE = make_space(sampler="grid", **SOUND)


def states(study: optuna.Study) -> list[str]:
    return [str(trial.state) for trial in read_trials(study)]


class Gone(Quiet):
    """A watcher whose terminal goes away in the second trial."""

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        if trial.number == 1 and row.epoch == 2:
            raise OSError(5, "Input/output error")


def test_a_watcher_that_fails_is_not_the_trials_fault() -> None:
    study = study_in_memory(SPACE)
    with pytest.raises(OSError, match="Input/output error"):
        run_in(study, SPACE, trials=3, watcher=Gone())
    assert states(study) == ["complete", "interrupted"]
    assert "could not be kept or shown (OSError: [Errno 5]" in read_trials(study)[1].run.reason
    assert run_in(study, SPACE, trials=3)[2].recipe == read_trials(study)[1].recipe


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        yield


def test_a_database_that_stays_locked_is_not_the_trials_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.05)

    class Locking(FakeTrainer):
        def epochs(self, plan: Plan, seed: int) -> Training:
            if len(self.trained) < 2:
                return (yield from super().epochs(plan, seed))
            with locked(tmp_path / "s" / "study.db"):
                return (yield from super().epochs(plan, seed))

    with pytest.raises(
        RunError, match="study.db: cannot be written .database is locked.*same command resumes"
    ):
        run_study(tmp_path, SPACE, Locking(), trials=4)
    assert load_study(tmp_path / "s").trials["state"].tolist()[-1] == "interrupted"
    again = FakeTrainer()
    trials = run_study(tmp_path, SPACE, again, trials=4)
    assert [str(trial.state) for trial in trials].count("interrupted") == 1
    assert not any(trial.state is Outcome.FAILED for trial in trials if trial.run.reason.count("locked"))
    assert again.trained[0] == (trials[2].recipe.id, trials[2].seed)


class Failing(FakeTrainer):
    """Raises in some of its trainings."""

    def __init__(self, *failing: int) -> None:
        super().__init__()
        self.failing = failing

    def epochs(self, plan: Plan, seed: int) -> Training:
        if len(self.trained) in self.failing:
            self.trained.append((plan.recipe.id, seed))
            raise RuntimeError("CUDA error: no luck")
        return (yield from super().epochs(plan, seed))


def test_a_baseline_that_failed_ends_the_study_until_it_is_retried() -> None:
    study = study_in_memory(SPACE)
    message = (
        "the baseline failed, and every recipe.*RuntimeError: CUDA error: no luck.*resume with --retry-failed"
    )
    with pytest.raises(TrialsFailedError, match=message):
        run_in(study, SPACE, Failing(0), trials=5)
    with pytest.raises(TrialsFailedError, match="the baseline failed"):
        run_in(study, SPACE, trials=5)
    assert states(study) == ["failed"]
    trials = run_in(study, SPACE, trials=2, retry_failed=True)
    assert [(trial.recipe.id, trial.seed, trial.attempt) for trial in trials[:2]] == [
        (SPACE.baseline_recipe.id, 0, 1),
        (SPACE.baseline_recipe.id, 0, 2),
    ]
    assert len(trials) == 3, "a trial that is done again does not count"


def test_a_baseline_with_another_seed_is_reference_enough() -> None:
    space = make_space(sampler="grid", seeds=2, **SOUND)
    assert len(run_in_memory(space, Failing(0), trials=4)) == 4


def test_failures_in_a_row_end_the_study_with_the_reason() -> None:
    study = study_in_memory(SPACE)
    with pytest.raises(TrialsFailedError, match=f"the last {FAILURES_IN_A_ROW} trials failed, the latest with: "
                                                "RuntimeError: CUDA error"):  # fmt: skip
        run_in(study, SPACE, Failing(*range(1, 30)), trials=30)
    assert states(study) == ["complete", *["failed"] * FAILURES_IN_A_ROW]
    trials = run_in(study, SPACE, FakeTrainer(), trials=8)
    assert len(trials) == 8, "who does not want them retried goes on without them"
    again = run_in(study, SPACE, FakeTrainer(), trials=8, retry_failed=True)
    retried = [trial for trial in again if trial.attempt == 2]
    assert {trial.recipe.id for trial in again[1:6]} <= {trial.recipe.id for trial in retried}
    assert len(run_in(study, SPACE, FakeTrainer(), trials=8)) == len(again)


class Dying(BaseException):
    """What no handler of the study sees, as a kill."""


def test_a_trial_that_kills_its_process_is_not_retried_without_end() -> None:
    study = study_in_memory(SPACE)

    class Killer(FakeTrainer):
        def epochs(self, plan: Plan, seed: int) -> Training:
            self.trained.append((plan.recipe.id, seed))
            if plan.recipe.id == SPACE.baseline_recipe.id:
                return (yield from super().epochs(plan, seed))
            raise Dying

    for _ in range(MOST_DEATHS):
        with pytest.raises(Dying):
            run_in(study, SPACE, Killer(), trials=2)
    trials = run_in(study, SPACE, Killer(), trials=2)
    assert [str(trial.state) for trial in trials] == ["complete", "interrupted", "interrupted", "failed"]
    assert [trial.attempt for trial in trials] == [1, 1, 2, 3]
    assert trials[3].run.reason == (
        "its process ended 3 times before the trial did; --retry-failed trains it again"
    )
    retried = run_in(study, SPACE, trials=2, retry_failed=True)
    assert (retried[-1].recipe, retried[-1].attempt) == (trials[3].recipe, 4)
    assert retried[-1].state is not Outcome.FAILED


def test_interrupts_do_not_use_attempts_up() -> None:
    study = study_in_memory(SPACE)
    for _ in range(2 * MOST_DEATHS):
        trainer = FakeTrainer()
        trainer.interrupt_at = 1
        with pytest.raises(KeyboardInterrupt):
            run_in(study, SPACE, trainer, trials=2)
    assert len([trial for trial in run_in(study, SPACE, trials=2) if trial.complete]) == 2


@pytest.mark.parametrize(
    ("field", "value", "state", "reason"),
    [
        ("loss", math.nan, "diverged", "epoch 3: loss=nan"),
        ("validation_accuracy", math.inf, "diverged", "epoch 3: validation_accuracy=inf"),
        ("test_accuracy", 1.5, "failed", "ValueError: test_accuracy=1.5 of epoch 3 is no share from 0 to 1"),
        ("train_seconds", 0.5, "failed", "ValueError: train_seconds=0.5 of epoch 3 is not after"),
        ("epoch", 7, "failed", "ValueError: epoch 7 stands where 3 of 4 is expected"),
    ],
)
def test_a_training_that_reports_what_cannot_be_is_at_fault(
    field: str, value: float, state: str, reason: str, tmp_path: Path
) -> None:
    class Strange(FakeTrainer):
        def epochs(self, plan: Plan, seed: int) -> Training:
            strange = len(self.trained) == 1
            for row in super().epochs(plan, seed):
                yield dataclasses.replace(row, **{field: value}) if strange and row.epoch == 3 else row
            return Run((), Outcome.COMPLETE, "", 0.1, "fake")

    trials = run_study(tmp_path, SPACE, Strange(), trials=3)
    assert str(trials[1].state) == state
    assert trials[1].run.reason.startswith(reason)
    assert len(trials[1].run.curve) == 2
    assert load_study(tmp_path / "s").trials["state"].tolist()[1] == state
