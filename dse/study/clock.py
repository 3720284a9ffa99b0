"""A study's clock: its own calibration, which is an attribute of the study, and what is known of its machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import optuna

from dse.errors import RecipeError
from dse.recipe.kinds import reference_kind
from dse.recipe.plan import Plan
from dse.record.calibration import Calibration, Floats, Measured, Wanted, lacking
from dse.record.clock import CLOCK, NOISE_FLOOR, clock_of, timed_rows, timed_trial
from dse.record.epoch import EpochRow
from dse.record.timing import Timing
from dse.record.trial import Trial
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.calibration_file import CalibrationFile, machine_key

CALIBRATION = "calibration"


def stored_calibration(study: optuna.Study) -> Calibration | None:
    """Read a study's calibration.

    Raises:
        ValueError: It is damaged.
    """
    content = study.user_attrs.get(CALIBRATION)
    if content is None:
        return None
    try:
        return Calibration.parse(content)
    except ValueError as reason:
        raise ValueError(f"its calibration is damaged: {reason}") from None


@dataclass(frozen=True, slots=True)
class Reading:
    """How the trials of a study are read.

    Attributes:
        trials: By the clock.
        clock: What they are timed by: the study's clock, or the stopwatch while it has runs that are not calibrated.
        calibration: If there is one.
    """

    trials: list[Trial]
    clock: Timing
    calibration: Calibration | None

    def described(self, environment: dict[str, Any]) -> dict[str, Any]:
        """Give the study's environment with the clock that its trials are timed by, and their noise floor if known."""
        if self.calibration is not None:
            return environment | {CLOCK: str(self.clock), NOISE_FLOOR: self.calibration.noise_floor}
        return environment | {CLOCK: str(self.clock)} if CLOCK in environment else environment


def by_clock(study: optuna.Study, trials: Sequence[Trial]) -> Reading:
    """Time trials, read by the stopwatch, by the study's clock.

    If the clock is to be calibrated and some run is not, all are by the stopwatch: two clocks do not share a front. So
    it is while the package is missing that makes a recipe's schedule.
    """
    calibration = stored_calibration(study)
    environment = study.user_attrs.get("environment", {})
    clock = clock_of(environment) if isinstance(environment, dict) else Timing.MEASURED
    if calibration is None:
        # A study without an epoch has its clock already; the first run is calibrated before it.
        begun = any(trial.run.curve for trial in trials)
        return Reading(list(trials), Timing.MEASURED if begun else clock, None)
    space = parse_space(study.user_attrs["space"], "its space", recorded=True)
    known: dict[str, tuple[Floats, float] | None] = {}
    for trial in trials:
        if trial.recipe.id not in known:
            known[trial.recipe.id] = None
            with suppress(RecipeError):  # made by a package that is not here
                known[trial.recipe.id] = _of_plan(calibration, space.plan(trial.recipe))
    if any(known[trial.recipe.id] is None and trial.run.curve for trial in trials):
        clock = Timing.MEASURED
    timed = [
        trial if (each := known[trial.recipe.id]) is None else timed_trial(trial, *each, clock)
        for trial in trials
    ]
    return Reading(timed, clock, calibration)


def _of_plan(calibration: Calibration, plan: Plan) -> tuple[Floats, float] | None:
    seconds, error = calibration.seconds(plan), calibration.error(plan)
    return None if seconds is None or error is None else (seconds, error)


class StudyClock:
    """The clock of a study at work, which learns how long its steps take.

    Args:
        study: Keeps the calibration, and says which clock is its.
        space: What is explored.
        file: What is known of this machine from earlier studies.
    """

    def __init__(self, study: optuna.Study, space: SearchSpace, file: CalibrationFile) -> None:
        self._study = study
        self._file = file
        self._environment: dict[str, Any] = study.user_attrs.get("environment", {})
        self._reference = reference_kind(space.baseline_recipe, space.data.dataset.shape)
        self._known: dict[str, tuple[Floats, float] | None] = {}
        self._earlier: list[Plan] = []
        self._calibrates = clock_of(self._environment) is Timing.CALIBRATED
        self.clock = Timing.MEASURED
        self.calibration = stored_calibration(study)

    def follow(self, reading: Reading, plans: Iterable[Plan]) -> None:
        """Time what comes as what was read; where that was to be calibrated and is not, it is with the next run.

        Args:
            reading: The study so far.
            plans: Of its recipes.
        """
        self.clock = reading.clock
        if self._calibrates and self.clock is not Timing.CALIBRATED:
            self._earlier = [plan for plan in plans if self._seconds(plan) is None]

    def wanted(self, plan: Plan) -> Wanted | None:
        """Give what is to be measured before a run of this plan, beside what the machine's file knows; None if nothing.

        Raises:
            StudyError: The file is damaged.
        """
        if not self._calibrates:
            return None
        plans = [plan, *self._earlier]
        wanted = lacking(plans, self._reference, self.calibration)
        if wanted is None:
            return None
        filed = self._file.read(machine_key(self._environment), self._reference.id)
        if filed is None:
            return wanted
        found = {kind.id: filed.ratios[kind.id] for kind in wanted.kinds if kind.id in filed.ratios}
        if found or self.calibration is None:
            self._keep(Measured(filed.reference, found).added_to(self.calibration))
        return lacking(plans, self._reference, self.calibration)

    def learn(self, measured: Measured) -> None:
        """Keep what was measured, in the study and in the machine's file.

        Raises:
            StudyError: The file is damaged, or cannot be written.
        """
        self._keep(measured.added_to(self.calibration))
        assert self.calibration is not None
        self._file.keep(
            machine_key(self._environment),
            Measured(measured.reference, measured.ratios).added_to(
                dataclasses.replace(self.calibration, ratios={})
            ),
        )

    def _keep(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self._known.clear()
        self._study.set_user_attr(CALIBRATION, calibration.dump())

    def rows(self, plan: Plan, rows: Sequence[EpochRow]) -> tuple[EpochRow, ...]:
        """Give rows of a run of a plan by the clock; as they are while its steps are not calibrated."""
        each = self._seconds(plan)
        return tuple(rows) if each is None else timed_rows(rows, each[0], self.clock)

    def error(self, plan: Plan) -> float | None:
        """Give the relative standard error of a plan's calibrated seconds; None while it has none."""
        each = self._seconds(plan)
        return None if each is None else each[1]

    def _seconds(self, plan: Plan) -> tuple[Floats, float] | None:
        if self.calibration is None:
            return None
        key = plan.recipe.id
        if key not in self._known:
            self._known[key] = _of_plan(self.calibration, plan)
        return self._known[key]
