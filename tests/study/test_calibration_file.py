"""The user's file of calibrations: written whole, shared by processes, refused if it is damaged."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from dse.errors import StudyError
from dse.record.calibration import Calibration, Ratio, Reference
from dse.study.calibration_file import CalibrationFile, machine_key, users_file

REFERENCE = Reference("r", "baseline", 1.0, 0.01, 9)


def known(**values: float) -> Calibration:
    return Calibration(REFERENCE, {name: Ratio(name, value, 0.01, 9) for name, value in values.items()})


def test_what_was_kept_is_read_by_machine_and_reference(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path / "new" / "calibration.json")
    assert file.read("here", "r") is None
    file.keep("here", known(a=2.0))
    file.keep("there", known(a=3.0))
    assert file.read("here", "r") == known(a=2.0)
    assert file.read("there", "r") == known(a=3.0)
    assert file.read("here", "another") is None


def test_what_is_known_stays_unless_it_is_measured_afresh(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path / "c.json")
    file.keep("here", known(a=2.0))
    file.keep("here", known(a=5.0, b=1.0))
    assert file.read("here", "r") == known(a=2.0, b=1.0)
    file.keep("here", known(a=5.0), afresh=True)
    assert file.read("here", "r") == known(a=5.0, b=1.0)


def test_networks_of_the_users_own_are_left_out(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path / "c.json")
    file.keep("here", Calibration(REFERENCE, {"own": Ratio("own", 2.0, 0.01, 9, lasts=False)}))
    assert file.read("here", "r") == known()


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path / "c.json")
    names = [f"kind{i}" for i in range(12)]
    writers = [threading.Thread(target=file.keep, args=("here", known(**{name: 1.0}))) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = file.read("here", "r")
    assert found is not None
    assert set(found.ratios) == set(names)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "its format is not 1"),
        ('{"format": 2, "machines": {}}', "its format is not 1"),
        ('{"format": 1, "machines": {"here": 3}}', "it lists no machines"),
        ('{"format": 1, "machines": {"here": {"r": {"ratios": {}}}}}', "reference: keys are missing"),
        ("\udcff", "is no UTF-8 text"),
        ("[" * 100_000, "cannot be read"),
    ],
    ids=["cut short", "a list", "newer", "no machines", "no reference", "bytes", "deep"],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, content: str, said: str) -> None:
    file = CalibrationFile(tmp_path / "c.json")
    file.path.write_bytes(content.encode("utf-8", "surrogateescape"))
    before = file.path.read_bytes()
    with pytest.raises(StudyError, match=rf"c\.json: .*{said}"):
        file.read("here", "r")
    with pytest.raises(StudyError, match=said):
        file.keep("here", known(a=1.0))
    assert file.path.read_bytes() == before


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "dse").write_text("no folder")
    file = CalibrationFile(tmp_path / "dse" / "c.json")
    with pytest.raises(StudyError, match="cannot be written .* or set XDG_CACHE_HOME to another folder"):
        file.keep("here", known())


def test_the_file_is_where_the_specification_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert users_file().path == tmp_path / "dse" / "calibration.json"
    for ignored in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert users_file().path == Path.home() / ".cache" / "dse" / "calibration.json"


def test_another_machine_or_code_has_a_key_of_its_own() -> None:
    here = {"device": "x, 1 thread", "threads": 1, "commit": "abc", "versions": {"torch": "2.14"}}
    keys = {machine_key(here | change) for change in (
        {}, {"threads": 2}, {"commit": "abd"}, {"commit": "abc+"}, {"versions": {"torch": "2.15"}}, {"engine": "fast"},
    )}  # fmt: skip
    assert len(keys) == 6
    assert machine_key(here) == machine_key(
        here | {"workers": 2, "platform": "other", "data_fingerprint": "f"}
    )


def test_it_is_a_file_that_people_can_read(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path / "c.json")
    file.keep("here", known(a=2.0))
    content = json.loads(file.path.read_text())
    assert content["machines"]["here"]["r"]["ratios"]["a"]["value"] == 2.0
    assert stat.S_ISREG(os.stat(file.path).st_mode)
