"""Which images were right: packed, written and read back, and held against the accuracies that they make."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dse.record.right import Marks, Right
from dse.record.right_file import RIGHT_FILE, pack_right

SOME = Right(Marks.of(np.array([True, False, True])), Marks.of(np.array([False] * 9)))


@given(arrays.arrays(bool, st.integers(1, 70)))
def test_every_image_keeps_its_bit(right: np.ndarray) -> None:
    marks = Marks.of(right)
    assert marks.unpacked().tolist() == right.tolist()
    assert marks.share == right.sum() / len(right)
    assert Marks.decoded(marks.encoded()) == marks


@pytest.mark.parametrize("right", [SOME, Right(None, SOME.test)])
def test_an_epoch_is_written_as_json_and_read_back(right: Right) -> None:
    assert Right.decoded(right.encoded()) == right
    assert right.choosing is (right.validation or right.test)


def test_a_hundred_trials_of_thirty_epochs_take_less_than_15_mb() -> None:
    random = np.random.default_rng(0)
    right = Right(*(Marks.of(random.random(10_000) < 0.9) for _ in range(2)))
    assert 100 * 30 * len(str(right.encoded())) < 15e6


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "says of no images"),
        ({}, "None is no count of images"),
        ({"test": [0, ""]}, "no count of images"),
        ({"test": [10**9, ""]}, "no count of images"),
        ({"test": [True, 3]}, "no count of images"),
        ({"test": [8, "?"]}, "cannot be read"),
        ({"test": [8, base64.b64encode(b"junk").decode()]}, "cannot be read"),
        (
            {"test": [8, base64.b64encode(zlib.compress(bytes(10**6))).decode()]},
            "bits of 16 images where 1 bytes",
        ),
    ],
)
def test_what_was_never_written_is_refused(content: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Right.decoded(content)


def test_images_that_make_another_accuracy_are_refused() -> None:
    SOME.check(2 / 3, 0.0)
    with pytest.raises(ValueError, match=r"validation_accuracy=0\.5, but of the images 0\.666\d* were right"):
        SOME.check(0.5, 0.0)
    with pytest.raises(ValueError, match=r"validation_accuracy=0\.5, but of the images None were right"):
        Right(None, SOME.test).check(0.5, 0.0)


def test_numpy_reads_the_published_file(tmp_path: Path) -> None:
    kept = {(trial, epoch): SOME for trial in range(150) for epoch in (1, 2)}
    content = pack_right(lambda numbers: {key: kept[key] for key in kept if key[0] in numbers}, range(150))
    assert content is not None
    (tmp_path / RIGHT_FILE).write_bytes(content)
    file = np.load(tmp_path / RIGHT_FILE)
    assert list(zip(file["trial"].tolist(), file["epoch"].tolist(), strict=True)) == list(kept)
    assert file["images"].tolist() == [3, 9]
    assert np.unpackbits(file["validation"], axis=1, count=3).tolist() == [[1, 0, 1]] * 300
    assert pack_right(lambda numbers: {}, range(150)) is None
