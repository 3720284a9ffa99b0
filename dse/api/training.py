"""Training one recipe, and finding its rate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dse.data.choice import DataChoice
from dse.recipe.plan import Plan
from dse.recipe.recipe import Recipe
from dse.record.run import OnEpoch, Run
from dse.training.machine import Machine

if TYPE_CHECKING:
    from dse.training.rate_finder import OnStep, RateSearch

MACHINE = Machine()
DIGITS = DataChoice()


def train(
    recipe: Recipe,
    data: DataChoice = DIGITS,
    machine: Machine = MACHINE,
    *,
    seed: int = 0,
    save: str | Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> tuple[Plan, Run]:
    """Train one recipe.

    Args:
        recipe: What to train.
        data: Which images it is trained on, chosen on and tested on.
        machine: What trains.
        seed: Decides weights, order and shifts.
        save: File for the weights of a run that is complete, in the safetensors format.
        on_epoch: Called with every row of the curve; the run ends where it returns a reason.

    Returns:
        What the recipe means for these images, and the run.

    >>> import dse
    >>> recipe = dse.Recipe(model=dse.CnnModel(filters=4), batch_size=dse.Constant(size=10), epochs=2)
    >>> few = dse.DataChoice(images=50, validation_images=20, test_images=20)
    >>> plan, run = dse.train(recipe, few, dse.Machine("cpu"))
    >>> plan.total_steps, len(run.curve)
    (10, 2)

    Raises:
        InputError: Recipe, data, machine or file cannot be used.
    """
    from dse.networks.weights import Origin, check_weights_file, save_weights
    from dse.record.run import Outcome
    from dse.training.trainer import Trainer

    if save is not None:
        check_weights_file(Path(save))
    trainer = Trainer(machine, data)
    plan = trainer.plan(recipe)
    trainer, _ = trainer.settled(plan)
    network = trainer.network(plan, seed)
    run = trainer.train(plan, seed, on_epoch, network)
    if save is not None and run.outcome is Outcome.COMPLETE:
        save_weights(Path(save), network, Origin(recipe, plan.image, data.name, seed))
    return plan, run


def find_rate(
    recipe: Recipe,
    data: DataChoice = DIGITS,
    machine: Machine = MACHINE,
    *,
    seed: int = 0,
    max_seconds: float | None = None,
    on_step: OnStep | None = None,
) -> RateSearch:
    """Try rates from 1e-6 up on a recipe's network, and say which is usable.

    Args:
        recipe: All of it is used but its policy; of its batch sizes that of the first epoch.
        data: The images to train on are used.
        machine: What trains.
        seed: Decides weights, order and shifts.
        max_seconds: No further step once they are over; 600 if None.
        on_step: Called after each step with the steps done, their last rate and the smoothed loss.

    >>> import dse
    >>> recipe = dse.Recipe(model=dse.CnnModel(filters=4), batch_size=dse.Constant(size=10))
    >>> few = dse.DataChoice(images=50, validation_images=20, test_images=20)
    >>> found = dse.find_rate(recipe, few, dse.Machine("cpu"), max_seconds=0.2)
    >>> float(found.rates[0]), len(found.rates) == len(found.losses)
    (1e-06, True)

    Raises:
        InputError: Recipe, data or machine cannot be used.
        RunError: The loss is not finite from the first step on.
    """
    import numpy as np

    from dse.recipe.learning_rate import rate_finder
    from dse.training.faults import explained_faults
    from dse.training.rate_finder import SECONDS, STEPS
    from dse.training.rate_finder import find_rate as search
    from dse.training.trainer import Trainer

    trainer = Trainer(machine, data)
    plan = trainer.plan(recipe)
    trainer, _ = trainer.settled(plan)
    batch_size = plan.segments[0][0].batch_size
    with explained_faults(trainer.device, batch_size):
        engine = trainer.engine(plan, seed)
        engine.prepare([batch_size])
        shares = recipe.average_shares(rate_finder(STEPS), batch_size * np.arange(1, STEPS + 1))
        limit = SECONDS if max_seconds is None else max_seconds
        return search(engine, plan.images, batch_size, on_step, shares=shares, max_seconds=limit)
