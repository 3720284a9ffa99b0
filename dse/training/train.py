"""The training loop: epochs, clocks and evaluation around an engine."""

from __future__ import annotations

import torch
from torch import Tensor

from dse.data.images import ImageData, Images
from dse.errors import DataError
from dse.networks.build import build_network
from dse.networks.network import Network
from dse.networks.precision import check_precision, products_in
from dse.recipe.plan import EpochPlan, Plan, compile_plan
from dse.recipe.recipe import Recipe
from dse.record.run import EpochRow, OnEpoch, Outcome, Run
from dse.training.engine import Engine, EngineName, build_engine
from dse.training.faults import explained_faults
from dse.training.step import as_floats
from dse.training.stopwatch import Stopwatch

# The votes of a batch of the full CapsNet take 0.7 MB an image: this many stay below a tenth of a GB.
EVALUATION_BATCH = 128
# A look at the losses waits for the device. This seldom it costs nothing, and an epoch of 60,000 steps that
# diverges at its start still ends within seconds.
STEPS_BETWEEN_CHECKS = 500


def train_recipe(
    recipe: Recipe,
    data: ImageData,
    seed: int,
    device: torch.device,
    on_epoch: OnEpoch | None = None,
    engine: EngineName = "fast",
) -> Run:
    """Compile a recipe for the data, build its network, and train it.

    Raises:
        RecipeError: A batch is larger than the data, or the images do not fit the model.
        InputError: As ``train``.
    """
    check_precision([recipe.precision], device)
    plan = compile_plan(recipe, data.dataset.shape, len(data.train))
    network = build_network(recipe, data.dataset.shape, seed, device)
    return train(plan, network, data, seed, device, on_epoch, engine)


def train(
    plan: Plan,
    network: Network,
    data: ImageData,
    seed: int,
    device: torch.device,
    on_epoch: OnEpoch | None = None,
    engine: EngineName = "fast",
) -> Run:
    """Train a network as planned.

    On the processor, the same plan, weights, data, seed and number of threads give the same curve bit for bit,
    all but the seconds.

    Args:
        plan: Every batch size, step and rate.
        network: Trained in place; lives on the device.
        data: Images on any device, as many to train on as the plan is for.
        seed: Decides the order of the images and their shifts.
        device: Where to train.
        on_epoch: Called with every row as soon as it is complete; its time is on no clock. The run ends as
            ``stopped`` if it returns a reason.
        engine: What runs the steps; ``Run.engine`` tells what really ran.

    Returns:
        The run. If a loss is not finite, it ends there as ``diverged``, with the rows of the epochs before.

    Raises:
        DataError: The plan is for another number or shape of images.
        DeviceError: The device does not compute in the recipe's precision, or the engine cannot run there.
        RecipeError: A batch does not fit in the device's memory.
        DeviceLostError: The device stopped answering.
    """
    _check_fit(plan, data)
    precision = plan.recipe.precision
    check_precision([precision], device)
    setup_clock, train_clock, evaluation_clock = (Stopwatch(device) for _ in range(3))
    with explained_faults(device, max(plan.step_sizes)), setup_clock:
        data = data.to(device)
        runner = build_engine(engine, network, data.train, seed, device, precision)
        runner.prepare(plan.step_sizes)

    curve: list[EpochRow] = []
    for epoch in plan.epochs:
        with explained_faults(device, epoch.batch_size), train_clock:
            rates = torch.from_numpy(plan.epoch_rates(epoch.epoch).copy()).to(device)
            losses = _train_epoch(epoch, rates, runner, plan.images)
        if losses is None:
            reason = (
                f"the loss stopped being finite in epoch {epoch.epoch} of {len(plan.epochs)}, "
                f"at rates from {min(epoch.first_rate, epoch.last_rate):.3g} "
                f"to {max(epoch.first_rate, epoch.last_rate):.3g}"
            )
            return Run(tuple(curve), Outcome.DIVERGED, reason, setup_clock.seconds, runner.name)
        with explained_faults(device, epoch.batch_size), evaluation_clock:
            validation = None if data.validation is None else evaluate(network, data.validation)
            test = evaluate(network, data.test)
        row = EpochRow(
            epoch=epoch.epoch,
            batch_size=epoch.batch_size,
            steps=epoch.steps,
            images_seen=epoch.epoch * plan.images,
            first_rate=epoch.first_rate,
            last_rate=epoch.last_rate,
            train_seconds=train_clock.seconds,
            eval_seconds=evaluation_clock.seconds,
            loss=losses[0],
            margin_loss=losses[1],
            reconstruction_loss=losses[2],
            validation_accuracy=validation,
            test_accuracy=test,
        )
        curve.append(row)
        enough = None if on_epoch is None else on_epoch(row)
        if enough is not None:
            return Run(tuple(curve), Outcome.STOPPED, enough, setup_clock.seconds, runner.name)
    return Run(tuple(curve), Outcome.COMPLETE, "", setup_clock.seconds, runner.name)


def evaluate(network: Network, images: Images) -> float:
    """Give the share of images whose class is right, computed in float32; they lie on the network's device."""
    with torch.inference_mode(), products_in("float32", images.labels.device):
        right = torch.zeros((), dtype=torch.int64, device=images.labels.device)
        for start in range(0, len(images), EVALUATION_BATCH):
            batch = images[start : start + EVALUATION_BATCH]
            right += (network.predict(as_floats(batch.pixels)) == batch.labels).sum()
    return right.item() / len(images)


def _train_epoch(
    epoch: EpochPlan, rates: Tensor, engine: Engine, images: int
) -> tuple[float, float, float] | None:
    """Pass once over the images in random order; give mean losses an image, or None if they are not finite."""
    sums = torch.zeros(3, dtype=torch.float64, device=rates.device)
    order = torch.randperm(images, generator=engine.generator, device=rates.device)
    stretches = zip(
        torch.split(order, STEPS_BETWEEN_CHECKS * epoch.batch_size),
        torch.split(rates, STEPS_BETWEEN_CHECKS),
        strict=True,
    )
    for chosen, stretch_rates in stretches:
        sums += engine.train(chosen, epoch.batch_size, stretch_rates)
        if not sums.isfinite().all():
            return None
    total, margin, reconstruction = (sums / images).tolist()
    return total, margin, reconstruction


def _check_fit(plan: Plan, data: ImageData) -> None:
    held = (data.dataset.shape, len(data.train))
    if held != (plan.image, plan.images):
        raise DataError(
            f"the plan is for {plan.images} training images of {plan.image}, but {data.dataset.name} holds "
            f"{len(data.train)} of {data.dataset.shape}. Compile the plan for these."
        )
