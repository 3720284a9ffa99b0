"""Kinds of steps: everything of a recipe that decides how long a training step takes, and what of it a run takes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dse.data.datasets import ImageShape
from dse.recipe.batch_size import Constant
from dse.recipe.initialisation import Initialisation
from dse.recipe.learning_rate import Fixed
from dse.recipe.plan import Plan, Segment, compile_plan
from dse.recipe.recipe import Recipe


@dataclass(frozen=True)
class StepKind:
    """What decides how long a step takes: network, loss, optimizer, averaging and precision, images and their number.

    Attributes:
        recipe: Its batch size is the step's; what no step's seconds depend on (learning rates, initialisation, epochs)
            is as it is where nothing is said.
        image: Shape of the images.

    >>> kind = StepKind.of(Recipe(epochs=3), ImageShape(1, 28, 28, 10), 64)
    >>> kind.batch_size, kind.id == StepKind.of(Recipe(), ImageShape(1, 28, 28, 10), 64).id
    (64, True)
    """

    recipe: Recipe
    image: ImageShape

    @classmethod
    def of(cls, recipe: Recipe, image: ImageShape, batch_size: int) -> StepKind:
        """Give the kind of a recipe's steps on this many images."""
        alike = {
            "batch_size": Constant(size=batch_size),
            "learning_rate": Fixed(),
            "initialisation": Initialisation(),
            "epochs": 1,
        }
        return cls(recipe.model_copy(update=alike), image)

    @property
    def batch_size(self) -> int:
        """Images a step."""
        assert isinstance(self.recipe.batch_size, Constant)
        return self.recipe.batch_size.size

    @cached_property
    def id(self) -> str:
        """The id of the recipe, and the images' shape."""
        image = self.image
        return f"{self.recipe.id}-{image.channels}x{image.height}x{image.width}-{image.classes}"

    @property
    def label(self) -> str:
        """The kind in a few words."""
        return self.recipe.label.replace(f"{self.recipe.learning_rate.label} · ", "")

    @property
    def lasts(self) -> bool:
        """Whether its seconds are known by its id: code of the user's own may change beneath it."""
        return not self.recipe.model.imports

    def plan(self) -> Plan:
        """Give the plan of one such step."""
        return compile_plan(self.recipe, self.image, self.batch_size)


def reference_kind(baseline: Recipe, image: ImageShape) -> StepKind:
    """Give the kind that all others are compared with: the baseline's at its first batch size."""
    return StepKind.of(baseline, image, baseline.batch_size.stages_over(baseline.epochs)[0][1])


@dataclass(frozen=True, slots=True)
class KindSteps:
    """How often a plan takes steps of one kind.

    Attributes:
        kind: The kind.
        steps: In each epoch, shape (epochs,).
    """

    kind: StepKind
    steps: NDArray[np.int64]


def kind_steps(plan: Plan) -> list[KindSteps]:
    """Count the steps of each kind in each epoch of a plan.

    The last step of an epoch, where it is left with fewer images, is of a kind of its own: its share of a whole one
    would leave out what a step takes however few its images are.

    >>> plan = compile_plan(Recipe(epochs=2), ImageShape(1, 28, 28, 10), images=300)
    >>> [(each.kind.batch_size, each.steps.tolist()) for each in kind_steps(plan)]
    [(128, [2, 2]), (44, [1, 1])]
    """
    epochs: dict[tuple[Segment, ...], Mapping[int, int]] = {
        segments: _sizes(segments, plan.images) for segments in set(plan.segments)
    }
    sizes = sorted(set(itertools.chain.from_iterable(epochs.values())), reverse=True)
    return [
        KindSteps(
            StepKind.of(plan.recipe, plan.image, size),
            np.array([epochs[segments].get(size, 0) for segments in plan.segments]),
        )
        for size in sizes
    ]


def _sizes(segments: Sequence[Segment], images: int) -> dict[int, int]:
    """Count the steps of an epoch by how many images they take."""
    counts: dict[int, int] = {}
    for segment in segments:
        counts[segment.batch_size] = counts.get(segment.batch_size, 0) + segment.steps
    last = segments[-1].batch_size
    over = sum(segment.steps * segment.batch_size for segment in segments) - images
    if over:
        counts[last] -= 1
        counts[last - over] = counts.get(last - over, 0) + 1
    return {size: count for size, count in counts.items() if count}
