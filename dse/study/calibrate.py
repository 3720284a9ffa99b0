"""Calibrating by command: the steps of a space's recipes, or of a study's trials, measured or looked up."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from typing_extensions import override

from dse.errors import StudyError
from dse.recipe.kinds import StepKind, kind_steps, reference_kind
from dse.recipe.recipe import Recipe
from dse.record.calibration import Calibration, Measured, Wanted
from dse.record.clock import CLOCK
from dse.record.environment import engine_name
from dse.record.timing import Timing
from dse.space.assignment import Scalar, Suggest
from dse.space.search_space import SearchSpace
from dse.study.calibration_file import CalibrationFile, machine_key
from dse.study.clock import CALIBRATION, stored_calibration
from dse.study.trainer import Trainer
from dse.study.trials import read_trials

# Of a space of more recipes the kinds of so many are looked for.
MOST_RECIPES = 2_000


@dataclass(frozen=True, slots=True)
class KindTime:
    """What a step of a kind takes.

    Attributes:
        kind: In a few words.
        ratio: To the baseline's step.
        seconds: Of a step.
        error: Standard error of the ratio, as a share of it; of the baseline's step the spread of its blocks.
        pairs: Pairs of blocks that were timed; of the baseline's step blocks.
        share: Share of the processor that the steps had meanwhile.
        fresh: Whether it was measured now.
    """

    kind: str
    ratio: float
    seconds: float
    error: float
    pairs: int
    share: float
    fresh: bool

    @classmethod
    def of(cls, kind: StepKind, known: Calibration, *, fresh: bool) -> KindTime:
        """Read it from a calibration that knows the kind."""
        reference = known.reference
        if kind.id == reference.id:
            shown = (1.0, reference.seconds, reference.spread, reference.blocks, reference.share)
        else:
            ratio = known.ratios[kind.id]
            shown = (ratio.value, ratio.value * reference.seconds, ratio.error, ratio.pairs, ratio.share)
        return cls(kind.label, *shown, fresh)


OnKind = Callable[[KindTime], None]


def recipes_of(space: SearchSpace) -> list[Recipe]:
    """Give every recipe of a space; of one with more than 2,000 so many drawn at random, and the baseline."""
    if space.size <= MOST_RECIPES:
        return [space.recipe_of(point) for point in space.points()]
    picks = random.Random(space.seed)
    return [space.baseline_recipe, *(space.draw(_Drawn(picks)) for _ in range(MOST_RECIPES // 10))]


class _Drawn(Suggest):
    """Picks values at random."""

    def __init__(self, picks: random.Random) -> None:
        self._picks = picks

    @override
    def suggest_categorical(self, name: str, choices: list[Scalar]) -> Scalar:
        return self._picks.choice(choices)

    @override
    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self._picks.uniform(low, high)  # no step's seconds depend on how real numbers are spread

    @override
    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return self._picks.randint(low, high)


def calibrate_space(
    space: SearchSpace,
    trainer: Trainer,
    environment: Mapping[str, Any],
    file: CalibrationFile,
    on_kind: OnKind,
    *,
    refresh: bool = False,
) -> Calibration:
    """Measure the steps of a space's recipes that the machine's file lacks, and keep them there.

    Args:
        space: The space.
        trainer: Of its data, on the machine.
        environment: Of the trainer.
        file: What is known.
        on_kind: Called with each kind, the baseline's step first.
        refresh: Whether all are measured again.

    Raises:
        StudyError: The file is damaged, or cannot be written.
    """
    reference = reference_kind(space.baseline_recipe, space.data.dataset.shape)
    machine = machine_key(environment)
    known = None if refresh else file.read(machine, reference.id)

    def keep(calibration: Calibration) -> None:
        file.keep(machine, calibration, afresh=refresh)

    return _calibrated(_kinds(recipes_of(space), space, reference), known, trainer, keep, on_kind)


def calibrate_study(
    study: optuna.Study,
    space: SearchSpace,
    trainer: Trainer,
    file: CalibrationFile,
    on_kind: OnKind,
    *,
    refresh: bool = False,
) -> Calibration:
    """Measure the steps of a study's trials that its calibration lacks, and have it timed by calibrated seconds.

    A study whose space asks for ``timing: measured`` keeps that clock; its tables then have both.

    Args:
        study: The study, which nobody else writes to.
        space: What it explores.
        trainer: Of its data, on its machine.
        file: What is known of the machine.
        on_kind: Called with each kind, the baseline's step first.
        refresh: Whether all are measured again.

    Raises:
        StudyError: The study has no trial, or the file is damaged or cannot be written.
    """
    environment = study.user_attrs["environment"]
    machine, reference = (
        machine_key(environment),
        reference_kind(space.baseline_recipe, space.data.dataset.shape),
    )
    recipes = {trial.recipe.id: trial.recipe for trial in read_trials(study) if trial.run.curve}
    if not recipes:
        raise StudyError("no epoch of any trial is trained, so there is nothing to calibrate. Explore first.")
    known = None
    if not refresh:
        known, filed = stored_calibration(study), file.read(machine, reference.id)
        known = known if filed is None else Measured(filed.reference, filed.ratios).added_to(known)

    def keep(calibration: Calibration) -> None:
        file.keep(machine, calibration, afresh=refresh)

    calibration = _calibrated(_kinds(recipes.values(), space, reference), known, trainer, keep, on_kind)
    study.set_user_attr(CALIBRATION, calibration.dump())
    if space.timing is not Timing.MEASURED:
        study.set_user_attr("environment", environment | {CLOCK: str(Timing.CALIBRATED)})
    return calibration


def machine_of(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Give device, engine and threads of a study's machine."""
    return {
        "device": environment.get("device_type") or "auto",
        "engine": engine_name(str(environment.get("engine") or "fast")),
        "threads": environment.get("threads"),
    }


def check_machine(folder: Path, earlier: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Refuse to calibrate a study on another machine than its own.

    Args:
        folder: The study's.
        earlier: The study's environment.
        here: This machine's.

    Raises:
        StudyError: It is another device, or has another number of threads.
    """
    for key in ("device", "threads"):
        if earlier.get(key) is not None and earlier[key] != here[key]:
            raise StudyError(
                f"{folder} was measured on {earlier['device']!r}, and this is {here['device']!r}. Ratios between steps "
                "carry over to another machine, their seconds do not. Calibrate it where it was measured."
            )


def _calibrated(
    kinds: Mapping[str, StepKind],
    known: Calibration | None,
    trainer: Trainer,
    keep: Callable[[Calibration], None],
    on_kind: OnKind,
) -> Calibration:
    """Measure one kind after the other, and keep each at once; the first one is the reference."""
    reference = next(iter(kinds.values()))
    for kind in kinds.values():
        fresh = known is None or not known.knows(kind)
        if fresh:
            measured = trainer.calibrate(Wanted(reference, (kind,)))
            assert measured is not None
            known = measured.added_to(known)
            keep(known)
        assert known is not None
        on_kind(KindTime.of(kind, known, fresh=fresh))
    assert known is not None
    return known


def _kinds(recipes: Iterable[Recipe], space: SearchSpace, reference: StepKind) -> dict[str, StepKind]:
    kinds = {reference.id: reference}
    for recipe in recipes:
        kinds |= {
            each.kind.id: each.kind for each in kind_steps(space.plan(recipe)) if each.kind.id not in kinds
        }
    return kinds
