"""Idx files, the format of MNIST and its kin: a magic number, the sizes, the bytes. No torch here."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from dse.errors import DataError

_UNSIGNED_BYTES = 0x08
# Photographs and digits compress to a half or a tenth; a file that was made to fill the memory, to a thousandth.
SURELY_FITS = 10**9
MOST_COMPRESSED = 100


def read_idx(path: Path, shape: tuple[int | None, ...]) -> NDArray[np.uint8]:
    """Read an idx file of unsigned bytes, plain or compressed (.gz).

    The format is two zero bytes, the type, the number of dimensions, a big-endian 32-bit size for each of them,
    and the numbers themselves.

    Args:
        path: The file; its name ends in .gz if and only if it is compressed.
        shape: What it must hold, the number of images first; None where any number will do.

    Returns:
        What it holds, of that shape.

    Raises:
        DataError: It cannot be read, is cut short or corrupt, or holds something else.

    Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
    """
    magic = bytes([0, 0, _UNSIGNED_BYTES, len(shape)])
    header = len(magic) + 4 * len(shape)
    with _opened(path) as file:
        begin = file.read(header)
        if begin[: len(magic)] != magic:
            raise _wrong(path, f"an idx file that begins with {magic.hex(' ')}", begin[: len(magic)].hex(" "))
        if len(begin) < header:
            raise _wrong(path, f"a header of {header} bytes", f"{len(begin)}: the file is cut short")
        sizes = tuple(np.frombuffer(begin, ">u4", count=len(shape), offset=len(magic)).tolist())
        if any(wanted not in (None, size) for wanted, size in zip(shape, sizes, strict=True)):
            raise _wrong(path, _product(shape), _product(sizes))
        if 0 in sizes:  # beside a 0, the others may be of any size
            raise _wrong(path, "at least one of everything", _product(sizes))
        length = math.prod(sizes)
        check_unzipped(path, length)
        # One byte more than wanted, and never the rest: a small file may unzip to any size.
        content = file.read(length + 1)
    if len(content) != length:
        relation = "cut short" if len(content) < length else "too long"
        found = f"{header + len(content)}: the file is {relation}"
        raise _wrong(path, f"{header + length} bytes unzipped", found)
    return np.frombuffer(content, np.uint8).reshape(sizes)


def check_unzipped(path: Path, length: int) -> None:
    """Refuse a file that says it holds far more than a file of its size would.

    Raises:
        DataError: It does, and that is more than a gigabyte.
    """
    held = path.stat().st_size
    if length > SURELY_FITS and length > MOST_COMPRESSED * held:
        raise DataError(
            f"{path}: has {held:,} bytes and claims to hold {length:,}, more than {MOST_COMPRESSED} times as many. "
            "Replace the file by a sound copy."
        )


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield cast("BinaryIO", gzip.GzipFile(fileobj=file)) if path.suffix == ".gz" else file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _wrong(path, "a sound gzip file", f"a cut or corrupt one ({error})") from None
    except OSError as error:
        raise DataError(
            f"{path}: the file cannot be read ({error.strerror}). Make it readable, or delete it."
        ) from None


def _wrong(path: Path, expected: str, found: str) -> DataError:
    return DataError(
        f"{path}: expected {expected}, found {found or 'nothing'}. "
        "Replace the file by a sound copy; what dse downloads, it downloads again once a data set's files are deleted."
    )


def _product(sizes: tuple[int | None, ...]) -> str:
    return "x".join("any" if size is None else str(size) for size in sizes)
