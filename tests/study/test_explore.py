"""Studies with a fake training: what is asked, recorded, resumed and refused, in milliseconds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

import dse
from dse.errors import DeviceError, DeviceLostError, StudyError
from dse.recipe.plan import Plan
from dse.record.run import Outcome, Training
from dse.record.tables import write_tables
from dse.study.database import open_database
from dse.study.folders import find_study
from dse.study.load import load_study
from dse.study.storage import opened
from dse.study.trials import read_trials
from tests.fakes import (
    ENVIRONMENT,
    SMALL_SPACE,
    FakeTrainer,
    Quiet,
    make_space,
    run_in,
    run_in_memory,
    study_in_memory,
    tables_of,
)
from tests.fakes import run_study as run


def test_the_baseline_comes_first_with_every_seed() -> None:
    space = make_space(seeds=2, seed=7)
    trials = run_in_memory(space, trials=5)
    assert [(trial.recipe.id, trial.seed) for trial in trials[:2]] == [(space.baseline_recipe.id, 7),
                                                                      (space.baseline_recipe.id, 8)]  # fmt: skip
    assert len(trials) == 5


def test_trials_that_diverge_or_raise_are_recorded_and_the_study_goes_on() -> None:
    trials = run_in_memory(make_space(), trials=80)
    by_state = {state: [trial for trial in trials if trial.state is state] for state in Outcome}
    assert by_state[Outcome.DIVERGED][0].run.reason == "the loss of epoch 2 is nan"
    assert by_state[Outcome.FAILED][0].run.reason == "RuntimeError: out of memory"
    assert by_state[Outcome.COMPLETE]


def test_a_target_that_is_missed_is_no_point_of_the_front() -> None:
    space = make_space(objectives=["seconds_to_target", "accuracy"], target=0.882)
    table = tables_of(run_in_memory(space, trials=40, sampler="random"), space).trials
    missed = table[table["state"] == "missed_target"]
    assert len(missed)
    assert missed["reason"].str.contains("target=0.882 not reached: the best accuracy was 0.8").all()
    assert (table.loc[table["state"] == "complete", "seconds_to_target"] > 0).all()


def test_an_interrupt_is_recorded_and_the_trial_is_trained_again(tmp_path: Path) -> None:
    space = make_space()
    training = FakeTrainer()
    training.interrupt_at = 4
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, space, training, trials=8)
    table = load_study(tmp_path / "s").trials
    assert table["state"].tolist()[-1] == "interrupted"
    assert len(load_study(tmp_path / "s").curves.query("trial == 3")) == 2
    again = FakeTrainer()
    trials = run(tmp_path, space, again, trials=8)
    assert again.trained[0] == training.trained[3]
    assert sum(trial.state is not Outcome.INTERRUPTED for trial in trials) == 8
    third = FakeTrainer()
    run(tmp_path, space, third, trials=9)
    assert len(third.trained) == 1, "an interrupted trial is trained again once, not at every start"


def test_a_killed_process_leaves_a_trial_that_is_trained_again(tmp_path: Path) -> None:
    space = make_space()

    class Killed(BaseException):
        """What no handler of the study sees."""

    class Killer(FakeTrainer):
        def epochs(self, plan: Plan, seed: int) -> Training:
            if len(self.trained) == 2:
                self.trained.append((plan.recipe.id, seed))
                raise Killed
            return (yield from super().epochs(plan, seed))

    killer = Killer()
    with pytest.raises(Killed):
        run(tmp_path, space, killer, trials=5)
    assert load_study(tmp_path / "s").trials["state"].tolist()[-1] == "running"
    again = FakeTrainer()
    run(tmp_path, space, again, trials=5)
    assert again.trained[0] == killer.trained[2]
    table = load_study(tmp_path / "s").trials
    assert table["state"].tolist()[2] == "interrupted"
    assert table["reason"].tolist()[2] == "the process ended before the trial did"


def test_the_same_study_gives_the_same_trials_on_disk_and_in_memory(tmp_path: Path) -> None:
    kept, space = Quiet(), make_space()
    on_disk = run(tmp_path, space, trials=14, sampler="tpe", watcher=kept)
    in_memory = run_in_memory(space, trials=14, sampler="tpe", watcher=(same := Quiet()))
    as_read = read_trials(open_database(tmp_path / "s"))
    one, two, three = (
        [dataclasses.replace(trial, started="") for trial in trials]
        for trials in (on_disk, in_memory, as_read)
    )
    assert one == two == three
    assert kept.standings == same.standings


REFUSED = {
    "space": (
        dict(objectives=["train_seconds", "accuracy"]),
        {},
        "explores another space: objectives differs",
    ),
    "data": ({}, {"data_fingerprint": "other"}, "measured with other images: 'abc', now 'other'"),
    "threads": ({}, {"threads": 1}, "another number of threads: 2, now 1. .* Resume it with --threads 2"),
    "device": ({}, {"device_type": "cuda"}, "measured with another device: 'cpu', now 'cuda'"),
    "its name": ({}, {"device": "NVIDIA T4"}, "measured on 'NVIDIA H100', and this is 'NVIDIA T4'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_compare_is_not_mixed(case: str, tmp_path: Path) -> None:
    changes, environment, message = REFUSED[case]
    run(tmp_path, make_space(), trials=1)
    before = (tmp_path / "s" / "study.db").read_bytes()
    with pytest.raises(StudyError, match=f"{message}.*another --name"):
        run(tmp_path, make_space(**changes), trials=2, environment=ENVIRONMENT | environment)
    assert (tmp_path / "s" / "study.db").read_bytes() == before


def test_a_study_that_lacks_its_threads_is_resumed(tmp_path: Path) -> None:
    of_earlier_version = {key: value for key, value in ENVIRONMENT.items() if key != "threads"}
    run(tmp_path, make_space(), trials=1, environment=of_earlier_version)
    assert len(run(tmp_path, make_space(), trials=2)) == 2


def test_an_engine_that_was_renamed_is_the_same(tmp_path: Path) -> None:
    run(tmp_path, make_space(), trials=1, environment=ENVIRONMENT | {"engine": "fast_compiled"})
    assert len(run(tmp_path, make_space(), trials=2, environment=ENVIRONMENT | {"engine": "compiled"})) == 2
    with pytest.raises(StudyError, match="another engine: 'compiled', now 'fast'"):
        run(tmp_path, make_space(), trials=3, environment=ENVIRONMENT | {"engine": "fast"})


def test_a_budget_or_sampler_may_change(tmp_path: Path) -> None:
    run(tmp_path, make_space(), trials=2)
    assert len(run(tmp_path, make_space(trials=50, sampler="random"), trials=3)) == 3


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a b", "/tmp/x"])
def test_a_name_is_no_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="is not a plain name"):
        run(tmp_path, make_space(), name=name)
    assert not list(tmp_path.iterdir())


def test_two_explorations_do_not_write_to_one_study(tmp_path: Path) -> None:
    with (
        opened(tmp_path, "s", make_space(), ENVIRONMENT),
        pytest.raises(StudyError, match="another dse explore"),
    ):
        run(tmp_path, make_space())


def test_a_results_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match="cannot be written .*Choose another folder with --results"):
        run(tmp_path / "file", make_space())


def test_a_broken_database(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "study.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StudyError, match="is no readable Optuna storage"):
        run(tmp_path, make_space())


def test_a_published_study_loads_the_same_and_is_not_overwritten(tmp_path: Path) -> None:
    run(tmp_path, make_space(), trials=12, sampler="grid")
    folder = tmp_path / "s"
    tables = load_study(folder)
    assert {"complete", "diverged", "failed"} == set(tables.trials["state"])
    write_tables(tables, folder)
    (folder / "study.db").unlink()
    published = load_study(folder)
    for name in ("trials", "curves", "front"):
        pd.testing.assert_frame_equal(getattr(published, name), getattr(tables, name))
    assert published.objectives == tables.objectives
    with pytest.raises(StudyError, match="without its study.db, which a new study would overwrite"):
        run(tmp_path, make_space())
    (folder / "curves.csv").write_text("trial,epoch\n")
    with pytest.raises(StudyError, match=r"curves.csv: lacks the column batch_size"):
        load_study(folder)


def test_a_study_that_is_nowhere(tmp_path: Path) -> None:
    run(tmp_path, make_space(), trials=1)
    with pytest.raises(StudyError, match=r"'nope' is neither a name .* the studies in .* are: s\."):
        find_study("nope", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="holds no study"):
        load_study(find_study("empty", tmp_path))
    assert find_study("s", tmp_path) == find_study(str(tmp_path / "s"), Path("elsewhere"))


@pytest.mark.parametrize("kind", [DeviceError, DeviceLostError])
def test_a_device_at_fault_ends_the_study_and_is_recorded(kind: type[Exception]) -> None:
    class Lost(FakeTrainer):
        def epochs(self, plan: Plan, seed: int) -> Training:
            raise kind("cuda:0 is gone")
            yield

    study = study_in_memory(make_space())
    with pytest.raises(kind, match="cuda:0 is gone"):
        run_in(study, make_space(), Lost(), trials=3)
    (trial,) = run_in(study, make_space(), trials=1)
    assert (trial.state, trial.run.reason) == (Outcome.FAILED, "cuda:0 is gone")


def test_energy_is_refused_at_the_door_where_it_cannot_be_metered(tmp_path: Path) -> None:
    content = SMALL_SPACE | {"objectives": ["energy_joules", "accuracy"], "sampler": "random"}
    space = dse.SearchSpace(**content)
    with pytest.raises(DeviceError, match="energy_joules: device cpu has no meter that dse reads"):
        dse.explore(space, folder=tmp_path / "study", machine=dse.Machine("cpu"))
    assert not (tmp_path / "study").exists()


def test_the_most_workers_of_a_study_are_kept_and_a_refused_resume_changes_nothing(tmp_path: Path) -> None:
    run(tmp_path, make_space(), trials=1)
    with pytest.raises(StudyError, match="explores another space"):
        run(tmp_path, make_space(protocol="paper"), trials=1, environment=ENVIRONMENT | {"workers": 3})
    assert load_study(tmp_path / "s").environment == ENVIRONMENT
    for workers, most in ((2, 2), (1, 2), (4, 4)):
        run(tmp_path, make_space(), trials=1, environment=ENVIRONMENT | {"workers": workers})
        assert load_study(tmp_path / "s").environment["workers"] == most
