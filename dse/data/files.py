"""Where the files of a data set lie. No torch here, so that a listing of the data sets is quick."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

from dse.data.datasets import DATASETS, Dataset
from dse.errors import DataError

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CIFAR10_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")


def find_files(dataset: Dataset, data_dir: Path) -> tuple[Path, ...]:
    """Look for a data set's files without reading them.

    Looks below ``data_dir`` in torchvision's folder, then in a folder of the data set's name, then in
    ``data_dir`` itself unless it has the name of another data set.

    Returns:
        All of its files, idx files in the order of ``IDX_FILES``; nothing if one is missing or none is needed.

    >>> find_files(DATASETS["mnist"], Path("/nowhere"))
    ()
    """
    for folder in _folders(dataset, data_dir):
        files = _present(dataset, folder)
        if len(files) == len(wanted_names(dataset)):
            return files
    return ()


def fetch_files(dataset: Dataset, data_dir: Path) -> tuple[Path, ...]:
    """Find a data set's files or, where there are none, download them into ``data_dir`` through torchvision.

    Returns:
        All of its files, idx files in the order of ``IDX_FILES``.

    Raises:
        DataError: Some of the files are missing, or there are none and they cannot be downloaded.
    """
    files = find_files(dataset, data_dir)
    if files or dataset.built_in:
        return files
    for folder in _folders(dataset, data_dir):
        if present := _present(dataset, folder):
            names = {path.name.removesuffix(".gz") for path in present}
            missing = [name for name in wanted_names(dataset) if name not in names]
            raise DataError(
                f"{folder}: {dataset.name} needs {len(wanted_names(dataset))} files, and {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing. Add what is missing"
                f"{'' if dataset.name == 'cifar10' else ' (plain or .gz)'}, "
                "or delete the others to have the data set downloaded."
            )
    _download(dataset, data_dir)
    return find_files(dataset, data_dir)


def wanted_names(dataset: Dataset) -> tuple[str, ...]:
    """Name the files that a data set consists of, without .gz; none if it is built in."""
    return () if dataset.built_in else CIFAR10_FILES if dataset.name == "cifar10" else IDX_FILES


def _folders(dataset: Dataset, data_dir: Path) -> Iterator[Path]:
    if dataset.built_in:
        return
    if dataset.name == "cifar10":
        # torchvision looks for a folder of exactly this name.
        yield data_dir / dataset.folder
        yield data_dir / dataset.name / dataset.folder
        if data_dir.name == dataset.folder:
            yield data_dir
        return
    yield data_dir / dataset.folder / "raw"
    yield data_dir / dataset.name / dataset.folder / "raw"
    yield data_dir / dataset.name
    # The idx files of all data sets have the same names: the folder of another one must not pass for this.
    others = {
        name for other in DATASETS.values() if other is not dataset for name in (other.name, other.folder)
    }
    if data_dir.resolve().name not in others:
        yield data_dir


def _present(dataset: Dataset, folder: Path) -> tuple[Path, ...]:
    candidates = ([folder / name, folder / f"{name}.gz"] for name in wanted_names(dataset))
    found = (next((path for path in paths if path.is_file()), None) for paths in candidates)
    return tuple(path for path in found if path is not None)


def _download(dataset: Dataset, data_dir: Path) -> None:
    import torchvision  # here alone: it takes a second to import

    kinds = {
        "mnist": torchvision.datasets.MNIST,
        "fashion_mnist": torchvision.datasets.FashionMNIST,
        "kmnist": torchvision.datasets.KMNIST,
        "cifar10": torchvision.datasets.CIFAR10,
    }
    try:
        # torchvision reports progress with print, and standard output is for programs to read.
        with contextlib.redirect_stdout(sys.stderr):
            kinds[dataset.name](data_dir, download=True)
    except (OSError, RuntimeError, HTTPException) as error:
        looked = ", ".join(str(folder) for folder in _folders(dataset, data_dir))
        last_line = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise DataError(
            f"{dataset.name}: no files in {looked}, and they cannot be downloaded ({last_line[0]}). "
            f"Wanted are {', '.join(wanted_names(dataset))}{'' if dataset.name == 'cifar10' else ' (plain or .gz)'}. "
            "Name a folder that has them with --data-dir, connect to the network, or use the built-in data set "
            "digits."
        ) from None
