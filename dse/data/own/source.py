"""The user's own images: a path with what was asked of it, its facts, and its two parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dse.data.datasets import ImageShape
from dse.data.own.arrays import find_idx, find_npz, is_idx_folder
from dse.data.own.found import Found, Part, Pixels
from dse.data.strata import Labels, stratified_choice
from dse.errors import DataError


@dataclass(frozen=True, slots=True)
class OwnFacts:
    """What a plan must know of own images.

    Attributes:
        shape: Of the images, with the number of classes.
        train_images: Images of the training part.
        test_images: Images of the test part.
    """

    shape: ImageShape
    train_images: int
    test_images: int


@dataclass(frozen=True, slots=True)
class OwnSource:
    """Where own images lie.

    Attributes:
        path: A folder of images by class, an .npz file, or a folder of idx files.
        classes: How many classes there are; counted if None.
        test_share: Share of all images that becomes the test part, class by class, where there is none.
        seed: Chooses them.
    """

    path: Path
    classes: int | None = None
    test_share: float | None = None
    seed: int = 0

    def facts(self) -> OwnFacts:
        """Look at the files, and count.

        Raises:
            DataError: They are missing or unsound, or a part or a class is empty.
        """
        return self._facts(self._found())

    def read(self, expected: OwnFacts) -> tuple[tuple[Pixels, Labels], tuple[Pixels, Labels]]:
        """Give all pixels (B, C, H, W) and labels (B,) of the training part and of the test part.

        Args:
            expected: What the files held when the data set was named, or a study began.

        Raises:
            DataError: The files are missing or unsound, or hold something else by now.
        """
        found = self._found()
        facts = self._facts(found)
        if facts != expected:
            raise DataError(
                f"{self.path}: holds {_text(facts)}, but the keys shape, classes and counts of the data say "
                f"{_text(expected)}. Put the former images back, or leave these keys out to take what is there."
            )
        pixels, labels = found.train.pixels(), found.train.labels
        if found.test is not None:
            return (pixels, labels), (found.test.pixels(), found.test.labels)
        tested = stratified_choice(labels, facts.test_images, self.seed)
        trained = np.setdiff1d(np.arange(len(labels)), tested)
        return (pixels[trained], labels[trained]), (pixels[tested], labels[tested])

    def _found(self) -> Found:
        if not self.path.exists():
            raise DataError(
                f"{self.path}: there is no such file or folder. Paths are taken from the current directory."
            )
        if self.path.is_file():
            if self.path.suffix != ".npz":
                raise DataError(
                    f"{self.path}: is neither a folder nor an .npz file. Give one of the two; of idx files, the folder "
                    "that holds them."
                )
            return find_npz(self.path)
        if is_idx_folder(self.path):
            return find_idx(self.path)
        from dse.data.own.folder import find_folder  # here alone: Pillow is not needed for arrays

        return find_folder(self.path)

    def _facts(self, found: Found) -> OwnFacts:
        classes = self.classes or len(found.class_names) or int(found.train.labels.max(initial=0)) + 1
        if found.class_names and classes != len(found.class_names):
            raise DataError(
                f"{self.path}: holds folders of {len(found.class_names)} classes, but data.classes says {classes}. "
                "Correct it, or leave it out."
            )
        for part in found.parts:
            _check_labels(part, classes)
        count = len(found.train.labels)
        if found.test is not None:
            if self.test_share is not None:
                raise DataError(
                    f"{self.path}: has a test part of {len(found.test.labels)} images, so none is taken from the "
                    f"others. Leave test_share={self.test_share:g} out."
                )
            tested = len(found.test.labels)
        elif self.test_share is None:
            raise DataError(
                f"{self.path}: has no test part ({found.missing_test}). Add one, or set images aside with test_share, "
                "as 0.15: the same share of every class, drawn by split_seed."
            )
        else:
            tested = round(self.test_share * count)
            count -= tested
        return OwnFacts(ImageShape(*found.image, classes), count, tested)


def _check_labels(part: Part, classes: int) -> None:
    wrong = (part.labels < 0) | (part.labels >= classes)
    if wrong.any():
        first = int(wrong.argmax())
        raise DataError(
            f"{part.where}: image {first} has label {part.labels[first]}, but labels run from 0 to {classes - 1}. "
            "Correct it, or give the number of classes as data.classes."
        )
    if not len(part.labels):
        raise DataError(f"{part.where}: holds no images. Add some.")
    empty = np.flatnonzero(np.bincount(part.labels, minlength=classes) == 0)
    if len(empty):
        raise DataError(
            f"{part.where}: the class {empty[0]} of 0 to {classes - 1} is empty. Add images of it, or number the "
            "classes without gaps."
        )


def _text(facts: OwnFacts) -> str:
    return f"{facts.train_images:,} and {facts.test_images:,} images of {facts.shape} in {facts.shape.classes} classes"
