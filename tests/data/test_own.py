"""The user's own images: what is read, what is counted, and every kind of bad input."""

from __future__ import annotations

import gzip
import pickle
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dse.data.choice import DataChoice, DataSection, named_data
from dse.data.datasets import ImageShape, Split
from dse.data.files import IDX_FILES
from dse.data.images import load_images
from dse.errors import DataError, RecipeError
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.record.noise import known_data
from tests.data.test_files import idx
from tests.small import NOWHERE, OwnArrays, own_arrays, save_folder


@pytest.fixture
def arrays() -> OwnArrays:
    return own_arrays()


@pytest.fixture
def folder(tmp_path: Path, arrays: OwnArrays) -> Path:
    return save_folder(tmp_path / "mine", arrays)


@pytest.fixture
def npz(tmp_path: Path, arrays: OwnArrays) -> Path:
    np.savez_compressed(tmp_path / "mine.npz", **arrays)
    return tmp_path / "mine.npz"


@pytest.fixture
def idx_folder(tmp_path: Path, arrays: OwnArrays) -> Path:
    (tmp_path / "idx").mkdir()
    for name, array in zip(IDX_FILES, arrays.values(), strict=True):
        (tmp_path / "idx" / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    return tmp_path / "idx"


@pytest.mark.parametrize("kind", ["folder", "npz", "idx_folder"])
def test_facts_are_read_and_all_kinds_hold_the_same_images(
    request: pytest.FixtureRequest, kind: str, npz: Path
) -> None:
    path = request.getfixturevalue(kind)
    data = DataChoice(path=str(path))
    assert data.name == path.stem
    assert (data.shape, data.classes, data.counts) == ((1, 9, 8), 3, (30, 9))
    assert data.split == Split(27, 3, 9)
    images, again = (load_images(each, NOWHERE) for each in (data, DataChoice(path=str(npz))))
    assert images.train.pixels.shape == (27, 1, 9, 8)
    assert images.dataset.shape == ImageShape(1, 9, 8, 3)
    # The order of a folder is by class; all else is the same.
    for part, other in ((images.test, again.test), (images.train, again.train)):
        assert np.bincount(part.labels).tolist() == np.bincount(other.labels).tolist()
    if kind != "folder":
        assert images.fingerprint == again.fingerprint
    else:
        assert sorted(map(bytes, images.test.pixels)) == sorted(map(bytes, again.test.pixels))


@pytest.mark.parametrize("colours", [1, 3])
def test_colours_may_be_the_last_axis_or_the_second(tmp_path: Path, colours: int) -> None:
    arrays = own_arrays((9, 8, colours))
    np.savez(tmp_path / "last.npz", **arrays)
    second = {k: np.moveaxis(v, -1, 1) if k.endswith("images") else v[:, None] for k, v in arrays.items()}
    np.savez(tmp_path / "second.npz", **second)
    last, second = (
        load_images(DataChoice(path=str(tmp_path / f"{name}.npz")), NOWHERE) for name in ("last", "second")
    )
    assert last.train.pixels.shape == (27, colours, 9, 8)
    assert last.fingerprint == second.fingerprint


def test_colour_images_of_a_folder_keep_their_channels(tmp_path: Path) -> None:
    arrays = own_arrays((9, 8, 3))
    path = save_folder(tmp_path / "colour", arrays)
    images = load_images(DataChoice(path=str(path)), NOWHERE)
    expected = np.moveaxis(arrays["test_images"], 3, 1)
    assert sorted(map(bytes, images.test.pixels)) == sorted(
        np.ascontiguousarray(e).tobytes() for e in expected
    )


def test_a_test_part_is_taken_only_if_asked_for(tmp_path: Path, arrays: OwnArrays) -> None:
    path = save_folder(tmp_path / "mine", arrays) / "train"
    with pytest.raises(DataError, match=rf"{path}: has no test part \(train/ and test/.*test_share, as 0.15"):
        DataSection(path=str(path))
    data = DataChoice(path=str(path), test_share=0.2)
    assert data.counts == (24, 6)
    assert data.dataset.title == "own images, 20 % of each class for testing"
    held = load_images(data, NOWHERE)
    assert np.bincount(held.test.labels).tolist() == [2, 2, 2]
    parts = [held.train.pixels, held.validation.pixels, held.test.pixels]
    assert len({bytes(image) for part in parts for image in part}) == 30
    assert load_images(data, NOWHERE).fingerprint == held.fingerprint
    other = DataChoice(path=str(path), test_share=0.2, split_seed=1)
    assert load_images(other, NOWHERE).fingerprint != held.fingerprint
    with pytest.raises(DataError, match="has a test part of 9 images, .*Leave test_share=0.2 out"):
        DataSection(path=str(path.parent), test_share=0.2)


def test_what_is_recorded_needs_no_files_until_the_images_are_read(npz: Path) -> None:
    data = DataChoice(path=str(npz))
    npz.unlink()
    again = DataChoice(**data.model_dump())
    assert again == data
    assert again.split == Split(27, 3, 9)
    with pytest.raises(
        DataError, match=rf"{npz}: there is no such file or folder\. Paths are taken from the"
    ):
        load_images(again, NOWHERE)


def test_other_images_than_those_recorded_are_refused(npz: Path, arrays: OwnArrays) -> None:
    data = DataChoice(path=str(npz))
    np.savez(
        npz,
        **arrays | {"train_images": arrays["train_images"][:29], "train_labels": arrays["train_labels"][:29]},
    )
    with pytest.raises(
        DataError, match=r"holds 29 and 9 images of 1x9x8 in 3 classes, but .* say 30 and 9 images"
    ):
        load_images(data, NOWHERE)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"shape": [3, 9, 8]},
            r"mine.npz: holds images with shape \[1, 9, 8\], but the data's key shape says \[3, 9",
        ),
        ({"classes": 4}, r"train_labels: the class 3 of 0 to 3 is empty. Add images of it"),
        ({"classes": 2}, r"train_labels: image \d+ has label 2, but labels run from 0 to 1"),
        ({"counts": [60, 9]}, r"with counts \[30, 9\], but the data's key counts says \[60, 9\]. Correct it"),
        ({"images": 28}, r"images=28, but it must lie between 3 \(one a class\) and 27"),
    ],
)
def test_keys_that_the_files_contradict_are_refused(npz: Path, keys: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        assert DataChoice(path=str(npz), **keys).split


def test_facts_and_shares_are_for_own_images() -> None:
    with pytest.raises(
        DataError, match="test_share: is for your own images. Give their path, or leave it out"
    ):
        DataSection(name="mnist", test_share=0.5)


def edit(arrays: OwnArrays, **changes: object) -> OwnArrays:
    return {name: array for name, array in {**arrays, **changes}.items() if array is not None}


def relabelled(arrays: OwnArrays, part: str, old: int, new: int) -> OwnArrays:
    labels = arrays[f"{part}_labels"].copy()
    labels[labels == old] = new
    return edit(arrays, **{f"{part}_labels": labels})


BAD_ARRAYS = {
    "one array is missing": (lambda a: edit(a, train_labels=None), "the array train_labels is missing. Add it; it has"),
    "half a test part": (lambda a: edit(a, test_labels=None), "the array test_labels is missing"),
    "no test part": (lambda a: edit(a, test_labels=None, test_images=None), "has no test part .the arrays test_images"),
    "floats": (lambda a: edit(a, train_images=a["train_images"] / 255), "train_images holds float64, but pixels are"),
    "no channels": (lambda a: edit(a, train_images=a["train_images"][..., None].repeat(2, -1)), "in which no axis is"),
    "two channels": (
        lambda a: edit(a, train_images=np.zeros((30, 3, 8, 3), np.uint8)),
        "30x3x8x3, in which two axes may be",
    ),
    "flat images": (lambda a: edit(a, train_images=a["train_images"].reshape(30, -1)), "shape 30x72, in which no axis"),
    "labels of two columns": (
        lambda a: edit(a, train_labels=np.zeros((30, 2), int)),
        "train_labels is of int64 with the shape 30x2, but labels are whole numbers",
    ),
    "labels that are names": (lambda a: edit(a, train_labels=np.array(["cat"] * 30)), "train_labels is of <U3 with"),
    "too few labels": (lambda a: edit(a, train_labels=a["train_labels"][1:]), "30 images, but train_labels 29 labels"),
    "grey and colour": (lambda a: edit(a, test_images=np.zeros((9, 9, 8, 3), np.uint8)), "images of 3x9x8, but train"),
    "another size": (lambda a: edit(a, test_images=np.zeros((9, 9, 7), np.uint8)), "images of 1x9x7, but train_images"),
    "a label below 0": (lambda a: relabelled(a, "train", 0, -1), r"train_labels: image \d+ has label -1, but labels"),
    "a label too high": (lambda a: relabelled(a, "test", 2, 3), r"test_labels: image \d+ has label 3, but labels run"),
    "a gap": (lambda a: relabelled(a, "train", 1, 5), "train_labels: the class 1 of 0 to 5 is empty"),
    "a class without test": (lambda a: relabelled(a, "test", 1, 0), "test_labels: the class 1 of 0 to 2 is empty"),
    "nothing": (lambda a: edit(a, test_images=a["test_images"][:0], test_labels=a["test_labels"][:0]), "no images"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_are_refused(tmp_path: Path, arrays: OwnArrays, case: str) -> None:
    change, message = BAD_ARRAYS[case]
    path = tmp_path / "bad.npz"
    np.savez(path, **change(arrays))
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{message}") as raised:
        DataSection(path=str(path))
    assert raised.value.exit_code == 2


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("exploded"),)


def test_pickles_are_never_read(tmp_path: Path, arrays: OwnArrays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.npz"
    np.savez(path, **edit(arrays, train_images=np.array([Bomb()] * 30, dtype=object)))
    with pytest.raises(
        DataError, match="bad.npz: train_images is an array of objects, which are pickles, and"
    ):
        DataSection(path=str(path))
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="bad.npz: is no sound .npz file"):
        DataSection(path=str(path))
    assert not (tmp_path / "exploded").exists()


def npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


HEADERS = {
    "bytes": (b"no array", "train_images is no array in NumPy's format. Write it as numpy.savez_compressed"),
    "half": (npy("{'shape': (30, 9, 8), |"), "train_images cannot be read .*EOF in multi-line statement"),
    "digits": (npy(f"{{'shape': {'9' * 9_000}}}"), r"train_images cannot be read .*\.\.\.\). Replace"),
    "terabytes": (
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999999,), }"),
        "train_images cannot be read .Unable to allocate",
    ),
}


@pytest.mark.parametrize(("content", "message"), HEADERS.values(), ids=HEADERS)
def test_what_is_no_array_in_a_zip_file_is_refused(
    npz: Path, arrays: OwnArrays, content: bytes, message: str
) -> None:
    np.savez(npz, **{name: array for name, array in arrays.items() if name != "train_images"})
    with zipfile.ZipFile(npz, "a") as archive:
        archive.writestr("train_images.npy", content)
    with pytest.raises(DataError, match=f"^{npz}: {message}") as raised:
        DataSection(path=str(npz))
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("cut", [10, 300, -40])
def test_a_cut_file_is_refused(npz: Path, cut: int) -> None:
    npz.write_bytes(npz.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"mine\.npz: is no sound \.npz file \(.*Write one with numpy\.savez"):
        DataSection(path=str(npz))


def add(folder: Path, name: str, size: tuple[int, int] = (8, 9), mode: str = "L") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(folder / name)


def empty(folder: Path) -> None:
    for file in (folder / "train" / "b").iterdir():
        file.unlink()


BAD_FOLDERS = {
    "mixed sizes": (lambda f: add(f, "train/b/z.png", (9, 8)), r"z\.png: is 8x9 pixels, but .*0\.png is 9x8, and all"),
    "mixed sizes of the parts": (lambda f: add(f, "test/b/z.png", (7, 7)), r"test/b/z\.png: is 7x7 pixels, but"),
    "grey and colour": (lambda f: add(f, "train/b/z.png", mode="RGB"), r"z\.png: is in colour, but .*is grey. Bring"),
    "transparency": (lambda f: add(f, "train/a/z.png", mode="RGBA"), r"z\.png: has pixels of the kind RGBA, but 8"),
    "16 bits": (lambda f: add(f, "train/a/z.png", mode="I;16"), r"z\.png: has pixels of the kind I;16, but 8 bits"),
    "an empty class": (empty, r"train/b: the class is empty\. Put at least one image there"),
    "no image": (lambda f: (f / "train/a/notes.txt").write_text("x"), r"a/notes\.txt: is no image \(\.png, "),
    "a folder in a class": (lambda f: add(f, "train/a/more/z.png"), r"train/a/more: is no image"),
    "corrupt": (lambda f: (f / "test/c/z.png").write_bytes(b"x"), r"c/z\.png: the image cannot be read \(Pillow does"),
    "an image beside classes": (lambda f: add(f, "train/z.png"), r"train/z\.png: stands beside folders of classes"),
    "a class to test alone": (lambda f: add(f, "test/d/z.png"), r"test/d: train/ has no such class. Add it there"),
    "a class to train alone": (lambda f: add(f, "train/d/z.png"), r"test: the class 'd' of train/ is missing. Add"),
    "a third part": (lambda f: add(f, "val/a/z.png"), r"val: stands beside train/ and test/, and no third part"),
    "no training part": (lambda f: (f / "train").rename(f / "other"), r": holds test/ without train/\. Name the"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_bad_folders_are_refused(folder: Path, case: str) -> None:
    change, message = BAD_FOLDERS[case]
    change(folder)
    with pytest.raises(DataError, match=f"^{re.escape(str(folder))}.*{message}"):
        DataSection(path=str(folder))


def test_a_cut_image_is_named_when_it_is_read(folder: Path) -> None:
    file = next((folder / "train" / "b").iterdir())
    data = DataChoice(path=str(folder))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"{file}: the image cannot be read \(.*Replace it by a sound copy"):
        load_images(data, NOWHERE)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", r"nothing: there is no such file or folder\. Paths are taken from the current directory"),
        ("images.tar", r"images\.tar: is neither a folder nor an \.npz file\. Give one of the two"),
        ("empty", r"empty: expected a folder of images for each of two or more classes, found 0"),
        ("half", rf"half: the idx file {IDX_FILES[1]} is missing. Add it, plain or .gz"),
    ],
)
def test_bad_paths_are_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "images.tar").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / IDX_FILES[0]).write_bytes(idx(np.zeros((2, 3, 4))))
    with pytest.raises(DataError, match=message):
        DataSection(path=str(tmp_path / name))


def test_hidden_files_are_left_alone(folder: Path) -> None:
    (folder / ".DS_Store").write_text("x")
    (folder / "train" / "a" / ".cache").write_text("x")
    assert DataSection(path=str(folder)).counts == (30, 9)


def test_images_that_a_model_cannot_take_are_refused(npz: Path) -> None:
    with pytest.raises(
        RecipeError, match="images of 1x9x8 leave no capsules: .* height of at least 17, not 9"
    ):
        compile_plan(Recipe(), DataChoice(path=str(npz)).dataset.shape, 27)


def test_a_command_line_names_data_or_a_path(npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(npz.parent)
    (npz.parent / "mnist").mkdir()
    assert named_data("mnist") == {"name": "mnist"}
    assert named_data("./mnist", 0.5) == {"path": "./mnist", "test_share": 0.5}
    assert named_data("missing.npz") == {"path": "missing.npz"}
    assert named_data("mnits") == {"name": "mnits"}


def test_a_record_touches_no_file(npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"name": "mine", "path": str(npz)}
    facts = {"shape": [1, 9, 8], "classes": 3, "counts": [30, 9]}
    monkeypatch.setattr(Path, "exists", lambda path: pytest.fail(f"looks at {path}"))
    recorded = DataChoice.parse(content | facts, "record", recorded=True)
    assert recorded.split == Split(27, 3, 9)
    with pytest.raises(
        DataError, match=r"^data: shape, classes and counts of .*mine\.npz are not recorded\. Add all"
    ):
        assert DataChoice.parse(content, "record", recorded=True).split
    assert known_data({"data": content | facts}, "holdout") == recorded
    assert known_data({"data": content}, "holdout") is None


def test_an_image_beyond_all_bounds_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(
        DataError, match=r"\.png: the image cannot be read \(.*exceeds limit.*Replace it by a sound"
    ):
        DataSection(path=str(folder))
