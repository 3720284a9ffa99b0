"""Which images were right in a study's trials, from wherever it is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import optuna

from dse.record.epoch import RIGHT
from dse.record.right import ReadRight, Right, RightImages
from dse.study.bulk import BulkStorage, storage_of
from dse.study.database import readable


def kept_right(study: optuna.Study, where: object) -> ReadRight:
    """Read the images from a study's storage; ``where`` it is kept is for the error's text.

    Raises:
        StudyError: On reading: the storage is damaged, or cannot be reached.
    """
    # Optuna's cache leaves the images out; nor is it kept in memory for them.
    storage, study_id = storage_of(study), study._study_id

    def read(numbers: Collection[int]) -> RightImages:
        with readable(where):
            return {(number, epoch): right for number, epoch, right in _rows(storage, study_id, numbers)}

    return read


def _rows(storage: BulkStorage, study_id: int, numbers: Collection[int]) -> Iterator[tuple[int, int, Right]]:
    for number, content in storage.epochs(study_id, numbers):
        if content.get(RIGHT) is not None:
            yield number, content["epoch"], Right.decoded(content[RIGHT])
