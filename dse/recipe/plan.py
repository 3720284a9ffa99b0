"""A plan: a recipe compiled for a data set, every batch size, step and learning rate of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
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
class Segment:
    """Some steps of an epoch at one batch size."""

    batch_size: int
    steps: int


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """One epoch.

    Attributes:
        epoch: Its number, from 1.
        batch_size: Where it changes within the epoch, the mean over its steps, rounded.
        steps: Steps of all segments.
        first_rate: Learning rate of its first step.
        last_rate: Learning rate of its last step.
        segments: In the order of training; all steps of one take whole batches, but the epoch's very last step takes
            what is left.
    """

    epoch: int
    batch_size: int
    steps: int
    first_rate: float
    last_rate: float
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Plan:
    """A recipe compiled for a number of training images of one shape. Pure arrays.

    Attributes:
        recipe: The recipe.
        image: Shape of the images.
        size: Every size of the network; None of one of the user's own that is not built yet.
        images: Training images; each epoch passes over all of them, the last step with what is left.
        segments: Of each epoch, in the order of training.
        rates: Learning rate of each step, shape (total_steps,).
        average_shares: Weight of each step's result in the mean of the weights that is evaluated, shape
            (total_steps,); None where the weights themselves are evaluated.

    >>> import dse
    >>> recipe = dse.Recipe(batch_size=dse.AdaBatch(start=16, period=1), epochs=3)
    >>> plan = dse.compile_plan(recipe, dse.find_dataset("mnist").shape, images=160)
    >>> plan.batch_sizes.tolist(), plan.steps.tolist()
    ([16, 32, 64], [10, 5, 3])
    """

    recipe: Recipe
    image: ImageShape
    size: NetworkSize | None
    images: int
    segments: tuple[tuple[Segment, ...], ...]
    rates: Rates
    average_shares: Rates | None = None

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return len(self.rates)

    @cached_property
    def images_seen(self) -> NDArray[np.int64]:
        """Images that are seen after each step, repeats counted; shape (total_steps,)."""
        return _images_seen(self.segments, self.images)

    @cached_property
    def steps(self) -> NDArray[np.int64]:
        """Steps of each epoch, shape (epochs,)."""
        return np.array([sum(segment.steps for segment in epoch) for epoch in self.segments])

    @cached_property
    def batch_sizes(self) -> NDArray[np.int64]:
        """Batch size of each epoch, shape (epochs,); the mean over its steps, rounded, where it changes within it."""
        sums = [sum(segment.batch_size * segment.steps for segment in epoch) for epoch in self.segments]
        means: NDArray[np.int64] = np.rint(sums / self.steps).astype(np.int64)
        return means

    @property
    def step_sizes(self) -> frozenset[int]:
        """Every number of images that a step of this run takes, what is left for an epoch's last step included."""
        found = set()
        for epoch in set(self.segments):
            before = sum(segment.steps * segment.batch_size for segment in epoch[:-1])
            found |= {segment.batch_size for segment in epoch}
            found |= {(self.images - before) % epoch[-1].batch_size} - {0}
        return frozenset(found)

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
                segments=self.segments[i],
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
    return Plan(recipe, image, recipe.size(image), images, *_steps(recipe, images))


def begins(shorter: Recipe, longer: Recipe, images: int) -> bool:
    """Tell whether a longer recipe's first steps are all of a shorter one's: one seed takes both through its points.

    Args:
        shorter: A recipe.
        longer: Another one.
        images: Training images, as many as an epoch passes over.

    Raises:
        RecipeError: One of them has no plan.

    >>> begins(Recipe(epochs=2), Recipe(epochs=3), images=160)
    True
    >>> begins(Recipe(epochs=3), Recipe(epochs=2), images=160)
    False
    """
    if shorter.but_for_epochs != longer.but_for_epochs or shorter.epochs > longer.epochs:
        return False
    (segments, rates, shares), (longer_segments, *others) = _steps(shorter, images), _steps(longer, images)
    if segments != longer_segments[: len(segments)]:
        return False
    return all(
        (one is None) == (other is None)
        and (one is None or other is None or np.array_equal(one, other[: len(rates)]))
        for one, other in zip((rates, shares), others, strict=True)
    )


def _steps(recipe: Recipe, images: int) -> tuple[tuple[tuple[Segment, ...], ...], Rates, Rates | None]:
    """Give the segments of each epoch, the rate of each step, and its share in the mean that is evaluated, if any."""
    stages = recipe.batch_size.stages_over(recipe.epochs)
    largest = max(size for _, size in stages)
    if largest > images:
        raise RecipeError(
            f"batch_size: a batch of {largest} is larger than the {images} training images. "
            f"Use at most {images}, or train on more images."
        )
    segments, stage_steps = _lay_out(stages, images, recipe.epochs)
    epoch_steps = tuple(sum(segment.steps for segment in epoch) for epoch in segments)
    if sum(epoch_steps) > MOST_STEPS:
        raise RecipeError(
            f"epochs: {recipe.epochs:,} epochs of {images:,} images take {sum(epoch_steps):,} steps; at most "
            f"{MOST_STEPS:,} are planned. Train fewer epochs, or with larger batches."
        )
    timeline = Timeline(epoch_steps, stage_steps)
    begun = within(stage_steps, timeline.total_steps)
    rates = recipe.learning_rate.rates(timeline) * np.repeat(
        recipe.batch_size.rate_multiples(len(stages)), begun
    )
    images_seen = _images_seen(segments, images)
    if recipe.learning_rate.warmup_images:
        rates = rates * np.minimum(1, images_seen / recipe.learning_rate.warmup_images)
    shares = recipe.average_shares(rates, images_seen)
    for array in (rates, shares):
        if array is not None:
            array.setflags(write=False)
    return segments, rates, shares


def _lay_out(
    stages: Sequence[tuple[float, int]], images: int, epochs: int
) -> tuple[tuple[tuple[Segment, ...], ...], tuple[int, ...]]:
    """Lay stages out over epochs; give the segments of each epoch, and the steps of each stage in full.

    A stage that ends within an epoch ends after the nearest whole batch.

    Raises:
        RecipeError: A stage is left without a step.
    """
    # Lengths are differences of shares: where they should add up to whole epochs they do.
    ends = [round(end, 9) for end in itertools.accumulate(length for length, _ in stages)]
    stage_steps = [0] * len(stages)
    laid_out: list[tuple[Segment, ...]] = []
    stage = 0
    for epoch in range(epochs):
        segments: list[Segment] = []
        left = images
        while left:
            size, ends_here = stages[stage][1], ends[stage] < epoch + 1 and stage + 1 < len(stages)
            due = (ends[stage] - epoch) * images - (images - left)
            steps = max(0, min(round(due / size), left // size)) if ends_here else -(-left // size)
            if steps:
                segments.append(Segment(size, steps))
            stage_steps[stage] += steps
            left = max(0, left - steps * size)
            if ends[stage] <= epoch + 1 and stage + 1 < len(stages):
                stage += 1
        laid_out.append(tuple(segments))
    for i, (length, size) in enumerate(stages):
        stage_steps[i] += math.ceil(min(length, max(0, ends[i] - epochs))) * -(-images // size)
        if not stage_steps[i]:
            raise RecipeError(
                f"batch_size: no step of {size} images is left between two changes. Grow less often, further apart, "
                "or train more epochs."
            )
    return tuple(laid_out), tuple(stage_steps)


def _images_seen(epochs: Sequence[Sequence[Segment]], images: int) -> NDArray[np.int64]:
    """Count the images that are seen after each step."""
    seen = []
    for epoch, segments in enumerate(epochs):
        sizes = np.repeat([part.batch_size for part in segments], [part.steps for part in segments])
        seen.append(epoch * images + np.minimum(np.cumsum(sizes), images))
    return np.concatenate(seen)
