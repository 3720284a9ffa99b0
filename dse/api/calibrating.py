"""Timing the steps of a space or a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dse.space.search_space import SearchSpace
from dse.training.machine import Machine

if TYPE_CHECKING:
    from dse.record.calibration import Calibration
    from dse.study.calibrate import OnKind

MACHINE = Machine()


def calibrate_space(
    space: SearchSpace,
    machine: Machine = MACHINE,
    *,
    refresh: bool = False,
    on_kind: OnKind = lambda kind: None,
) -> Calibration:
    """Measure how long each kind of step of a space's recipes takes here, as far as that is not known.

    Args:
        space: The space.
        machine: What trains.
        refresh: Whether all are measured again.
        on_kind: Called with each kind, the baseline's step first.

    Raises:
        InputError: Space, data, machine or the file of calibrations cannot be used.
    """
    from dse.study.calibrate import calibrate_space as measure
    from dse.study.calibration_file import users_file
    from dse.training.trainer import Trainer

    trainer = Trainer(machine, space.data_choice)
    trainer, _ = trainer.settled(space.plan(space.baseline_recipe))
    return measure(space, trainer, trainer.environment(), users_file(), on_kind, refresh=refresh)


def calibrate_study(
    folder: str | Path,
    data_dir: Path = MACHINE.data_dir,
    *,
    refresh: bool = False,
    on_kind: OnKind = lambda kind: None,
) -> Calibration:
    """Measure how long each kind of step of a study's trials takes, and time it by that from then on.

    It is measured on the study's device, with its engine and its number of threads. A study whose space asks for
    ``timing: measured`` keeps that clock.

    Args:
        folder: The study's folder.
        data_dir: Where its data set is looked for.
        refresh: Whether all are measured again.
        on_kind: Called with each kind, the baseline's step first.

    Raises:
        InputError: The study cannot be used, or this is not its machine.
    """
    from dse.study.calibrate import calibrate_study as measure
    from dse.study.calibrate import check_machine, machine_of
    from dse.study.calibration_file import users_file
    from dse.study.shared import open_study, where_kept
    from dse.study.storage import opened, stored_space
    from dse.training.trainer import Trainer

    folder = Path(folder).resolve()
    study = open_study(folder)
    space = stored_space(study, where_kept(folder))
    recorded = study.user_attrs["environment"]
    trainer = Trainer(Machine(**machine_of(recorded), data_dir=data_dir), space.data_choice)
    here = trainer.environment()
    check_machine(folder, recorded, here)
    with opened(folder.parent, folder.name, space, here) as study:
        return measure(study, space, trainer, users_file(), on_kind, refresh=refresh)
