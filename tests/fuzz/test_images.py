"""Idx and npz files that are spoilt in any way give images, or an error that says what is wrong with them."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.data.files import IDX_FILES
from dse.data.own.source import OwnSource
from tests.data.test_files import idx
from tests.fuzz.limits import check_door, fuzzed
from tests.fuzz.mutations import spoilt_bytes
from tests.small import own_arrays

SOUND = own_arrays()
WRITTEN = dict(zip(IDX_FILES, (idx(array) for array in SOUND.values()), strict=True))
SIZES = st.one_of(st.integers(0, 40), st.sampled_from([255, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1]))


@st.composite
def idx_files(draw: st.DrawFn) -> bytes:
    """A header that says anything, and a content of the length that it says, or of another."""
    sizes = draw(st.lists(SIZES, max_size=4))
    kind = draw(st.sampled_from([0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E, 0, 255]))
    count = draw(st.sampled_from([len(sizes), len(sizes), 0, 1, 3, 255]))
    length = draw(st.one_of(st.just(min(int(np.prod(sizes, dtype=object)), 10_000)), st.integers(0, 100)))
    return bytes([0, 0, kind, count]) + struct.pack(f">{len(sizes)}I", *sizes) + bytes(length)


@st.composite
def zipped(draw: st.DrawFn, content: bytes) -> bytes:
    """A sound gzip file, several in a row, a spoilt one, or one that holds far more than it seems."""
    match draw(st.sampled_from(["sound", "twice", "spoilt", "bomb"])):
        case "twice":
            return gzip.compress(content[:50], mtime=0) + gzip.compress(content[50:], mtime=0)
        case "spoilt":
            return draw(spoilt_bytes(gzip.compress(content, mtime=0)))
        case "bomb":
            return gzip.compress(content + bytes(20_000_000), 1, mtime=0)
    return gzip.compress(content, mtime=0)


@st.composite
def idx_folders(draw: st.DrawFn) -> dict[str, bytes]:
    files = dict(WRITTEN)
    for name in draw(st.lists(st.sampled_from(IDX_FILES), min_size=1, max_size=2, unique=True)):
        content = draw(
            st.one_of(
                st.just(files[name]),
                spoilt_bytes(files[name]),
                idx_files(),
                st.sampled_from([*WRITTEN.values()]),
            )
        )
        del files[name]
        if draw(st.booleans()):
            files[f"{name}.gz"] = draw(zipped(content))
        else:
            files[name] = content
    return files


@fuzzed()
@given(files=idx_folders(), share=st.sampled_from([None, None, 0.2]))
def test_a_folder_of_idx_files(
    files: dict[str, bytes], share: float | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "idx"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    check_images(folder, share)


def check_images(path: Path, share: float | None) -> None:
    source = OwnSource(path, test_share=share)

    def read() -> None:
        facts = source.facts()
        (pixels, labels), (tested, test_labels) = source.read(facts)
        assert len(pixels) == len(labels) == facts.train_images
        assert len(tested) == len(test_labels) == facts.test_images
        assert pixels.dtype == tested.dtype == np.uint8
        assert pixels.shape[1:] == (facts.shape.channels, facts.shape.height, facts.shape.width)

    check_door(read, path)


DTYPES = ("u1", "i1", "<u2", ">u2", "<i4", "<i8", ">i8", "<u8", "<f2", "<f4", "<f8", "<c16", "?", "S3", "<U3", "V4",
          "<M8[s]", "<m8[D]", "O", [("a", "u1"), ("b", "<f4")], [("a", "O")])  # fmt: skip
SHAPES = ((), (0,), (30,), (9,), (30, 1), (30, 9), (30, 9, 8), (9, 9, 8), (30, 0, 8), (30, 9, 8, 1), (30, 9, 8, 3),
          (30, 3, 9, 8), (30, 1, 1, 1), (30, 3, 3, 3), (0, 9, 8), (30, 9, 8, 2, 1), (1,) * 30)  # fmt: skip


class _Harm:
    """What a pickle may do when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was read",))


@st.composite
def npy_files(draw: st.DrawFn) -> bytes:
    """An array of any kind, spoilt or not, or a header that promises another."""
    kind, shape = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(SHAPES))
    written = io.BytesIO()
    array = np.zeros(shape, np.dtype(kind))
    if array.dtype == object:
        array = np.full(shape, _Harm(), object)
    if draw(st.booleans()):
        array = np.asfortranarray(array)
    if not array.dtype.hasobject and draw(st.booleans()):
        array = draw(st.sampled_from(list(SOUND.values()))).astype(array.dtype, casting="unsafe")
    np.lib.format.write_array(written, array, allow_pickle=True)
    content = written.getvalue()
    match draw(st.sampled_from(["sound", "spoilt", "header", "pickle", "other"])):
        case "spoilt":
            return draw(spoilt_bytes(content))
        case "header":
            return _header(draw, content[-200:])
        case "pickle":
            return pickle.dumps(_Harm())
        case "other":
            return draw(
                st.sampled_from([b"", b"x", b"\x93NUMPY", b"\x93NUMPY\x09\x00\xff\xff", b"PK\x03\x04"])
            )
    return content


def _header(draw: st.DrawFn, content: bytes) -> bytes:
    sizes = draw(st.lists(st.one_of(SIZES, st.sampled_from([-1, 2**40, 2**63, 10**30])), max_size=4))
    kind = draw(
        st.sampled_from(["|u1", "<i8", "|O", "<U1000000000", "|V2147483647", "x", "<f8,<f8", "m8[s]"])
    )
    shape = draw(
        st.sampled_from([repr(tuple(sizes)), "(1.5,)", "None", "(" * 90 + ")" * 90, "('a',)", "9" * 5_000])
    )
    about = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", min(len(about), 65_535)) + about + content


NAMES = st.sampled_from(
    [*(f"{name}.npy" for name in SOUND), *SOUND, "../x.npy", "/etc/x.npy", "é.npy", "x" * 300, ""]
)


@st.composite
def npz_files(draw: st.DrawFn) -> bytes:
    parts = {f"{name}.npy": _npy(array) for name, array in SOUND.items()}
    for name in draw(st.lists(st.sampled_from([*parts]), max_size=2, unique=True)):
        if draw(st.booleans()):
            parts[name] = draw(npy_files())
        else:
            parts.pop(name)
    written = io.BytesIO()
    method = draw(
        st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    )
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
            content = draw(st.one_of(npy_files(), st.just(bytes(20_000_000))))
            archive.writestr(zipfile.ZipInfo(draw(NAMES)), content, zipfile.ZIP_DEFLATED)
    content = written.getvalue()
    return draw(st.one_of(st.just(content), spoilt_bytes(content)))


def _npy(array: np.ndarray) -> bytes:
    written = io.BytesIO()
    np.save(written, array)
    return written.getvalue()


@fuzzed()
@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(content=npz_files(), share=st.sampled_from([None, None, 0.2]))
def test_a_file_of_arrays(
    content: bytes, share: float | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "images.npz"
    path.write_bytes(content)
    check_images(path, share)
