"""Finding and reading files, on data sets of 20 and 10 images of 3x4 pixels."""

from __future__ import annotations

import gzip
import hashlib
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torchvision

from dse.data import files
from dse.data import images as data
from dse.data.datasets import DATASETS, Dataset, ImageShape
from dse.data.files import IDX_FILES, fetch_files, find_files
from dse.data.idx import read_idx
from dse.errors import DataError

MNIST = DATASETS["mnist"]
SHAPES = ((20, 3, 4), (20,), (10, 3, 4), (10,))


def idx(array: np.ndarray) -> bytes:
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write(folder: Path, compressed: bool = False, leave_out: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, shape in zip(IDX_FILES, SHAPES, strict=True):
        array = np.arange(np.prod(shape)).reshape(shape) % (10 if len(shape) == 1 else 256)
        content = idx(array)
        if name != leave_out:
            path = folder / (f"{name}.gz" if compressed else name)
            path.write_bytes(gzip.compress(content) if compressed else content)
    return folder


@pytest.fixture
def mini() -> Dataset:
    return Dataset("mnist", ImageShape(1, 3, 4, 10), 20, 10, 10, "MNIST", "a few images")


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("inner", ["MNIST/raw", "mnist/MNIST/raw", "mnist", "."])
def test_files_are_found_and_read(tmp_path, mini, inner, compressed):
    write(tmp_path / inner, compressed)
    assert [path.name.removesuffix(".gz") for path in find_files(MNIST, tmp_path)] == list(IDX_FILES)
    (train_pixels, train_labels), (test_pixels, test_labels) = data.read_parts(mini, tmp_path)
    assert train_pixels.shape == (20, 1, 3, 4)
    assert train_pixels.ravel().tolist() == list(range(240))
    assert train_labels.tolist() == [*range(10), *range(10)]
    assert test_pixels.shape == (10, 1, 3, 4)
    assert test_labels.dtype == np.int64


def test_plain_and_compressed_files_may_be_mixed(tmp_path, mini):
    write(tmp_path, compressed=True, leave_out=IDX_FILES[1])
    (tmp_path / IDX_FILES[1]).write_bytes(idx(np.zeros(20)))
    assert data.read_parts(mini, tmp_path)[0][1].tolist() == [0] * 20


def test_files_of_another_data_set_do_not_pass_for_this(tmp_path):
    folder = write(tmp_path / "mnist")
    assert find_files(MNIST, folder)
    assert not find_files(DATASETS["kmnist"], folder)
    assert not find_files(DATASETS["kmnist"], tmp_path)


def test_built_in_data_need_no_files(tmp_path):
    assert fetch_files(DATASETS["digits"], tmp_path) == ()


@pytest.mark.parametrize("missing", IDX_FILES)
def test_a_missing_file_is_named(tmp_path, missing):
    write(tmp_path / "mnist", leave_out=missing)
    assert not find_files(MNIST, tmp_path)
    with pytest.raises(
        DataError, match=rf"{tmp_path}/mnist: mnist needs 4 files, and {missing} is missing. Add"
    ):
        fetch_files(MNIST, tmp_path)


def refuse_download(*args: object, **options: object) -> None:
    raise RuntimeError("Error downloading x:\nTried y, got:\n<urlopen error offline>\n")


@pytest.mark.parametrize(("name", "kind"), [("mnist", "MNIST"), ("kmnist", "KMNIST"), ("cifar10", "CIFAR10")])
def test_without_files_and_network_the_error_says_what_to_do(tmp_path, monkeypatch, name, kind):
    monkeypatch.setattr(torchvision.datasets, kind, refuse_download)
    with pytest.raises(DataError) as raised:
        fetch_files(DATASETS[name], tmp_path)
    text = str(raised.value)
    assert str(tmp_path / DATASETS[name].folder) in text
    assert "<urlopen error offline>" in text
    assert all(wanted in text for wanted in files.wanted_names(DATASETS[name]))
    assert "--data-dir" in text
    assert "digits" in text


def test_a_download_is_found_and_keeps_standard_output_clean(tmp_path, monkeypatch, capsys):
    def download(root: Path, download: bool) -> None:
        print("Downloading")  # noqa: T201 (as torchvision does)
        write(root / "MNIST" / "raw")

    monkeypatch.setattr(torchvision.datasets, "MNIST", download)
    assert len(fetch_files(MNIST, tmp_path)) == 4
    assert capsys.readouterr() == ("", "Downloading\n")


SOUND = idx(np.zeros((20, 3, 4)))


@pytest.mark.parametrize(
    ("content", "compressed", "message"),
    [
        (SOUND[:-1], False, "expected 256 bytes unzipped, found 255: the file is cut short"),
        (SOUND + b"x", False, "expected 256 bytes unzipped, found 257: the file is too long"),
        (SOUND[:9], False, "expected a header of 16 bytes, found 9: the file is cut short"),
        (b"", False, "begins with 00 00 08 03, found nothing"),
        (idx(np.zeros(20)), False, "begins with 00 00 08 03, found 00 00 08 01"),
        (gzip.compress(SOUND, mtime=0), False, "begins with 00 00 08 03, found 1f 8b 08"),
        (idx(np.zeros((19, 3, 4))), False, "expected 20x3x4, found 19x3x4"),
        (idx(np.zeros((20, 4, 3))), False, "expected 20x3x4, found 20x4x3"),
        (gzip.compress(SOUND, mtime=0)[:-12], True, "expected a sound gzip file, found a cut or corrupt one"),
        (
            gzip.compress(SOUND, mtime=0)[:-8] + b"\0" * 8,
            True,
            "expected a sound gzip file, found a cut or corrupt one",
        ),
        (b"<html>not found</html>", True, "expected a sound gzip file, found a cut or corrupt one"),
        (gzip.compress(SOUND[:-1], mtime=0), True, "expected 256 bytes unzipped, found 255"),
    ],
    # Bytes make no names.
    ids=lambda value: "" if isinstance(value, bytes) else str(value),
)
def test_an_unsound_file_is_named_with_what_is_wrong(tmp_path, content, compressed, message):
    path = tmp_path / ("images.gz" if compressed else "images")
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{message}.*Replace the file") as raised:
        read_idx(path, (20, 3, 4))
    assert raised.value.exit_code == 2


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read \\(Is a directory\\)"):
        read_idx(tmp_path, (20,))


def test_a_label_out_of_range_is_named(tmp_path, mini):
    write(tmp_path)
    (tmp_path / IDX_FILES[1]).write_bytes(idx(np.array([*range(10), 17, *range(9)])))
    with pytest.raises(DataError, match=f"{IDX_FILES[1]}: image 10 has label 17, but labels run from 0 to 9"):
        data.read_parts(mini, tmp_path)


def test_cifar10_comes_through_torchvision_with_its_checksums(tmp_path, monkeypatch):
    folder = tmp_path / "cifar10" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name in files.CIFAR10_FILES:
        (folder / name).write_bytes(b"not CIFAR-10")
    cifar10 = DATASETS["cifar10"]
    for data_dir in (tmp_path, tmp_path / "cifar10", folder):
        assert len(find_files(cifar10, data_dir)) == 7
    with pytest.raises(DataError, match=f"{folder}: a file does not have CIFAR-10's checksum"):
        data.read_parts(cifar10, tmp_path)

    class Cifar10:
        def __init__(self, root: Path, train: bool) -> None:
            assert root == folder.parent
            self.data = np.arange(2 * 32 * 32 * 3).astype(np.uint8).reshape(2, 32, 32, 3)
            self.targets = [3, 9] if train else [1, 2]

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", Cifar10)
    (pixels, labels), (_, test_labels) = data.read_parts(cifar10, tmp_path)
    assert pixels.shape == (2, 3, 32, 32)
    assert pixels[0, :, 0, 1].tolist() == [3, 4, 5]  # channels first
    assert labels.tolist() == [3, 9]
    assert test_labels.tolist() == [1, 2]


def test_real_mnist_is_read_byte_for_byte(mnist_folder):
    expected = {  # MD5 of the unzipped files, with their headers
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    }
    shapes = ((60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,))
    for path, shape in zip(find_files(MNIST, mnist_folder), shapes, strict=True):
        digest = hashlib.md5(idx(read_idx(path, shape))).hexdigest()
        assert digest == expected[path.name.removesuffix(".gz")]


def test_a_small_file_that_unzips_to_gigabytes_is_not_unzipped(tmp_path: Path) -> None:
    sound = idx(np.zeros((20, 3, 4)))
    (tmp_path / "a.gz").write_bytes(gzip.compress(sound + bytes(50_000_000)))
    (tmp_path / "b.gz").write_bytes(
        gzip.compress(idx(np.zeros((0, 0, 0)))[:4] + bytes.fromhex("0000ffff" * 3))
    )
    tracemalloc.start()
    with pytest.raises(DataError, match="expected 256 bytes unzipped, found 257: the file is too long"):
        read_idx(tmp_path / "a.gz", (20, 3, 4))
    with pytest.raises(DataError, match="claims to hold 281,462,092,005,375, more than 100 times as many"):
        read_idx(tmp_path / "b.gz", (None, None, None))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6


def test_no_images_of_any_size_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(b"\x00\x00\x08\x03" + b"\x00" * 4 + b"\xff" * 8)
    with pytest.raises(DataError, match="at least one of everything"):
        read_idx(path, (None, None, None))
