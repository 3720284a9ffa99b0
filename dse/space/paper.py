"""The paper's rows as a search space: every one trained with several seeds, under one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dse.data.datasets import Protocol
from dse.errors import SpaceError
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.paper import PAPER_IMAGES, ROWS, scaled_row
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace

# Of a recipe, what the paper's rows differ in.
DIFFERENT = ("learning_rate", "batch_size", "weight_sharing")


@dataclass(frozen=True, slots=True)
class PaperQuestion:
    """What of the paper is asked again, and at which scale.

    Attributes:
        rows: Some of ``dse.recipe.paper.ROWS``; the baseline is always among them.
        dataset: Name of the data set.
        images: Training images, drawn class by class; all if None.
        protocol: Which images choose the best epoch.
        preset: Size of the CapsNet; ``full`` is the paper's.
        epochs: Passes over the training images; 30 in the paper.
        seeds: Runs of each row; 5 in the paper.
    """

    rows: Sequence[str] = ROWS
    dataset: str = "mnist"
    images: int | None = None
    protocol: Protocol = Protocol.HOLDOUT
    preset: str = "full"
    epochs: int = 30
    seeds: int = 5

    def space(self, name: str) -> SearchSpace:
        """Give the space of these rows, as the study ``name`` explores it.

        Raises:
            SpaceError: A row is unknown, or data, preset or epochs make no sound study.
        """
        if unknown := [row for row in self.rows if row not in ROWS]:
            raise SpaceError(f"the row {unknown[0]!r} is not the paper's. Choose from {', '.join(ROWS)}.")
        rows = [row for row in ROWS if row in {"baseline", *self.rows}]
        model = {"name": "capsnet", "preset": self.preset}
        network = CapsNetModel.parse(model, name)
        images = self.images or PAPER_IMAGES
        recipes = {row: scaled_row(row, network, self.epochs, images).model_dump(mode="json") for row in rows}
        different = {row: {key: recipe[key] for key in DIFFERENT} for row, recipe in recipes.items()}
        return parse_space(
            {
                "name": name,
                "description": "The rows of the paper (Marchisio et al. 2019), asked again",
                "data": {"name": self.dataset} | ({} if self.images is None else {"images": self.images}),
                "protocol": str(self.protocol),
                "recipe": {"model": model, "epochs": self.epochs, "one_of": different},
                "baseline": different["baseline"],
                "trials": len(rows) * self.seeds,
                "seeds": self.seeds,
                "sampler": "grid",
            },
            name,
        )
