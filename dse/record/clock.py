"""Which clock a study has: what the stopwatch said, or what the steps take by themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from dse.record.calibration import Floats
from dse.record.epoch import EpochRow
from dse.record.objectives import OBJECTIVES, Value
from dse.record.timing import Timing
from dse.record.trial import Trial

# A run that took so much longer than its steps do by themselves was disturbed, unless the machine is noisier still:
# single runs on a quiet one lie up to a few per cent off.
DISTURBED_FROM = 0.1


CLOCK = "clock"
NOISE_FLOOR = "noise_floor"


def clock_of(environment: Mapping[str, Any]) -> Timing:
    """Give the clock of a study, which is in its environment; measured in those of version 0.1.

    >>> clock_of({}), clock_of({"clock": "calibrated"})
    (<Timing.MEASURED: 'measured'>, <Timing.CALIBRATED: 'calibrated'>)
    """
    return Timing.CALIBRATED if environment.get(CLOCK) == Timing.CALIBRATED else Timing.MEASURED


def noise_floor_of(environment: Mapping[str, Any]) -> float | None:
    """Give the share by which two recipes' seconds must differ to mean anything; None if it was not measured."""
    floor = environment.get(NOISE_FLOOR)
    return float(floor) if isinstance(floor, int | float) and floor >= 0 else None


def timed_rows(rows: Sequence[EpochRow], calibrated: Floats, clock: Timing) -> tuple[EpochRow, ...]:
    """Give rows with their calibrated seconds, and with train seconds by the clock.

    Args:
        rows: The first epochs of a run, or some more of them; by the stopwatch or by any clock.
        calibrated: Of every epoch of its plan.
        clock: Of the study.
    """
    timed = []
    for row in rows:
        seconds, stopwatch = float(calibrated[row.epoch - 1]), row.measured_seconds
        by_clock: dict[str, Any] = (
            {"train_seconds": seconds, "stopwatch_seconds": stopwatch}
            if clock is Timing.CALIBRATED
            else {"train_seconds": stopwatch, "stopwatch_seconds": None}
        )
        timed.append(dataclasses.replace(row, calibrated_seconds=seconds, **by_clock))
    return tuple(timed)


def timed_trial(trial: Trial, calibrated: Floats, error: float, clock: Timing) -> Trial:
    """Give a trial by the clock, its measures included.

    Args:
        trial: By the stopwatch.
        calibrated: Seconds of every epoch of its plan.
        error: Their relative standard error.
        clock: Of the study.
    """
    curve = timed_rows(trial.run.curve, calibrated, clock)
    before = zip(trial.run.curve, curve, strict=True)
    return dataclasses.replace(
        trial,
        run=dataclasses.replace(trial.run, curve=curve),
        measures=retimed(trial.measures, {old.train_seconds: new.train_seconds for old, new in before}),
        calibration_error=error,
    )


def stopwatch_measures(trial: Trial) -> dict[str, Value]:
    """Give a trial's measures by the stopwatch, as its storage keeps them."""
    return retimed(trial.measures, {row.train_seconds: row.measured_seconds for row in trial.run.curve})


def retimed(measures: Mapping[str, Value], clocks: Mapping[float, float]) -> dict[str, Value]:
    """Replace every measure of time, which is what a clock said at the end of some epoch, by what another one said."""
    return {
        name: value
        if value is None or name not in OBJECTIVES or not OBJECTIVES[name].is_time
        else clocks.get(value, value)
        for name, value in measures.items()
    }


def is_disturbed(trial: Trial, noise_floor: float | None) -> bool | None:
    """Tell whether a run took longer than its steps do by themselves; None if these were not measured.

    Epochs that it took over from an attempt before count too.
    """
    alone = trial.run.calibrated_seconds
    if alone is None:
        return None
    return trial.run.measured_seconds > alone * (1 + max(DISTURBED_FROM, noise_floor or 0.0))
