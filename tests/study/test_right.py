"""Which images were right is recorded with every epoch, and goes wherever the study goes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from dse.api import write_views
from dse.errors import StudyError
from dse.record.epoch import parse_rows
from dse.record.right import RightImages
from dse.record.tables import StudyTables
from dse.space.load import parse_space
from dse.study.database import open_database
from dse.study.load import load_study
from dse.study.storage import opened
from tests.study.test_resumed import CONTENT, Interrupting, explore


def right_in(tables: StudyTables) -> RightImages:
    return tables.right(tables.trials["trial"].tolist())


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("right") / "study"
    explore(folder)
    write_views(folder)
    return folder


@pytest.fixture
def published(study: Path, tmp_path: Path) -> Path:
    shutil.copytree(study, tmp_path / "study")
    (tmp_path / "study" / "study.db").unlink()
    return tmp_path / "study"


def test_the_images_of_every_epoch_make_its_accuracies(study: Path) -> None:
    tables = load_study(study)
    right = right_in(tables)
    assert len(right) == len(tables.curves) == 8
    for row in tables.curves.itertuples():
        right[row.trial, row.epoch].check(row.validation_accuracy, row.test_accuracy)
    assert {number for number, _ in tables.right([1])} == {1}


def test_reading_a_study_leaves_them_in_the_storage(study: Path) -> None:
    (trial, _) = open_database(study).get_trials()
    assert "right" not in trial.user_attrs["epoch 1"]
    assert all(row.right is None for row in parse_rows([trial.user_attrs["epoch 1"]]))


def test_a_run_that_resumes_has_the_images_of_its_first_epochs_too(study: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        explore(tmp_path / "study", Interrupting(0, 2))
    tables = explore(tmp_path / "study")
    (again,) = tables.trials.query("resumed_epochs == 2")["trial"]
    resumed, undisturbed = right_in(tables), right_in(load_study(study))
    assert [resumed[again, epoch] for epoch in range(1, 5)] == [
        undisturbed[0, epoch] for epoch in range(1, 5)
    ]


def test_a_widened_study_keeps_them(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "study")
    before = load_study(tmp_path / "study")
    wider = CONTENT["recipe"] | {
        "learning_rate": {"policy": "fixed", "base_rate": {"choices": [0.001, 0.003, 0.01]}}
    }
    space = parse_space(CONTENT | {"recipe": wider}, "test")
    kept = right_in(before)
    with opened(tmp_path, "study", space, before.environment, widen=True):
        pass
    after = load_study(tmp_path / "study")
    assert after.space == space.dump()
    assert right_in(after) == kept


def test_a_published_study_has_them_in_a_file(study: Path, published: Path) -> None:
    assert right_in(load_study(published)) == right_in(load_study(study))


def test_a_study_without_them_is_read_all_the_same(published: Path) -> None:
    (published / "right.npz").unlink()
    assert right_in(load_study(published)) == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda file: {"test": file["test"] ^ 1}, "of the images"),
        (lambda file: {"trial": file["trial"] + 9}, "trial 9, epoch 1 is not in curves.csv"),
        (lambda file: {"epoch": file["epoch"] * 0 + 1}, "stands there twice"),
        (lambda file: {"images": file["images"] * 2}, "validation is uint8 of"),
        (lambda file: {"trial": file["trial"].astype(float)}, "trial is float64"),
        (lambda file: {"trial": file["trial"].astype(object)}, "allow_pickle=False"),
    ],
)
def test_a_file_that_does_not_fit_the_tables_is_refused(change, says: str, published: Path) -> None:
    with np.load(published / "right.npz") as file:
        arrays = dict(file)
    np.savez(published / "right.npz", **arrays | change(arrays))
    with pytest.raises(StudyError, match=rf"right\.npz: cannot be used \(.*{says}.*Publish it together"):
        load_study(published)


def test_what_is_no_file_of_numpy_is_refused(published: Path) -> None:
    (published / "right.npz").write_bytes(b"junk")
    with pytest.raises(StudyError, match=r"right\.npz: cannot be used"):
        load_study(published)
