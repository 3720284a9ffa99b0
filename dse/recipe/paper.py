"""The named recipes: the rows of the paper's tables (Marchisio et al. 2019)."""

from __future__ import annotations

from dse.errors import RecipeError
from dse.recipe.batch_size import Stage, Stages
from dse.recipe.learning_rate import ExponentialDecay, LearningRate, OneCycle, WarmRestarts
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.models.model import Model
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing

# The released code lays its stages out over 100 epochs, of which the published runs train 30:
# the cosine of the second stage is 97 epochs long.
_ADABATCH = Stages(
    stages=(
        Stage(epochs=3, size=1),
        Stage(epochs=30, size=16),
        Stage(epochs=30, size=32),
        Stage(epochs="rest", size=64),
    )
)
_WARM_ADABATCH = Stages(stages=(Stage(epochs=3, size=1), Stage(epochs=97, size=16)))
_PER_STAGE = WarmRestarts(cycle_epochs="per_stage")
_SHARED = WeightSharing(class_capsules="per_type", decoder="reduced")

_POLICIES: dict[str, LearningRate] = {
    "exponential_decay": ExponentialDecay(),
    "one_cycle": OneCycle(),
    "warm_restarts": WarmRestarts(),
}
_LENET5 = LeNet5Model()

BASELINE = "paper/baseline"

PAPER_RECIPES: dict[str, Recipe] = {
    BASELINE: Recipe(),
    **{f"paper/{name}": Recipe(learning_rate=policy) for name, policy in _POLICIES.items()},
    "paper/adabatch": Recipe(batch_size=_ADABATCH),
    "paper/warm_ada_batch": Recipe(learning_rate=_PER_STAGE, batch_size=_WARM_ADABATCH),
    "paper/weight_sharing": Recipe(weight_sharing=_SHARED),
    "paper/warm_ada_batch_weight_sharing": Recipe(
        learning_rate=_PER_STAGE, batch_size=_WARM_ADABATCH, weight_sharing=_SHARED
    ),
    "paper/lenet5_baseline": Recipe(model=_LENET5),
    **{
        f"paper/lenet5_{name}": Recipe(model=_LENET5, learning_rate=policy)
        for name, policy in _POLICIES.items()
    },
    "paper/lenet5_adabatch": Recipe(model=_LENET5, batch_size=_ADABATCH),
}


# Rows of the paper's table of results on MNIST, by the name of their recipe without its "paper/".
ROWS = (
    "baseline",
    *_POLICIES,
    "adabatch",
    "warm_ada_batch",
    "weight_sharing",
    "warm_ada_batch_weight_sharing",
)
# Images that the paper trains on.
PAPER_IMAGES = 60_000


def scaled_row(row: str, model: Model, epochs: int, images: int) -> Recipe:
    """Give a row of the paper for another network, length and number of images.

    What the paper counts in epochs stays as it is. The exponential decay, which counts steps, falls by as much in an
    epoch as the paper's.

    Args:
        row: One of ``ROWS``.
        model: The network.
        epochs: Passes over the training images.
        images: Training images.

    >>> from dse.recipe.models.capsnet import CapsNetModel
    >>> scaled_row("exponential_decay", CapsNetModel(), 30, 10_000).learning_rate.decay_steps
    667
    """
    recipe = paper_recipe(f"paper/{row}").model_copy(update={"model": model, "epochs": epochs})
    if isinstance(recipe.learning_rate, ExponentialDecay):
        steps = max(1, round(recipe.learning_rate.decay_steps * images / PAPER_IMAGES))
        slower = recipe.learning_rate.model_copy(update={"decay_steps": steps})
        return recipe.model_copy(update={"learning_rate": slower})
    return recipe


def paper_recipe(name: str) -> Recipe:
    """Look a named recipe up.

    Raises:
        RecipeError: There is no recipe of that name.

    >>> paper_recipe("paper/one_cycle").learning_rate.policy
    'one_cycle'
    """
    try:
        return PAPER_RECIPES[name]
    except KeyError:
        raise RecipeError(
            f"recipe {name!r} is unknown. The named recipes are: {', '.join(PAPER_RECIPES)}."
        ) from None
