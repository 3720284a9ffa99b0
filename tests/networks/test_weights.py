from __future__ import annotations

import pytest
import safetensors.torch
import torch

from dse.data.datasets import MNIST_SHAPE
from dse.errors import InputError
from dse.networks.build import build_network
from dse.networks.weights import Origin, load_weights, save_weights
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.paper import paper_recipe
from dse.recipe.recipe import Recipe

TINY = paper_recipe("paper/warm_ada_batch_weight_sharing").model_copy(
    update={"model": CapsNetModel(preset="tiny")}
)


@pytest.mark.parametrize("recipe", [TINY, Recipe(model=LeNet5Model())], ids=["capsnet", "lenet5"])
def test_weights_survive_a_round_trip(recipe, tmp_path, cpu):
    network = build_network(recipe, MNIST_SHAPE, 1, cpu)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    origin = Origin(recipe, MNIST_SHAPE, "digits", 1)
    path = tmp_path / "new" / "weights.safetensors"
    save_weights(path, network, origin)
    loaded, found = load_weights(path, cpu)
    assert found == origin
    assert found.recipe.id == recipe.id
    images = torch.rand(4, 1, 28, 28)
    assert torch.equal(loaded.predict(images), network.predict(images))
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_files_that_cannot_be_loaded_are_named(tmp_path, cpu):
    path = tmp_path / "weights.safetensors"
    with pytest.raises(InputError, match=f"{path}: the weights cannot be read"):
        load_weights(path, cpu)
    path.write_bytes(b"rubbish")
    with pytest.raises(InputError, match=f"{path}: this is no sound safetensors file"):
        load_weights(path, cpu)
    path.write_bytes(safetensors.torch.save({"x": torch.zeros(1)}))
    with pytest.raises(InputError, match="does not say which recipe"):
        load_weights(path, cpu)
    lenet5 = build_network(Recipe(model=LeNet5Model()), MNIST_SHAPE, 0, cpu)
    save_weights(path, lenet5, Origin(TINY, MNIST_SHAPE, "digits", 0))
    with pytest.raises(InputError, match="do not fit the recipe"):
        load_weights(path, cpu)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="no sound safetensors file"):
        load_weights(path, cpu)


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path, cpu):
    (tmp_path / "folder").write_text("a file where the folder should be")
    network = build_network(Recipe(model=LeNet5Model()), MNIST_SHAPE, 0, cpu)
    origin = Origin(Recipe(model=LeNet5Model()), MNIST_SHAPE, "digits", 0)
    path = tmp_path / "folder" / "weights.safetensors"
    with pytest.raises(InputError, match=f"{path}: the weights cannot be written"):
        save_weights(path, network, origin)
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        save_weights(tmp_path / "taken", network, origin)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "taken"]
