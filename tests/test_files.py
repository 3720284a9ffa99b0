"""YAML is read as 1.2's core schema has it, within bounds of memory and time; files are whole or not there."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import pytest

from dse.errors import SpaceError
from dse.files import LARGEST_TEXT, read_yaml, remove_unfinished, write_atomically


def read(folder: Path, text: str) -> Any:
    path = folder / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path, SpaceError)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10), ("0o10", 8), ("0x1F", 31), ("-7", -7), ("+7", 7), ("1_000", "1_000"), ("0b11", "0b11"),
        ("1:30", "1:30"), ("190:20:30", "190:20:30"), ("2024-01-02", "2024-01-02"), ("=", "="),
        ("1e-3", 0.001), ("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-.inf", -math.inf), ("6.02E+23", 6.02e23),
        ("on", "on"), ("yes", "yes"), ("true", True), ("FALSE", False), ("~", None), ("null", None), ("", None),
        ("!!str 010", "010"), ("!!int 010", 10), ("!!float 1", 1.0), ("'1'", "1"),
    ],
)  # fmt: skip
def test_words_mean_what_yaml_1_2_says(text: str, value: object, tmp_path: Path) -> None:
    found = read(tmp_path, f"[{text}]")[0] if text else read(tmp_path, "a:")["a"]
    assert found == value
    assert type(found) is type(value)


def test_anchors_and_aliases(tmp_path: Path) -> None:
    assert read(tmp_path, "a: &x {b: 1, c: 2}\nd: *x\n<<: 3") == {
        "a": {"b": 1, "c": 2},
        "d": {"b": 1, "c": 2},
        "<<": 3,
    }


def bomb(levels: int, of: str) -> str:
    lines = [f"l0: &l0 {of}"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


REFUSED = {
    "alias bomb": (bomb(20, "lol"), "its aliases stand for more than fits"),
    "aliases of a long text": (f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 100)}]", "aliases stand for more"),
    "recursive": ("a: &a [*a]", "an alias stands in what it stands for"),
    "deep lists": ("[" * 2000 + "]" * 2000, "nested deeper than 50 levels"),
    "deep groups": ("{a: " * 2000 + "}" * 2000, "nested deeper than 50 levels"),
    "bool": ("a: !!bool maybe", "'maybe' is no bool of YAML 1.2"),
    "int": ("a: !!int ''", "'' is no int of YAML 1.2"),
    "float": ("a: !!float x", "'x' is no float of YAML 1.2"),
    "int of many digits": ("a: " + "9" * 10_000, "is no int of YAML 1.2"),
    "date": ("a: !!timestamp 2024-13-41", "could not determine a constructor"),
    "binary": ("a: !!binary '=='", "could not determine a constructor"),
    "set": ("a: !!set {b}", "could not determine a constructor"),
    "Python": ("a: !!python/object/apply:os.system [true]", "could not determine a constructor"),
    "group as a key": ("? {a: 1}\n: 2", "found unhashable key"),
    "key twice": ("a: 1\na: 2", "the key 'a' stands here twice"),
    "long key twice": (f"{'k' * 1000}: 1\n{'k' * 1000}: 2", r"the key 'kkk.*\.\.\. stands here twice"),
    "two documents": ("a: 1\n---\nb: 2", "expected a single document"),
    "control characters": ("a: \x00", "special characters are not allowed"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_yaml_of_ours(case: str, tmp_path: Path) -> None:
    text, message = REFUSED[case]
    begin = time.monotonic()
    with pytest.raises(SpaceError, match=f"(?s)file.yaml: is not valid YAML: .*{message}") as raised:
        read(tmp_path, text)
    assert len(str(raised.value)) < 800
    assert time.monotonic() - begin < 5


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: \xff")
    with pytest.raises(SpaceError, match="a.yaml: is no UTF-8 text .invalid start byte at byte 3"):
        read_yaml(tmp_path / "a.yaml", SpaceError)
    with pytest.raises(SpaceError, match=f"/dev/zero: has more than {LARGEST_TEXT:,} bytes"):
        read_yaml(Path("/dev/zero"), SpaceError)
    with pytest.raises(SpaceError, match="cannot be read .Is a directory"):
        read_yaml(tmp_path, SpaceError)


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "x", "before")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "x", "after")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "before"


def test_what_a_killed_process_left_half_written_is_removed_in_the_end(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    old = [tmp_path / ".report.html.7.unfinished", tmp_path / "figures" / ".front.png.7.unfinished"]
    kept = [tmp_path / ".report.html.8.unfinished", tmp_path / "mine.unfinished", tmp_path / ".mine"]
    for path in (*old, *kept):
        path.touch()
    for path in (*old, kept[1]):
        os.utime(path, (0, 0))
    remove_unfinished(tmp_path)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in kept)
