"""A published folder is somebody else's: every cell is checked when it is read, and the error says which is wrong."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pandas as pd
import pytest

from dse.errors import StudyError
from dse.files import write_yaml
from dse.record.tables import write_tables
from dse.study.load import load_study
from tests.fakes import make_space, small_study

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tables = small_study()
    write_tables(tables, tmp_path)
    return tmp_path


def spoil(folder: Path, file: str, column: str, value: str, row: int = 0) -> None:
    frame = pd.read_csv(folder / file, dtype="str", keep_default_na=False)
    frame.loc[row, column] = value
    frame.to_csv(folder / file, index=False)


CELLS = [
    ("trials.csv", "trial", "x", "trial x cannot be read .trial='x' is no number"),
    ("trials.csv", "trial", "-1", "number=-1 is no whole number from 0 up"),
    ("trials.csv", "trial", "1", "trial 1 stands there twice"),
    ("trials.csv", "trial", "99", "curves.csv: trial 0 is not in trials.csv"),
    ("trials.csv", "seed", "", "seed='' is no number"),
    ("trials.csv", "seed", "1.5", "seed='1.5' is no whole number"),
    ("trials.csv", "attempt", "0", "attempt=0 is no whole number from 1 up"),
    ("trials.csv", "state", "fine", "'fine' is not a valid Outcome"),
    ("trials.csv", "recipe", "{", "trial 0 cannot be read .Expecting"),
    ("trials.csv", "recipe", "[" * 100_000, "trial 0 cannot be read"),
    ("trials.csv", "recipe", '{"epochs": NaN}', "trial 0: epochs=nan"),
    ("trials.csv", "recipe", '{"epochs": 1}', "epoch 2 stands where 1 of 1 is expected"),
    ("trials.csv", "train_seconds", "soon", "train_seconds='soon' is no number"),
    ("trials.csv", "accuracy", "inf", "accuracy=inf is no finite number"),
    ("trials.csv", "parameters", "1e400", "parameters=inf is no finite number"),
    ("trials.csv", "setup_seconds", "x", "setup_seconds='x' is no number"),
    ("curves.csv", "trial", "77", "epoch 2 stands where 1 of 5"),
    ("curves.csv", "trial", "", "trial , epoch 1: trial='' is no number"),
    ("curves.csv", "epoch", "2", "epoch 2 stands where 1 of 5 is expected"),
    ("curves.csv", "epoch", "1.5", "epoch='1.5' is no whole number"),
    ("curves.csv", "batch_size", "0", "batch_size=0 of epoch 1 is no whole number from 1 up"),
    ("curves.csv", "train_seconds", "0", "train_seconds=0.0 of epoch 1: a clock runs forwards"),
    ("curves.csv", "train_seconds", "-3", "a clock runs forwards"),
    ("curves.csv", "train_seconds", "25", "train_seconds=20.0 of epoch 2 is not after 25.0"),
    ("curves.csv", "train_seconds", "text", "train_seconds='text' is no number"),
    (
        "curves.csv",
        "validation_accuracy",
        "1.01",
        "validation_accuracy=1.01 of epoch 1 is no share from 0 to 1",
    ),
    ("curves.csv", "test_accuracy", "nan", "test_accuracy=nan is no finite number"),
    ("curves.csv", "test_accuracy", "", "test_accuracy=None of epoch 1 is no share"),
    ("curves.csv", "loss", "", "loss=None of epoch 1 is no finite number"),
]


@pytest.mark.parametrize(("file", "column", "value", "message"), CELLS)
def test_a_cell_that_is_wrong_is_named(
    file: str, column: str, value: str, message: str, folder: Path
) -> None:
    spoil(folder, file, column, value)
    with pytest.raises(Exception, match=message) as raised:
        load_study(folder)
    assert type(raised.value).__module__ == "dse.errors"
    assert len(str(raised.value)) < 1_500


@pytest.mark.parametrize("file", ["trials.csv", "curves.csv"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 100, b"\xff\xfe\n", b"a\n1,2\n3,4,5\n", b'"\n', b"trial\n0\n"]
)
def test_a_file_that_is_no_table_of_ours(file: str, content: bytes, folder: Path) -> None:
    (folder / file).write_bytes(content)
    with pytest.raises(StudyError, match=f"{file}: (cannot be read|lacks the column)"):
        load_study(folder)


@pytest.mark.parametrize("column", ["trial", "seed", "state", "recipe", "accuracy", "label"])
def test_a_column_that_is_missing_is_named(column: str, folder: Path) -> None:
    frame = pd.read_csv(folder / "trials.csv", dtype="str")
    frame.drop(columns=column).to_csv(folder / "trials.csv", index=False)
    with pytest.raises(StudyError, match=f"trials.csv: lacks the column {column}"):
        load_study(folder)


def test_two_baselines(folder: Path) -> None:
    frame = pd.read_csv(folder / "trials.csv", dtype="str", keep_default_na=False)
    frame["is_baseline"] = "True"
    frame.to_csv(folder / "trials.csv", index=False)
    with pytest.raises(StudyError, match="is_baseline names . recipes, but there is one"):
        load_study(folder)


def test_a_published_space_has_no_other_files_read(folder: Path) -> None:
    (folder / "elsewhere.npz").write_bytes(b"not to be read")
    space = make_space().dump() | {"data": {"path": str(folder / "elsewhere.npz")}}
    (folder / "space.yaml").write_text(write_yaml(space))
    data = load_study(folder).space["data"]
    assert (data["path"], data["counts"]) == (str(folder / "elsewhere.npz"), None)


@pytest.mark.parametrize("content", ["[1]", "{", '{"versions": [1]}', '{"device": {"a": 1}}', "[" * 100_000])
def test_an_environment_that_is_none(content: str, folder: Path) -> None:
    (folder / "environment.json").write_text(content)
    with pytest.raises(StudyError, match="environment.json: cannot be read"):
        load_study(folder)


def test_a_folder_of_version_0_1_has_no_attempts(folder: Path) -> None:
    before = load_study(folder).trials
    frame = pd.read_csv(folder / "trials.csv", dtype="str", keep_default_na=False)
    frame.drop(columns="attempt").to_csv(folder / "trials.csv", index=False)
    pd.testing.assert_frame_equal(load_study(folder).trials, before)


def test_columns_of_somebody_elses_are_left_alone(folder: Path) -> None:
    before, begin = load_study(folder).trials, time.monotonic()
    head, rest = (folder / "trials.csv").read_text().split("\n", 1)
    (folder / "trials.csv").write_text(f"{head}{',' * 100_000}\n{rest}")
    pd.testing.assert_frame_equal(load_study(folder).trials, before)
    assert time.monotonic() - begin < 10, "it took 50 s for three times as many"


def test_front_csv_is_made_again_and_never_trusted(folder: Path) -> None:
    before = load_study(folder).front
    (folder / "front.csv").write_text("trial,epoch\n99,1\n")
    pd.testing.assert_frame_equal(load_study(folder).front, before)
    assert json.loads((folder / "environment.json").read_text())


def test_the_published_start_of_shared_matrices_is_what_the_findings_say() -> None:
    tables = load_study(ROOT / "results" / "per-type-start")
    first = tables.curves[tables.curves["epoch"] == 1].set_index("trial")["validation_accuracy"]
    start = tables.trials.set_index("trial")["initialisation.class_matrices"].astype(str)
    assert first[start == "balanced"].min() > 0.91
    assert (first[start == "1.0"] < 0.13).sum() == 5
