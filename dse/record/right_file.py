"""Which images were right, as a published file beside the curves: right.npz, which NumPy reads."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import StudyError
from dse.record.right import Marks, ReadRight, Right, RightImages, no_right
from dse.record.trial import Trial
from dse.units import clipped

RIGHT_FILE = "right.npz"
# Ten thousand trials of thirty epochs with 20,000 images have 750 MB before they are compressed.
LARGEST_FILE = 2_000_000_000
# Trials that are read at a time: those of thirty epochs take less than 10 MB.
TOGETHER = 100

Arrays = Mapping[str, NDArray[Any]]

_PARTS = ("validation", "test")
_NAMES = ("trial", "epoch", "images", *_PARTS)


def pack_right(read: ReadRight, numbers: Sequence[int]) -> bytes | None:
    """Write an .npz file of five arrays; None if there is nothing to write.

    ``trial`` and ``epoch``, a value for each of N epochs; ``images``, how many there are to validate and to test;
    ``validation`` and ``test``, the bits of each epoch as ``numpy.packbits`` packs them, shape (N, bytes).

    Args:
        read: Reads the images; once for each array, some trials at a time, as all may not fit in memory.
        numbers: Of the trials.
    """

    def rows() -> Iterator[tuple[int, int, Right]]:
        for start in range(0, len(numbers), TOGETHER):
            for (trial, epoch), right in sorted(
                read(numbers[start : start + TOGETHER]).items(), key=itemgetter(0)
            ):
                yield trial, epoch, right

    keys: list[tuple[int, int]] = []
    counts: set[tuple[int, int]] = set()
    for trial, epoch, right in rows():
        keys.append((trial, epoch))
        counts.add((0 if right.validation is None else right.validation.count, right.test.count))
    if not keys:
        return None
    (images,) = counts  # the data of a study are fixed
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in (
            ("trial", [k[0] for k in keys]),
            ("epoch", [k[1] for k in keys]),
            ("images", images),
        ):
            _write(archive, name, (len(values),), "<i8", [np.array(values, "<i8").tobytes()])
        for name, count in zip(_PARTS, images, strict=True):
            packed = (
                b"" if (marks := getattr(right, name)) is None else marks.packed for *_, right in rows()
            )
            _write(archive, name, (len(keys), (count + 7) // 8), "|u1", packed)
    return file.getvalue()


def _write(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], kind: str, parts: Iterable[bytes]
) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        header = {"descr": kind, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(member, header)
        for part in parts:
            member.write(part)


def published_right(folder: Path, trials: Sequence[Trial]) -> ReadRight:
    """Read right.npz of a published study, if it is there.

    Args:
        folder: The study's.
        trials: Of its tables, which the file has to fit.

    Raises:
        StudyError: The file is damaged, or holds what does not fit the tables.
    """
    path = folder / RIGHT_FILE
    if not path.exists():
        return no_right
    try:
        arrays = _read(path)
        found = _fitting(arrays, trials)
    except Exception as reason:  # zipfile and its kinds of compression raise more than they say
        raise StudyError(
            f"{path}: cannot be used ({clipped(str(reason))}). Publish it together with trials.csv and curves.csv as "
            "dse wrote them, or leave it out."
        ) from None

    def read(numbers: Collection[int]) -> RightImages:
        wanted = set(numbers)
        return {key: _right(arrays, row) for key, row in found.items() if key[0] in wanted}

    return read


def _read(path: Path) -> Arrays:
    with zipfile.ZipFile(path) as parts:
        size = sum(part.file_size for part in parts.infolist())
    if size > LARGEST_FILE:
        raise ValueError(f"it unpacks to {size:,} bytes, and {LARGEST_FILE:,} are the most")
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        arrays = {name: file[name] for name in _NAMES}
    rows, images = len(arrays["trial"]), arrays["images"].tolist()
    for name, shape in {
        "trial": (rows,), "epoch": (rows,), "images": (2,),
        "validation": (rows, (images[0] + 7) // 8), "test": (rows, (images[1] + 7) // 8),
    }.items():  # fmt: skip
        kind = np.uint8 if name in _PARTS else np.int64
        if arrays[name].shape != shape or arrays[name].dtype != kind:
            raise ValueError(
                f"{name} is {arrays[name].dtype} of {arrays[name].shape}, not {kind.__name__} of {shape}"
            )
    return arrays


def _fitting(arrays: Arrays, trials: Sequence[Trial]) -> dict[tuple[int, int], int]:
    """Give the row of each epoch; each makes the accuracy that the tables say."""
    curves = {trial.number: trial.run.curve for trial in trials}
    keys = list(zip(arrays["trial"].tolist(), arrays["epoch"].tolist(), strict=True))
    found = {key: row for row, key in enumerate(keys)}
    if len(found) < len(keys):
        raise ValueError("an epoch stands there twice")
    if unknown := [key for key in keys if not 1 <= key[1] <= len(curves.get(key[0], ()))]:
        raise ValueError("trial {}, epoch {} is not in curves.csv".format(*unknown[0]))
    for trial, epoch in keys:
        row = curves[trial][epoch - 1]
        _right(arrays, found[trial, epoch]).check(row.validation_accuracy, row.test_accuracy)
    return found


def _right(arrays: Arrays, row: int) -> Right:
    validation, test = arrays["images"].tolist()
    return Right(
        Marks(validation, arrays["validation"][row].tobytes()) if validation else None,
        Marks(test, arrays["test"][row].tobytes()),
    )
