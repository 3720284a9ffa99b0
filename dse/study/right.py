"""Which images were right in a study's trials, from wherever it is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import optuna

from dse.record.epoch import RIGHT
from dse.record.right import ReadRight, Right, RightImages
from dse.study.bulk import BulkStorage
from dse.study.database import readable


def kept_right(study: optuna.Study, where: object) -> ReadRight:
    """Read the images from a study's storage; ``where`` it is kept is for the error's text.

    Raises:
        StudyError: On reading: the storage is damaged, or cannot be reached.
    """

    def read(numbers: Collection[int]) -> RightImages:
        with readable(where):
            return {(number, epoch): right for number, epoch, right in _rows(study, numbers)}

    return read


def _rows(study: optuna.Study, numbers: Collection[int]) -> Iterator[tuple[int, int, Right]]:
    storage: Any = study._storage
    backend: BulkStorage = storage._backend  # Optuna puts a cache before it, which leaves the images out
    for number, content in backend.epochs(study._study_id, numbers):
        if content.get(RIGHT) is not None:
            yield number, content["epoch"], Right.decoded(content[RIGHT])
