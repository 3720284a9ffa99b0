"""A study's clock: what is calibrated, kept, resumed and left alone; with a training that trains nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from dse.errors import StudyError
from dse.recipe.plan import Plan
from dse.record.calibration import Calibration, Measured, Ratio, Reference, Wanted
from dse.record.run import Outcome
from dse.record.tables import write_tables
from dse.study.calibrate import calibrate_study
from dse.study.calibration_file import users_file
from dse.study.database import open_database
from dse.study.load import load_study
from dse.study.storage import opened
from tests.fakes import ENVIRONMENT, FakeTrainer, Quiet, make_space, run_study

CALIBRATED = ENVIRONMENT | {"clock": "calibrated"}


class Timed(FakeTrainer):
    """Says that a step of the reference takes a second, and others their batch size's share of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Wanted] = []
        self.seconds = 1.0

    def calibrate(self, wanted: Wanted) -> Measured:
        self.asked.append(wanted)
        reference = wanted.reference
        known = Reference(reference.id, reference.label, self.seconds, 0.01, 9)
        return Measured(
            known if reference in wanted.kinds else None,
            {
                kind.id: Ratio(kind.label, kind.batch_size / reference.batch_size, 0.01, 9)
                for kind in wanted.kinds
                if kind.id != reference.id
            },
        )


class Noting(Quiet):
    """Keeps what is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def noted(self, what: str) -> None:
        self.notes.append(what)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def seconds_alone(plan: Plan) -> float:
    """What the epochs of a plan take by ``Timed``: every image counts the same."""
    return plan.images * len(plan.segments) / 128


def test_train_seconds_are_what_the_steps_take(tmp_path: Path) -> None:
    space = make_space()
    trials = run_study(tmp_path, space, Timed(), environment=CALIBRATED, trials=6)
    tables = load_study(tmp_path / "s")
    complete = [trial for trial in trials if trial.complete]
    assert len(complete) > 2
    for trial in complete:
        plan = space.plan(trial.recipe)
        assert trial.measures["train_seconds"] == pytest.approx(seconds_alone(plan))
        last = plan.epochs[-1]
        assert trial.run.measured_seconds == last.epoch * (1 + 10 / last.batch_size)
    stored = tables.trials.set_index("trial")
    for trial in complete:
        for name in ("train_seconds", "seconds_to_best", "accuracy"):
            assert stored.loc[trial.number, name] == trial.measures[name]
    assert (tables.curves["train_seconds"] == tables.curves["calibrated_seconds"]).all()
    assert (tables.curves["measured_seconds"] != tables.curves["calibrated_seconds"]).all()
    assert tables.environment["clock"] == "calibrated"
    assert tables.environment["noise_floor"] == pytest.approx(1.96 * 2**0.5 * 0.01)


def test_the_storage_keeps_what_the_stopwatch_said(tmp_path: Path) -> None:
    run_study(tmp_path / "a", make_space(), Timed(), environment=CALIBRATED, trials=4, sampler="grid")
    run_study(tmp_path / "b", make_space(), trials=4, sampler="grid")
    one, other = (open_database(tmp_path / name / "s").get_trials() for name in "ab")
    kept = [[trial.user_attrs for trial in trials] for trials in (one, other)]
    assert kept[0] == kept[1]


def test_no_kind_is_measured_twice(tmp_path: Path) -> None:
    trainer = Timed()
    run_study(tmp_path, make_space(), trainer, environment=CALIBRATED, trials=8)
    asked = [kind.id for wanted in trainer.asked for kind in wanted.kinds]
    assert len(asked) == len(set(asked)) > 3
    again = Timed()
    run_study(tmp_path, make_space(), again, environment=CALIBRATED, trials=10)
    assert not {kind.id for wanted in again.asked for kind in wanted.kinds} & set(asked)


def test_another_study_on_the_machine_measures_what_is_new_alone(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), Timed(), environment=CALIBRATED, trials=4, sampler="grid")
    second = Timed()
    second.seconds = 2.0
    run_study(tmp_path, make_space(), second, name="t", environment=CALIBRATED, trials=4, sampler="grid")
    assert not second.asked
    one, other = (open_database(tmp_path / name).user_attrs["calibration"] for name in "st")
    assert one == other


def test_a_study_is_consistent_in_itself_whatever_the_machine_learns_later(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), Timed(), environment=CALIBRATED, trials=3)
    before = load_study(tmp_path / "s").curves
    users_file().path.unlink()
    slower = Timed()
    slower.seconds = 9.0
    run_study(tmp_path, make_space(), slower, name="t", environment=CALIBRATED, trials=3)
    run_study(tmp_path, make_space(), slower, environment=CALIBRATED, trials=6)
    after = load_study(tmp_path / "s").curves
    assert after[: len(before)].equals(before)
    assert after["train_seconds"].max() < 60, "the reference's seconds are the study's own"


def test_an_interrupted_trial_resumes_by_the_same_clock(tmp_path: Path) -> None:
    class Keeping(Timed):
        """Keeps two epochs of the first trial."""

        def kept(self, plan: Plan, seed: int):
            return tuple(dataclasses.replace(row) for row in self.rows) if self.rows else ()

        rows: tuple = ()

    first = Keeping()
    first.interrupt_at = 1
    with pytest.raises(KeyboardInterrupt):
        run_study(tmp_path, make_space(), first, environment=CALIBRATED, trials=2)
    table = load_study(tmp_path / "s")
    assert table.trials["state"].tolist() == ["interrupted"]
    assert table.environment["clock"] == "calibrated"
    assert (table.curves["train_seconds"] == table.curves["calibrated_seconds"]).all()
    trials = run_study(tmp_path, make_space(), Keeping(), environment=CALIBRATED, trials=2)
    assert [trial.state for trial in trials[:2]] == [Outcome.INTERRUPTED, Outcome.COMPLETE]
    assert trials[1].run.curve[0] == trials[0].run.curve[0]


def test_a_study_of_version_01_stays_measured(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), trials=3)
    trainer = Timed()
    trials = run_study(tmp_path, make_space(), trainer, environment=CALIBRATED, trials=5)
    assert not trainer.asked
    tables = load_study(tmp_path / "s")
    assert "clock" not in tables.environment
    assert tables.trials["calibrated_seconds"].isna().all()
    assert tables.trials["disturbed"].isna().all()
    assert (tables.curves["measured_seconds"] == tables.curves["train_seconds"]).all()
    assert all(trial.run.curve[0].calibrated_seconds is None for trial in trials if trial.run.curve)


def test_a_trainer_that_calibrates_nothing_leaves_the_study_to_the_stopwatch(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), FakeTrainer(), environment=CALIBRATED, trials=3)
    tables = load_study(tmp_path / "s")
    assert tables.environment["clock"] == "measured"
    assert tables.trials["calibrated_seconds"].isna().all()


def test_one_run_that_is_not_calibrated_has_all_timed_by_the_stopwatch_until_it_is(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), FakeTrainer(), environment=CALIBRATED, trials=2)
    trainer = Timed()
    run_study(tmp_path, make_space(), trainer, environment=CALIBRATED, trials=4)
    tables = load_study(tmp_path / "s")
    assert tables.environment["clock"] == "calibrated"
    assert tables.trials.query("state != 'failed'")["calibrated_seconds"].notna().all()


def calibrated(
    folder: Path, trainer: Timed, environment: dict[str, Any] = ENVIRONMENT, **how: Any
) -> Calibration:
    space = make_space(**how.pop("space", {}))
    with opened(folder.parent, folder.name, space, environment) as study:
        return calibrate_study(study, space, trainer, users_file(), lambda kind: None, **how)


def test_a_measured_study_is_calibrated_afterwards(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), trials=5)
    before = load_study(tmp_path / "s")
    known = calibrated(tmp_path / "s", Timed())
    after = load_study(tmp_path / "s")
    assert after.environment["clock"] == "calibrated"
    assert after.environment["noise_floor"] == known.noise_floor
    assert after.trials["measured_seconds"].tolist() == before.trials["measured_seconds"].tolist()
    assert (after.curves["train_seconds"] == after.curves["calibrated_seconds"]).all()
    trainer = Timed()
    run_study(tmp_path, make_space(), trainer, trials=9)
    assert load_study(tmp_path / "s").environment["clock"] == "calibrated"
    assert trainer.asked, "a study that was calibrated goes on so"


def test_a_study_that_asks_for_measured_seconds_keeps_them_beside_calibrated_ones(tmp_path: Path) -> None:
    space = make_space(timing="measured")
    run_study(tmp_path, space, trials=3)
    calibrated(tmp_path / "s", Timed(), space={"timing": "measured"})
    tables = load_study(tmp_path / "s")
    assert tables.environment["clock"] == "measured"
    assert tables.curves["calibrated_seconds"].notna().all()
    assert (tables.curves["measured_seconds"] == tables.curves["train_seconds"]).all()


def test_refreshed_steps_take_the_place_of_the_old_ones(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), Timed(), environment=CALIBRATED, trials=3)
    before = load_study(tmp_path / "s").curves["train_seconds"]
    slower = Timed()
    slower.seconds = 3.0
    calibrated(tmp_path / "s", slower)
    assert not slower.asked
    calibrated(tmp_path / "s", slower, refresh=True)
    assert load_study(tmp_path / "s").curves["train_seconds"].tolist() == pytest.approx((3 * before).tolist())
    third = Timed()
    run_study(tmp_path, make_space(), third, name="t", environment=CALIBRATED, trials=3)
    assert not third.asked
    assert open_database(tmp_path / "t").user_attrs["calibration"]["reference"]["seconds"] == 3.0


def test_a_study_without_an_epoch_has_nothing_to_calibrate(tmp_path: Path) -> None:
    with (
        opened(tmp_path, "s", make_space(), ENVIRONMENT) as study,
        pytest.raises(StudyError, match="no epoch of any trial is trained"),
    ):
        calibrate_study(study, make_space(), Timed(), users_file(), lambda kind: None)


def test_the_tables_of_a_calibrated_study_are_read_as_they_were_written(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), Timed(), environment=CALIBRATED, trials=6)
    tables = load_study(tmp_path / "s")
    published = tmp_path / "published"
    published.mkdir()
    write_tables(tables, published)
    (published / "space.yaml").write_text(make_space().to_yaml())
    again = load_study(published)
    for name in ("trials", "curves", "front"):
        assert getattr(again, name).equals(getattr(tables, name)), name
    assert again.answer == tables.answer


def test_published_tables_of_version_01_are_measured(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), trials=4)
    tables = load_study(tmp_path / "s")
    published = tmp_path / "published"
    published.mkdir()
    write_tables(tables, published)
    for name, columns in (
        ("trials", ["measured_seconds", "calibrated_seconds", "calibration_error", "disturbed"]),
        ("curves", ["measured_seconds", "calibrated_seconds"]),
    ):
        getattr(tables, name).drop(columns=columns).to_csv(published / f"{name}.csv", index=False)
    again = load_study(published)
    assert again.curves["measured_seconds"].tolist() == tables.curves["train_seconds"].tolist()
    assert again.trials["calibrated_seconds"].isna().all()


def test_a_cell_of_a_clock_that_runs_backwards_is_refused(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), Timed(), environment=CALIBRATED, trials=2)
    tables = load_study(tmp_path / "s")
    published = tmp_path / "published"
    published.mkdir()
    write_tables(tables, published)
    tables.curves.assign(calibrated_seconds=-1.0).to_csv(published / "curves.csv", index=False)
    with pytest.raises(StudyError, match=r"calibrated_seconds=-1.0 of epoch 1: a clock runs forwards"):
        load_study(published)


def test_a_damaged_calibration_of_a_study_is_said(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), Timed(), environment=CALIBRATED, trials=2)
    study = open_database(tmp_path / "s")
    study.set_user_attr("calibration", {"reference": 3, "ratios": {}})
    with pytest.raises(StudyError, match="its calibration is damaged: reference: keys are missing"):
        load_study(tmp_path / "s")


def test_a_cache_that_cannot_be_written_is_said_and_the_study_goes_on(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    watcher = Noting()
    run_study(tmp_path, make_space(), Timed(), environment=CALIBRATED, trials=3, watcher=watcher)
    assert "cannot be written (Not a directory)" in watcher.notes[0]
    assert load_study(tmp_path / "s").environment["clock"] == "calibrated"


def test_a_damaged_cache_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    users_file().path.parent.mkdir(parents=True)
    users_file().path.write_text("{")
    trainer = Timed()
    with pytest.raises(StudyError, match="Remove it: what it held is measured again"):
        run_study(tmp_path, make_space(), trainer, environment=CALIBRATED, trials=3)
    assert not trainer.trained
    users_file().path.unlink()
    run_study(tmp_path, make_space(), trainer, environment=CALIBRATED, trials=3)
    assert load_study(tmp_path / "s").environment["clock"] == "calibrated"


def test_a_calibration_that_fails_is_the_trials_fault(tmp_path: Path) -> None:
    class Failing(Timed):
        def calibrate(self, wanted: Wanted) -> Measured:
            if any(kind.batch_size == 32 for kind in wanted.kinds):
                raise RuntimeError("no memory for two")
            return super().calibrate(wanted)

    trials = run_study(tmp_path, make_space(), Failing(), environment=CALIBRATED, trials=6)
    failed = [trial for trial in trials if "no memory for two" in trial.run.reason]
    assert failed
    assert all(trial.state is Outcome.FAILED and not trial.run.curve for trial in failed)
    assert load_study(tmp_path / "s").environment["clock"] == "calibrated"


def test_the_timing_is_part_of_what_makes_studies_comparable(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), trials=2)
    with pytest.raises(StudyError, match="timing differs"):
        run_study(tmp_path, make_space(timing="calibrated"), trials=3)


def test_a_widened_study_keeps_its_calibration(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), Timed(), environment=CALIBRATED, trials=3)
    space = make_space()
    recipe = space.dump()["recipe"]
    recipe["batch_size"][0]["size"]["choices"] = [32, 64, 128]
    wider = make_space(recipe=recipe)
    before = open_database(tmp_path / "s").user_attrs["calibration"]
    trainer = Timed()
    run_study(tmp_path, wider, trainer, environment=CALIBRATED, trials=4, widen=True)
    after = open_database(tmp_path / "s").user_attrs["calibration"]
    assert after["reference"] == before["reference"]
    assert before["ratios"].items() <= after["ratios"].items()
