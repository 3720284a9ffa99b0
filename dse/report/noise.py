"""The noise of a study's accuracies."""

from __future__ import annotations

from dataclasses import dataclass

from dse.record.noise import choosing_images, standard_error
from dse.record.tables import StudyTables


@dataclass(frozen=True)
class Noise:
    """The binomial standard error of an accuracy.

    Attributes:
        images: Images that the accuracy is measured on.
        standard_error: Its standard error, a share.
    """

    images: int
    standard_error: float


def accuracy_noise(tables: StudyTables, accuracy: float) -> Noise | None:
    """Work out the standard error of an accuracy on the images that choose; None if their number is unknown."""
    images = choosing_images(tables.space, tables.protocol)
    return None if images is None else Noise(images, standard_error(accuracy, images))
