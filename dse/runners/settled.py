"""What a study's workers must agree on before the first of them trains."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dse.networks.precision import check_precision
from dse.recipe.plan import Plan
from dse.recipe.recipe import Precision
from dse.training.trainer import Trainer


@dataclass(frozen=True, slots=True)
class Common:
    """What all runs of a study have in common.

    Attributes:
        baseline: Plan of the recipe that others are compared with.
        precisions: That may be drawn.
        energy: Whether the training's energy is an objective.
    """

    baseline: Plan
    precisions: Collection[Precision]
    energy: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What was decided where the runs are to be trained.

    Attributes:
        engine: What runs the steps; not ``auto``.
        note: Why it is that one; empty where nothing was left to decide.
        environment: See ``dse.record.environment``.
    """

    engine: str
    note: str
    environment: dict[str, object]


def settle(trainer: Trainer, common: Common) -> tuple[Trainer, Settled]:
    """Decide what all runs have in common on this machine.

    Returns:
        The trainer that follows the decision, and the decision.

    Raises:
        DeviceError: The device is not here, or cannot do what is asked of it.
        DataError: The images cannot be read.
    """
    trainer, note = trainer.settled(common.baseline)
    check_precision(common.precisions, trainer.device)
    if common.energy:
        trainer.find_meter(trainer.device)
    return trainer, Settled(trainer.machine.engine, note, trainer.environment())
