"""Images as arrays: an .npz file of NumPy, or a folder of idx files."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.data.files import IDX_FILES
from dse.data.idx import check_unzipped, read_idx
from dse.data.own.found import Found, Part, Pixels
from dse.data.strata import Labels
from dse.errors import DataError
from dse.units import clipped

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


def find_npz(path: Path) -> Found:
    """Read the arrays of an .npz file. What it holds beside ``ARRAYS`` is left alone; pickles are never read.

    Raises:
        DataError: An array is missing, holds objects, or is of another type or shape than images or labels are.
    """
    try:
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is no whole zip file")
        with zipfile.ZipFile(path) as parts:
            check_unzipped(path, sum(part.file_size for part in parts.infolist()))
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: _array(path, file, name) for name in ARRAYS if name in file}
    except DataError:
        raise
    except Exception as error:  # zipfile and its kinds of compression raise more than they say
        raise DataError(
            f"{path}: is no sound .npz file ({clipped(str(error))}). "
            f"Write one with numpy.savez_compressed({', '.join(f'{name}=...' for name in ARRAYS)})."
        ) from None
    test_names = [name for name in ARRAYS[2:] if name in arrays]
    for name in ARRAYS[: 4 if test_names else 2]:
        if name not in arrays:
            raise DataError(
                f"{path}: the array {name} is missing. Add it; it has {', '.join(arrays) or 'none'}."
            )
    train = _part(path, arrays, "train")
    test = _part(path, arrays, "test") if test_names else None
    channels, height, width = train.pixels().shape[1:]
    if test is not None and test.pixels().shape[1:] != (channels, height, width):
        raise DataError(
            f"{path}: test_images holds images of {_product(test.pixels().shape[1:])}, but train_images of "
            f"{_product((channels, height, width))} (channels x height x width). Bring both to one shape."
        )
    return Found(path, (channels, height, width), train, test, "the arrays test_images and test_labels")


def _array(path: Path, file: Any, name: str) -> NDArray[Any]:
    try:
        array = file[name]
    except (
        Exception
    ) as error:  # NumPy parses a header as Python, and unzips: each part raises errors of its own
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path}: {name} is an array of objects, which are pickles, and a pickle can run any program. "
                "They are never read. Write an array of uint8 (images) or of whole numbers (labels)."
            ) from None
        raise DataError(
            f"{path}: {name} cannot be read ({clipped(str(error))}). Replace the file by a sound copy."
        ) from None
    if not isinstance(array, np.ndarray):  # NumPy gives the bytes of what is no array
        raise DataError(
            f"{path}: {name} is no array in NumPy's format. Write it as numpy.savez_compressed does."
        )
    return array


def _part(path: Path, arrays: dict[str, NDArray[Any]], part: str) -> Part:
    pixels = _images(path, f"{part}_images", arrays[f"{part}_images"])
    labels = _labels(path, f"{part}_labels", arrays[f"{part}_labels"])
    if len(pixels) != len(labels):
        raise DataError(
            f"{path}: {part}_images has {len(pixels)} images, but {part}_labels {len(labels)} labels. "
            "There must be one for each."
        )
    return Part(f"{path}: {part}_labels", labels, lambda: pixels)


def _images(path: Path, name: str, array: NDArray[Any]) -> Pixels:
    if array.dtype != np.uint8:
        raise DataError(
            f"{path}: {name} holds {array.dtype}, but pixels are uint8, from 0 to 255. Convert them, as with "
            "(255 * images).round().astype('uint8') where they lie in [0, 1]."
        )
    if array.ndim == 3:
        return array[:, None]
    last, second = (array.ndim == 4 and array.shape[axis] in (1, 3) for axis in (3, 1))
    if last == second:
        raise DataError(
            f"{path}: {name} has the shape {_product(array.shape)}, in which "
            f"{'two axes may be' if last else 'no axis is'} the channels. Give images x height x width (grey), or "
            "images x height x width x channels with 1 channel or 3."
        )
    return np.ascontiguousarray(np.moveaxis(array, 3, 1)) if last else array


def _labels(path: Path, name: str, array: NDArray[Any]) -> Labels:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(
            f"{path}: {name} is of {array.dtype} with the shape {_product(array.shape)}, but labels are whole numbers, "
            "one for each image. Number the classes from 0."
        )
    return array.astype(np.int64)


def is_idx_folder(path: Path) -> bool:
    """Tell whether a folder holds an idx file by one of the usual names."""
    return any(_idx_file(path, name) is not None for name in IDX_FILES)


def find_idx(path: Path) -> Found:
    """Read a folder of idx files of grey images.

    Raises:
        DataError: A file is missing, or is cut short or corrupt.
    """
    files = {name: _idx_file(path, name) for name in IDX_FILES}
    wanted = IDX_FILES if any(files[name] for name in IDX_FILES[2:]) else IDX_FILES[:2]
    for name in wanted:
        if files[name] is None:
            raise DataError(f"{path}: the idx file {name} is missing. Add it, plain or .gz.")
    train = _idx_part(files[IDX_FILES[0]], files[IDX_FILES[1]], None)
    height, width = train.pixels().shape[2:]
    test = None
    if len(wanted) == len(IDX_FILES):
        test = _idx_part(files[IDX_FILES[2]], files[IDX_FILES[3]], (height, width))
    return Found(path, (1, height, width), train, test, f"{IDX_FILES[2]} and {IDX_FILES[3]}")


def _idx_part(pixel_file: Path | None, label_file: Path | None, size: tuple[int, int] | None) -> Part:
    assert pixel_file is not None
    assert label_file is not None
    pixels = read_idx(pixel_file, (None, *(size or (None, None))))
    labels = read_idx(label_file, (len(pixels),)).astype(np.int64)
    return Part(str(label_file), labels, lambda: pixels[:, None])


def _idx_file(folder: Path, name: str) -> Path | None:
    return next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), None)


def _product(sizes: tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))
