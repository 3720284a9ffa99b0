"""Images in memory: read once, split by class, held as bytes in NumPy arrays.

Dimensions: B images, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dse.data.choice import DataChoice
from dse.data.datasets import Dataset
from dse.data.files import fetch_files
from dse.data.idx import read_idx
from dse.data.own.found import Pixels
from dse.data.strata import Labels, stratified_choice
from dse.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Images with their classes.

    Attributes:
        pixels: 0..255, uint8, shape (B, C, H, W).
        labels: Classes counted from 0, int64, shape (B,).
    """

    pixels: Pixels
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class ImageData:
    """The images that train, choose and test.

    Attributes:
        dataset: The facts of the data set that they come from.
        train: Images to train on.
        validation: Images to choose on; None where the test images choose.
        test: Images to report on.
        fingerprint: SHA-256 of all of them, so of the split too; hexadecimal.
    """

    dataset: Dataset
    train: Images
    validation: Images | None
    test: Images
    fingerprint: str


def load_images(choice: DataChoice, data_dir: Path) -> ImageData:
    """Read a data set, downloading it where it is not found, and split it by class.

    The validation images depend on the seed and their own number alone, not on how many images train.

    Args:
        choice: Which images play which part.
        data_dir: Where files are looked for (see ``files.find_files``) and downloaded to.

    Raises:
        DataError: The name is unknown, the numbers do not fit, or files are missing, cut short or corrupt.
    """
    dataset, split = choice.dataset, choice.split
    own = choice.own
    train, test = read_parts(dataset, data_dir) if own is None else own.read(choice.facts)
    chosen = stratified_choice(train[1], split.validation_images, choice.split_seed)
    left = np.setdiff1d(np.arange(dataset.train_images), chosen)
    trained = left[stratified_choice(train[1][left], split.train_images, choice.split_seed)]
    tested = stratified_choice(test[1], split.test_images, choice.split_seed)
    parts = [(train, trained), (train, chosen), (test, tested)]
    held = [(pixels[indices], labels[indices]) for (pixels, labels), indices in parts]
    train_part, validation_part, test_part = (Images(*part) for part in held)
    return ImageData(
        dataset, train_part, validation_part if len(validation_part) else None, test_part, _fingerprint(held)
    )


def read_parts(dataset: Dataset, data_dir: Path) -> tuple[tuple[Pixels, Labels], tuple[Pixels, Labels]]:
    """Read all pixels (B, C, H, W) and labels (B,) of the official training part and of the test part.

    Raises:
        DataError: Files are missing, cut short or corrupt.
    """
    if dataset.built_in:
        return _read_digits(dataset)
    files = fetch_files(dataset, data_dir)
    if dataset.name == "cifar10":
        return _read_cifar10(files[0].parent)
    train_pixels, train_labels, test_pixels, test_labels = files
    return (
        _read_part(dataset, dataset.train_images, train_pixels, train_labels),
        _read_part(dataset, dataset.test_images, test_pixels, test_labels),
    )


def _read_part(dataset: Dataset, images: int, pixel_file: Path, label_file: Path) -> tuple[Pixels, Labels]:
    shape = dataset.shape
    pixels = read_idx(pixel_file, (images, shape.height, shape.width))[:, None]
    labels = read_idx(label_file, (images,)).astype(np.int64)
    if labels.max() >= shape.classes:
        raise DataError(
            f"{label_file}: image {labels.argmax()} has label {labels.max()}, but labels run from 0 to "
            f"{shape.classes - 1}. Replace the file by a sound copy."
        )
    return pixels, labels


def _read_cifar10(folder: Path) -> tuple[tuple[Pixels, Labels], tuple[Pixels, Labels]]:
    import torchvision  # here alone: it takes a second to import

    def part(train: bool) -> tuple[Pixels, Labels]:
        images = torchvision.datasets.CIFAR10(folder.parent, train=train)
        # It gives height x width x channels.
        return np.moveaxis(images.data, 3, 1), np.array(images.targets, dtype=np.int64)

    try:
        with warnings.catch_warnings():
            # Its pickles are older than NumPy's rule on what may stand for a boolean in a dtype.
            warnings.filterwarnings("ignore", message=r"dtype\(\): align should be passed")
            return part(train=True), part(train=False)
    except RuntimeError as error:
        raise DataError(
            f"{folder}: a file does not have CIFAR-10's checksum ({error}). "
            "Delete the folder to have the data set downloaded again."
        ) from None


def _read_digits(dataset: Dataset) -> tuple[tuple[Pixels, Labels], tuple[Pixels, Labels]]:
    from sklearn.datasets import load_digits  # here alone: it takes a second to import

    digits = load_digits()
    pixels = upscale_digits(digits.images.astype(np.int64))[:, None]
    labels = digits.target.astype(np.int64)
    # scikit-learn names no test part. This one is a fact of the data set here, the same for every split seed.
    tested = stratified_choice(labels, dataset.test_images, seed=0)
    trained = np.setdiff1d(np.arange(len(labels)), tested)
    return (pixels[trained], labels[trained]), (pixels[tested], labels[tested])


def upscale_digits(digits_BHW: NDArray[np.int64]) -> Pixels:
    """Enlarge 8x8 images of 0..16 to 28x28 images of 0..255 by bilinear interpolation, edges held.

    In whole numbers throughout, so that the bytes are the same on every machine.

    >>> upscale_digits(np.full((1, 8, 8), 16)).min()
    np.uint8(255)
    """
    small, large = 8, 28
    # Pixel centres: x' = (x + 1/2) * 8/28 - 1/2 = (4 x - 5) / 14, so weights are whole fourteenths.
    denominator = 14
    position = np.clip(4 * np.arange(large) - 5, 0, denominator * (small - 1))
    distance = np.abs(position[:, None] - denominator * np.arange(small))
    weights = np.maximum(denominator - distance, 0)
    enlarged = weights @ digits_BHW @ weights.T
    whole = 16 * denominator**2
    pixels: Pixels = ((enlarged * 255 + whole // 2) // whole).astype(np.uint8)
    return pixels


def _fingerprint(parts: list[tuple[Pixels, Labels]]) -> str:
    digest = hashlib.sha256()
    for pixels, labels in parts:
        digest.update(f"{pixels.shape}".encode())
        digest.update(np.ascontiguousarray(pixels).data)
        digest.update(labels.astype("<i8").data)
    return digest.hexdigest()
