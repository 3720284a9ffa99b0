"""A plan: a recipe compiled for a data set, every batch size, step and learning rate of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dse.data.datasets import ImageShape
from dse.errors import RecipeError
from dse.recipe.learning_rate import Rates, Timeline
from dse.recipe.limits import MOST_STEPS, within
from dse.recipe.models.model import NetworkSize
from dse.recipe.recipe import Recipe

# A multiply-add is two operations, and the backward pass costs about two forward passes.
FLOPS_PER_MULTIPLICATION = 6


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """One epoch: its batch size, its steps and its first and last learning rate."""

    epoch: int
    batch_size: int
    steps: int
    first_rate: float
    last_rate: float


@dataclass(frozen=True)
class Plan:
    """A recipe compiled for a number of training images of one shape. Pure arrays.

    Attributes:
        recipe: The recipe.
        image: Shape of the images.
        size: Every size of the network; None of one of the user's own that is not built yet.
        images: Training images; each epoch passes over all of them, the last step with what is left.
        batch_sizes: Batch size of each epoch, shape (epochs,).
        steps: Steps of each epoch, shape (epochs,).
        rates: Learning rate of each step, shape (total_steps,).
        average_shares: Weight of each step's result in the mean of the weights that is evaluated, shape
            (total_steps,); None where the weights themselves are evaluated.
    """

    recipe: Recipe
    image: ImageShape
    size: NetworkSize | None
    images: int
    batch_sizes: NDArray[np.int64]
    steps: NDArray[np.int64]
    rates: Rates
    average_shares: Rates | None = None

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return len(self.rates)

    @property
    def step_sizes(self) -> frozenset[int]:
        """Every number of images that a step of this run takes, what is left for an epoch's last step included."""
        whole = {int(size) for size in self.batch_sizes}
        return frozenset(whole | {self.images % size for size in whole} - {0})

    @property
    def parameters(self) -> int | None:
        """Trained weights of the network; None if its size is not known."""
        return None if self.size is None else self.size.parameters

    @property
    def train_flops(self) -> int | None:
        """Floating-point operations of the whole run, forward and backward; None if the network's size is not known."""
        if self.size is None:
            return None
        return FLOPS_PER_MULTIPLICATION * self.size.multiplications * self.images * self.recipe.epochs

    @cached_property
    def epochs(self) -> tuple[EpochPlan, ...]:
        """The epochs, counted from 1."""
        ends = np.cumsum(self.steps)
        return tuple(
            EpochPlan(
                epoch=i + 1,
                batch_size=int(self.batch_sizes[i]),
                steps=int(self.steps[i]),
                first_rate=float(self.rates[ends[i] - self.steps[i]]),
                last_rate=float(self.rates[ends[i] - 1]),
            )
            for i in range(self.recipe.epochs)
        )

    def epoch_steps(self, epoch: int) -> slice:
        """Where the steps of one epoch, counted from 1, stand among all steps."""
        end = int(np.sum(self.steps[:epoch]))
        return slice(end - int(self.steps[epoch - 1]), end)


def compile_plan(recipe: Recipe, image: ImageShape, images: int) -> Plan:
    """Compile a recipe for a data set.

    Args:
        recipe: What to compile.
        image: Shape of the images.
        images: Training images, as many as an epoch passes over.

    Raises:
        RecipeError: A batch is larger than the data, the steps are too many, or the images do not fit the model.

    >>> plan = compile_plan(Recipe(), ImageShape(1, 28, 28, 10), images=60_000)
    >>> plan.steps[0], plan.total_steps
    (np.int64(469), 14070)
    """
    size = recipe.size(image)
    stages = recipe.batch_size.stages_over(recipe.epochs)
    largest = max(size for _, size in stages)
    if largest > images:
        raise RecipeError(
            f"batch_size: a batch of {largest} is larger than the {images} training images. "
            f"Use at most {images}, or train on more images."
        )
    lengths, sizes = zip(*stages, strict=True)
    batch_sizes = np.repeat(np.array(sizes, dtype=np.int64), within(lengths, recipe.epochs))
    steps = -(-images // batch_sizes)
    if steps.sum() > MOST_STEPS:
        raise RecipeError(
            f"epochs: {recipe.epochs:,} epochs of {images:,} images take {steps.sum():,} steps; at most "
            f"{MOST_STEPS:,} are planned. Train fewer epochs, or with larger batches."
        )
    timeline = Timeline(
        epoch_steps=tuple(steps.tolist()),
        stage_steps=tuple(length * -(-images // size) for length, size in stages),
    )
    begun = within(timeline.stage_steps, timeline.total_steps)
    rates = recipe.learning_rate.rates(timeline) * np.repeat(
        recipe.batch_size.rate_multiples(len(stages)), begun
    )
    images_seen = np.concatenate(
        [
            epoch * images + np.minimum(np.arange(1, count + 1) * size, images)
            for epoch, (size, count) in enumerate(zip(batch_sizes, steps, strict=True))
        ]
    )
    if recipe.learning_rate.warmup_images:
        rates = rates * np.minimum(1, images_seen / recipe.learning_rate.warmup_images)
    shares = recipe.average_shares(rates, images_seen)
    for array in (rates, shares):
        if array is not None:
            array.setflags(write=False)
    return Plan(recipe, image, size, images, batch_sizes, steps, rates, shares)
