"""A folder of images by class: ``train/<class>/*.png`` and ``test/<class>/*.png``, or the classes alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from dse.data.own.found import Found, Part, Pixels
from dse.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
# What is read as it is: Pillow's mode, then channels.
CHANNELS = {"1": 1, "L": 1, "RGB": 3}
TRAIN, TEST = "train", "test"


def find_folder(path: Path) -> Found:
    """List a folder of images by class, and read the header of each image.

    Raises:
        DataError: A class is empty, a file is no image, or images differ in size or colours.
    """
    folders = {folder.name: folder for folder in _visible(path) if folder.is_dir()}
    if TRAIN in folders:
        if others := sorted(folders.keys() - {TRAIN, TEST}):
            raise DataError(
                f"{path / others[0]}: stands beside {TRAIN}/ and {TEST}/, and no third part is read: dse sets images "
                f"aside for validation itself. Move its images into {TRAIN}/, or the folder away."
            )
        classes = _classes(folders[TRAIN])
        train = _files(folders[TRAIN], classes)
        test = None
        if TEST in folders:
            _check_same(classes, _classes(folders[TEST]), folders[TEST])
            test = _files(folders[TEST], classes)
    elif TEST in folders:
        raise DataError(
            f"{path}: holds {TEST}/ without {TRAIN}/. Name the other part {TRAIN}, or give the folder of the classes."
        )
    else:
        classes = _classes(path)
        train, test = _files(path, classes), None
    image = _shape([file for files in (train, test or []) for file, _ in files])
    return Found(
        path,
        image,
        _part(path if TRAIN not in folders else path / TRAIN, train),
        None if test is None else _part(path / TEST, test),
        f"{TRAIN}/ and {TEST}/ of the same classes",
        tuple(classes),
    )


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read ({error.strerror}).") from None


def _classes(folder: Path) -> list[str]:
    names = []
    for entry in _visible(folder):
        if not entry.is_dir():
            raise DataError(
                f"{entry}: stands beside folders of classes, so that its class is not known. Move it into the folder "
                "of its class, or away."
            )
        names.append(entry.name)
    if len(names) < 2:
        raise DataError(
            f"{folder}: expected a folder of images for each of two or more classes, found {len(names)}. "
            "Give the folder that holds those of the classes."
        )
    return names


def _check_same(classes: list[str], tested: list[str], folder: Path) -> None:
    if unknown := sorted(set(tested) - set(classes)):
        raise DataError(
            f"{folder / unknown[0]}: {TRAIN}/ has no such class. Add it there, or remove it here."
        )
    if missing := sorted(set(classes) - set(tested)):
        raise DataError(
            f"{folder}: the class {missing[0]!r} of {TRAIN}/ is missing. Add images of it, or remove it there."
        )


def _files(folder: Path, classes: Sequence[str]) -> list[tuple[Path, int]]:
    """List the images of a part, class by class, with their labels."""
    files = []
    for label, name in enumerate(classes):
        entries = _visible(folder / name)
        for entry in entries:
            if entry.is_dir() or entry.suffix.lower() not in SUFFIXES:
                raise DataError(
                    f"{entry}: is no image ({', '.join(SUFFIXES)}), but stands in the folder of a class. Remove it."
                )
        if not entries:
            raise DataError(
                f"{folder / name}: the class is empty. Put at least one image there, or remove the folder."
            )
        files += [(entry, label) for entry in entries]
    return files


def _shape(files: Sequence[Path]) -> tuple[int, int, int]:
    """Give channels, height and width of all images.

    Raises:
        DataError: One differs from the first, or is none that can be read as it is.
    """
    first = _header(files[0])
    for file in files[1:]:
        header = _header(file)
        if header[1:] != first[1:]:
            raise DataError(
                f"{file}: is {_size(header)} pixels, but {files[0]} is {_size(first)}, and all images must be of one "
                "size. Resize them before, or remove it."
            )
        if header[0] != first[0]:
            raise DataError(
                f"{file}: is {_colour(header)}, but {files[0]} is {_colour(first)}. Bring all images to one of the two."
            )
    return first


def _header(file: Path) -> tuple[int, int, int]:
    try:
        with Image.open(file) as image:
            mode, (width, height) = image.mode, image.size
    except (OSError, Image.DecompressionBombError) as error:
        raise _unreadable(file, error) from None
    if mode not in CHANNELS:
        raise DataError(
            f"{file}: has pixels of the kind {mode}, but 8 bits a channel, grey (L) or colour (RGB), are wanted. "
            "Convert it, as with Pillow's convert('L') or convert('RGB')."
        )
    return CHANNELS[mode], height, width


def _part(where: Path, files: list[tuple[Path, int]]) -> Part:
    labels = np.array([label for _, label in files], dtype=np.int64)
    return Part(str(where), labels, partial(_pixels, [file for file, _ in files]))


def _pixels(files: Sequence[Path]) -> Pixels:
    channels, height, width = _header(files[0])
    pixels = np.empty((len(files), channels, height, width), dtype=np.uint8)
    for i, file in enumerate(files):
        try:
            with Image.open(file) as image:
                pixels[i] = np.moveaxis(
                    np.asarray(image.convert("L" if channels == 1 else "RGB")).reshape(
                        height, width, channels
                    ),
                    2,
                    0,
                )
        except OSError as error:
            raise _unreadable(file, error) from None
    return pixels


def _unreadable(file: Path, error: Exception) -> DataError:
    if isinstance(error, UnidentifiedImageError):
        reason = "Pillow does not know the format"
    else:
        reason = getattr(error, "strerror", None) or str(error)
    return DataError(
        f"{file}: the image cannot be read ({reason}). Replace it by a sound copy, or remove it."
    )


def _size(header: tuple[int, int, int]) -> str:
    return f"{header[1]}x{header[2]}"


def _colour(header: tuple[int, int, int]) -> str:
    return "grey" if header[0] == 1 else "in colour"
