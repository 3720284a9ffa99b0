"""An epoch of a curve: what a run leaves after each, in memory and in a storage."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from dse.record.right import Right


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch of a curve.

    Attributes:
        epoch: Counted from 1.
        batch_size: Images a step.
        steps: Optimizer steps of this epoch.
        images_seen: Training images since the start, repeats counted.
        first_rate: Learning rate of the epoch's first step.
        last_rate: Learning rate of its last step.
        train_seconds: Seconds in the training loop since the start of the run, by the study's clock.
        eval_seconds: Seconds spent on evaluation since the start of the run.
        loss: Mean training loss an image over this epoch, while the weights moved.
        margin_loss: Its margin part (for lenet5 the cross-entropy).
        reconstruction_loss: Its reconstruction part, unscaled: squared errors summed over the pixels (0 for
            lenet5).
        validation_accuracy: Share of the validation images that are right; None where none were set aside.
        test_accuracy: Share of the test images that are right.
        energy_joules: What the device took in the training loop since the start of the run; None where that was not
            measured.
        right: Which images were right, in a row that comes from a training; a row that was read from a study is
            without them (``dse.study.right``). No part of what makes two rows equal.
        stopwatch_seconds: What the stopwatch said, where train seconds are calibrated; else None.
        calibrated_seconds: What the steps take by themselves (``dse.record.calibration``), whichever clock is the
            study's; None if that was not measured.
    """

    epoch: int
    batch_size: int
    steps: int
    images_seen: int
    first_rate: float
    last_rate: float
    train_seconds: float
    eval_seconds: float
    loss: float
    margin_loss: float
    reconstruction_loss: float
    validation_accuracy: float | None
    test_accuracy: float
    energy_joules: float | None = None
    right: Right | None = field(default=None, compare=False, repr=False)
    stopwatch_seconds: float | None = None
    calibrated_seconds: float | None = None

    @classmethod
    def parse(cls, content: Mapping[str, object]) -> Self:
        """Make a row of what a storage holds; fields of later versions are left out.

        Raises:
            ValueError: A field is missing, of another type, not finite or out of its limits.
        """
        right = None if content.get(RIGHT) is None else Right.decoded(content[RIGHT])
        row = cls(**{name: content.get(name) for name in EPOCH_COLUMNS}, right=right)  # type: ignore[arg-type]
        row.check()
        return row

    def check(self) -> None:
        """Refuse what no run can have.

        Raises:
            ValueError: A field is of another type, not finite or out of its limits, or the images that were right make
                another accuracy.
        """
        for name in _WHOLE:
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(
                    f"{name}={value!r:.80} of epoch {self.epoch!r:.80} is no whole number from 1 up"
                )
        for name in _REAL:
            value = getattr(self, name)
            if type(value) not in (float, int) or not math.isfinite(value):
                raise ValueError(f"{name}={value!r:.80} of epoch {self.epoch} is no finite number")
        if self.train_seconds <= 0 or self.eval_seconds < 0:
            name = "train_seconds" if self.train_seconds <= 0 else "eval_seconds"
            raise ValueError(f"{name}={getattr(self, name)} of epoch {self.epoch}: a clock runs forwards")
        for name in _SHARES:
            value = getattr(self, name)
            if value is None and name == "validation_accuracy":
                continue
            if type(value) not in (float, int) or not 0 <= value <= 1:
                raise ValueError(f"{name}={value!r:.80} of epoch {self.epoch} is no share from 0 to 1")
        joules = self.energy_joules
        if joules is not None and not (type(joules) in _NUMBERS and 0 <= joules < math.inf):
            raise ValueError(
                f"energy_joules={joules!r:.80} of epoch {self.epoch} is no finite number from 0 up"
            )
        if self.right is not None:
            self.right.check(self.validation_accuracy, self.test_accuracy)

    def as_dict(self) -> dict[str, Any]:
        """Give the row as a table holds it: all but the images."""
        return {name: getattr(self, name) for name in EPOCH_COLUMNS}

    def stored(self) -> dict[str, Any]:
        """Give the row as JSON keeps it: by the stopwatch, its images included."""
        images = {} if self.right is None else {RIGHT: self.right.encoded()}
        row = self.as_dict() | {"train_seconds": self.measured_seconds} | images
        return {name: value for name, value in row.items() if value is not None or name not in LATER_COLUMNS}

    @property
    def measured_seconds(self) -> float:
        """Seconds in the training loop since the start of the run, by the stopwatch."""
        return self.train_seconds if self.stopwatch_seconds is None else self.stopwatch_seconds

    def beside(self, measured: float | None, calibrated: float | None) -> Self:
        """Give the row as a table holds it, by its own clock, beside what the stopwatch said and the steps take.

        Raises:
            ValueError: A clock runs backwards.
        """
        for name, value in (("measured_seconds", measured), ("calibrated_seconds", calibrated)):
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name}={value} of epoch {self.epoch}: a clock runs forwards")
        stopwatch = None if measured == self.train_seconds else measured
        if (stopwatch, calibrated) == (self.stopwatch_seconds, self.calibrated_seconds):
            return self
        return dataclasses.replace(self, stopwatch_seconds=stopwatch, calibrated_seconds=calibrated)

    @property
    def accuracy(self) -> float:
        """The accuracy that chooses: on the validation images or, where none were set aside, on the test images."""
        return self.test_accuracy if self.validation_accuracy is None else self.validation_accuracy


# Key of the images in a stored row.
RIGHT = "right"
# Not kept with a row, but worked out from the study's calibration.
_OF_CLOCK = ("stopwatch_seconds", "calibrated_seconds")
EPOCH_COLUMNS = tuple(
    each.name for each in dataclasses.fields(EpochRow) if each.name not in (RIGHT, *_OF_CLOCK)
)
# Measured since later versions, and not everywhere: a record may lack it.
LATER_COLUMNS = ("energy_joules",)
_WHOLE = ("epoch", "batch_size", "steps", "images_seen")
_SHARES = ("validation_accuracy", "test_accuracy")
_REAL = tuple(name for name in EPOCH_COLUMNS if name not in (*_WHOLE, *_SHARES, *LATER_COLUMNS))
_NUMBERS = {int, float}


def parse_rows(contents: Sequence[Mapping[str, object]]) -> tuple[EpochRow, ...]:
    """Make rows of what a storage holds, as ``EpochRow.parse`` makes each: a column is checked in one go.

    Their images are left out.

    Raises:
        ValueError: As ``EpochRow.parse``.
    """
    return rows_of({name: [content.get(name) for content in contents] for name in EPOCH_COLUMNS})


def rows_of(columns: Mapping[str, list[Any]]) -> tuple[EpochRow, ...]:
    """Make rows of the values of each of ``EPOCH_COLUMNS``, in their order.

    Raises:
        ValueError: As ``EpochRow.parse``.
    """
    rows = zip(*columns.values(), strict=True)
    if columns["epoch"] and not _are_sound(columns):
        return tuple(EpochRow.parse(dict(zip(columns, values, strict=True))) for values in rows)
    return tuple(EpochRow(*values) for values in rows)


def _are_sound(columns: Mapping[str, list[Any]]) -> bool:
    """Tell whether every row has what ``EpochRow.check`` asks for."""
    joules = [value for value in columns["energy_joules"] if value is not None]
    if None in columns["validation_accuracy"]:
        known = [value for value in columns["validation_accuracy"] if value is not None]
        columns = {**columns, "validation_accuracy": known}
    return (
        all({int}.issuperset(map(type, columns[name])) and min(columns[name]) >= 1 for name in _WHOLE)
        and all(
            _NUMBERS.issuperset(map(type, columns[name])) and all(map(math.isfinite, columns[name]))
            for name in (*_REAL, *_SHARES)
        )
        and min(columns["train_seconds"]) > 0
        and min(columns["eval_seconds"]) >= 0
        and _NUMBERS.issuperset(map(type, joules))
        and all(map(math.isfinite, joules))
        and min(joules, default=0) >= 0
        and all(min(columns[name], default=0) >= 0 and max(columns[name], default=0) <= 1 for name in _SHARES)
    )


def check_curve(rows: Iterable[EpochRow], epochs: int) -> None:
    """Refuse rows that do not begin a run of this many epochs.

    Raises:
        ValueError: An epoch is missing, stands twice or is beyond the last one, or the clock does not run forwards.
    """
    seconds = 0.0
    for expected, row in enumerate(rows, start=1):
        if row.epoch != expected or expected > epochs:
            raise ValueError(
                f"epoch {row.epoch} stands where {min(expected, epochs)} of {epochs} is expected"
            )
        if row.train_seconds <= seconds:
            raise ValueError(f"train_seconds={row.train_seconds} of epoch {row.epoch} is not after {seconds}")
        seconds = row.train_seconds
