"""Recipes: read by path or name, and bad ones are refused from files and in Python alike."""

from pathlib import Path

import pytest

from dse.errors import RecipeError
from dse.recipe.batch_size import Stage, Stages
from dse.recipe.learning_rate import OneCycle
from dse.recipe.load import load_recipe
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.paper import paper_recipe
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing


def test_a_recipe_is_read_by_its_path_or_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("epochs: 3")
    assert load_recipe(str(path)) == load_recipe(path) == Recipe(epochs=3)
    assert load_recipe("paper/one_cycle") == paper_recipe("paper/one_cycle")
    with pytest.raises(
        RecipeError, match="recipe 'paper/none' is unknown. The named recipes are: paper/baseline"
    ):
        load_recipe("paper/none")
    with pytest.raises(RecipeError, match="none.yaml: cannot be read .* Check the path"):
        load_recipe("none.yaml")


BAD = {
    "Recipe: epochs=0: .*greater than or equal to 1": lambda: Recipe(epochs=0),
    "Recipe: epocs: unknown key. Remove it or correct its spelling": lambda: Recipe(epocs=1),
    "OneCycle: base_rate=5: .*less than or equal to 1": lambda: OneCycle(base_rate=5),
    "WeightSharing: decoder='half': .*'full', 'reduced' or 'none'": lambda: WeightSharing(decoder="half"),
    "Stage: size: the key is missing": lambda: Stage(epochs=1),
    "Stages: epochs: rest stands before the last": lambda: Stages(stages=[Stage(epochs="rest", size=1)] * 2),
    r"Stages: stages\[0\]\.size=0: .*greater than": lambda: Stages(stages=[{"epochs": 1, "size": 0}]),
    "Recipe: weight_sharing: reduced decoder is for capsules, and lenet5 has none. .* use the model capsnet":
        lambda: Recipe(model=LeNet5Model(), weight_sharing=WeightSharing(decoder="reduced")),
    r"Recipe: learning_rate.cycle_epochs='often': .*number; .*'per_stage'":
        lambda: Recipe(learning_rate={"policy": "warm_restarts", "cycle_epochs": "often"}),
}  # fmt: skip


@pytest.mark.parametrize("expected", BAD)
def test_a_bad_value_in_python_is_refused_as_in_a_file(expected: str) -> None:
    with pytest.raises(RecipeError, match=f"^{expected}"):
        BAD[expected]()
