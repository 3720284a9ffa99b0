"""The storage's fast reading and copying give what Optuna's own do."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from dse.study.bulk import FEW, BulkStorage, parsed
from dse.study.quiet import quiet_optuna
from tests.fakes import FakeTrainer, make_space, run_study

URL = "sqlite:///{}"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with every state and an infinite value, one trial drawn by no more than its start."""
    folder = tmp_path_factory.mktemp("study")
    trainer = FakeTrainer()
    trainer.interrupt_at = 9
    with pytest.raises(KeyboardInterrupt):
        run_study(folder, make_space(stopping="dominated", sampler="tpe"), trainer, trials=30)
    path = folder / "s" / "study.db"
    with quiet_optuna():
        study = optuna.load_study(study_name="s", storage=URL.format(path))
        study.enqueue_trial({"x": 1}, user_attrs={"seed": 3})
        study.ask()
        study.enqueue_trial({"x": 2})
        study.add_trial(optuna.trial.create_trial(values=[float("inf"), 0.5, 1.0]))
    return path


def read(storage: RDBStorage) -> list[FrozenTrial]:
    return storage.get_all_trials(1, deepcopy=False)


def test_reading_is_as_optunas(database: Path) -> None:
    ours, theirs = BulkStorage(URL.format(database)), RDBStorage(URL.format(database))
    assert read(ours) == read(theirs)
    assert {trial.state for trial in read(ours)} >= {TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING}
    for states in ((TrialState.WAITING,), (TrialState.COMPLETE, TrialState.RUNNING)):
        assert ours.get_all_trials(1, states=states) == theirs.get_all_trials(1, states=states)
    assert ours._get_trials(1, None, {2, 4}, 5) == theirs._get_trials(1, None, {2, 4}, 5)


def test_many_trials_are_read_as_few_are(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = BulkStorage(URL.format(database))
    few = read(storage)
    assert 10 < len(few) <= FEW
    monkeypatch.setattr("dse.study.bulk.FEW", 10)
    assert read(storage) == few
    assert storage._get_trials(1, None, {2, 4}, 5) == [few[1], few[3], *few[5:]]


@pytest.mark.parametrize(
    "value",
    [
        {
            "loss": 0.1 + 0.2,
            "steps": 10**25,
            "rate": 5e-324,
            "none": None,
            "flag": True,
            "text": 'a"\u00e9\n',
        },
        [float("inf"), float("-inf"), -0.0, 1e300, [], {}],
        "a file named \udce9, which is no text",
        {"a": {"a": {"a": [1, 1.0]}}},
    ],
)
def test_json_is_read_as_python_reads_it(value: object) -> None:
    text = json.dumps(value)
    assert repr(parsed(text)) == repr(json.loads(text)) == repr(value)
    assert repr(parsed('{"a": NaN, "a": [NaN]}')) == "{'a': [nan]}"
    with pytest.raises(ValueError, match="delimiter"):
        parsed('{"a" 1}')


def test_copying_is_as_optunas(database: Path, tmp_path: Path) -> None:
    trials = read(BulkStorage(URL.format(database)))
    copies = []
    for name in ("ours", "theirs"):
        storage = BulkStorage(URL.format(tmp_path / name))
        with quiet_optuna():
            study = optuna.create_study(study_name="s", storage=storage, directions=["minimize"] * 3)
            if name == "ours":
                storage.copy_trials(1, trials)
            else:
                study.add_trials(trials)
        copies.append(read(RDBStorage(URL.format(tmp_path / name))))
    assert copies[0] == copies[1] == trials


def test_an_attribute_is_written_as_optuna_writes_it(database: Path, tmp_path: Path) -> None:
    copies = [tmp_path / "ours.db", tmp_path / "theirs.db"]
    for path in copies:
        path.write_bytes(database.read_bytes())
    ours, theirs = BulkStorage(URL.format(copies[0])), RDBStorage(URL.format(copies[1]))
    at_work, ended = (
        next(trial._trial_id for trial in read(theirs) if trial.state is state)
        for state in (TrialState.RUNNING, TrialState.COMPLETE)
    )
    for storage in (ours, theirs):
        for value in ({"a": 1.5}, [None, "ü"], "again"):
            storage.set_trial_user_attr(at_work, "new", value)
            storage.set_trial_user_attr(at_work, f"new {value}", value)
        with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
            storage.set_trial_user_attr(ended, "new", 1)
        with pytest.raises(KeyError):
            storage.set_trial_user_attr(10_000, "new", 1)
    assert read(ours) == read(theirs)
