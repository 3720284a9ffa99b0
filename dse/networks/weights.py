"""Trained weights as a safetensors file, with all that is needed to build their network again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from dse.data.datasets import ImageShape
from dse.errors import InputError
from dse.files import write_atomically
from dse.networks.build import build_network
from dse.networks.network import Network
from dse.recipe.models.imported import ImportedModel
from dse.recipe.recipe import Recipe, parse_recipe

ENDING = ".safetensors"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where weights come from.

    Attributes:
        recipe: How the network was trained.
        image: Shape of its images.
        dataset: Name of the data set that it was trained on.
        seed: Seed of the run.
    """

    recipe: Recipe
    image: ImageShape
    dataset: str
    seed: int


def check_weights_file(path: Path) -> None:
    """Refuse a file whose name does not say that it is in the safetensors format.

    Raises:
        InputError: It has another ending.
    """
    if path.suffix != ENDING:
        raise InputError(
            f"{path}: weights are written in the safetensors format, which the name's ending must say. "
            f"Use {path.with_suffix(ENDING)}."
        )


def save_weights(path: Path, network: Network, origin: Origin) -> None:
    """Write a network's weights and where they come from; the file is whole or not there.

    Args:
        path: The file; an older one is replaced. Its folder is made if missing.
        network: The network.
        origin: Where its weights come from, kept as the file's metadata.

    Raises:
        InputError: The file cannot be written.
    """
    # Cloned, because the format refuses tensors that share memory, as tied weights do.
    tensors = {
        name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()
    }
    metadata = {
        "recipe": origin.recipe.model_dump_json(),
        "image": json.dumps(asdict(origin.image)),
        "dataset": origin.dataset,
        "seed": str(origin.seed),
    }
    content = safetensors.torch.save(tensors, metadata)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise InputError(
            f"{path}: the weights cannot be written ({error.strerror}). Choose another file."
        ) from None


def load_weights(
    path: str | Path, device: torch.device | str = "cpu", *, imports: str | None = None
) -> tuple[Network, Origin]:
    """Build the network that a file holds the weights of.

    Args:
        path: A file that dse saved.
        device: Where its weights are placed.
        imports: Import path of a network of your own, as in its recipe: no file alone has code imported.

    Returns:
        The network, and the recipe, image shape, data set and seed that it comes from.

    >>> import tempfile, dse
    >>> recipe = dse.Recipe(model=dse.CnnModel(filters=4), batch_size=dse.Constant(size=10), epochs=1)
    >>> few = dse.DataChoice(images=50, validation_images=20, test_images=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = dse.train(recipe, few, dse.Machine("cpu"), save=f"{folder}/net.safetensors")
    ...     network, origin = dse.load_weights(f"{folder}/net.safetensors")
    >>> origin.recipe == recipe
    True

    Raises:
        InputError: There is no such file, it is corrupt, it was not saved by dse, or it names code that ``imports``
            does not.
    """
    path, device = Path(path), torch.device(device)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except OSError as error:
        raise InputError(f"{path}: the weights cannot be read ({error.strerror or error}).") from None
    except safetensors.SafetensorError as error:
        raise InputError(
            f"{path}: this is no sound safetensors file ({error}). Was it cut short? Save the weights again."
        ) from None
    origin = _parse_origin(path, metadata)
    model = origin.recipe.model
    if isinstance(model, ImportedModel) and model.import_ != imports:
        raise InputError(
            f"{path}: the network is code, {model.import_!r}, and no file alone has code imported. If you trust it, "
            f"load the weights with imports={model.import_!r}."
        )
    network = build_network(origin.recipe, origin.image, origin.seed, device)
    try:
        network.load_state_dict(tensors)
    except RuntimeError:
        raise InputError(
            f"{path}: the weights do not fit the recipe that the file names. Save the weights again."
        ) from None
    return network, origin


def _parse_origin(path: Path, metadata: dict[str, str]) -> Origin:
    try:
        recipe = parse_recipe(json.loads(metadata["recipe"]), f"{path}: recipe")
        image = ImageShape(**json.loads(metadata["image"]))
        return Origin(recipe, image, metadata["dataset"], int(metadata["seed"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: the file does not say which recipe its weights belong to ({error!r}). "
            "Only files that dse saved can be loaded."
        ) from None
