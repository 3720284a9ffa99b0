"""A network of the user's own: imported, built, and tried on two black images before anything relies on it.

Dimensions: B images of a batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from typing_extensions import override

from dse.data.datasets import ImageShape
from dse.errors import RecipeError
from dse.networks.network import PLAIN, Arithmetic, Losses, Network
from dse.recipe.models.imported import ImportedModel
from dse.recipe.recipe import Recipe

OWN_LOSS = "training_loss"
"""The method by which a module gives a loss of its own."""

TRIED_IMAGES = 2
OPERATIONS_PER_MULTIPLICATION = 2


@dataclass(frozen=True, slots=True)
class ImportedSize:
    """Sizes of a network of the user's own, as it was built and tried; see ``NetworkSize``."""

    image: ImageShape
    parameters: int
    multiplications: int


class ImportedNetwork(Network):
    """A module that maps images in [0, 1] to class scores, (B, C, H, W) to (B, K).

    It is trained by the cross-entropy of its scores, or by its own ``training_loss(images, labels)`` if it has one.
    It predicts in the mode of evaluation, so that dropout and batch normalisation do then what they shall.
    """

    size: ImportedSize

    def __init__(self, module: nn.Module, size: ImportedSize) -> None:
        super().__init__()
        self.module = module
        self.size = size

    @override
    def losses(self, images_BCHW: Tensor, labels_B: Tensor, arithmetic: Arithmetic = PLAIN) -> Losses:
        """Give the module's own loss, or the cross-entropy of its scores; there is no reconstruction."""
        own = getattr(self.module, OWN_LOSS, None)
        if own is None:
            loss = functional.cross_entropy(self.module(images_BCHW).float(), labels_B)
        else:
            loss = own(images_BCHW, labels_B).float()
        return Losses(loss, loss, torch.zeros_like(loss))

    @override
    def predict(self, images_BCHW: Tensor, arithmetic: Arithmetic = PLAIN) -> Tensor:
        training = self.module.training
        self.module.eval()
        try:
            scores_BK: Tensor = self.module(images_BCHW)
        finally:
            self.module.train(training)
        return scores_BK.argmax(1)


def build_imported(recipe: Recipe, image: ImageShape) -> ImportedNetwork:
    """Import the factory that a recipe names, have it build a module, and try that.

    The factory is called with ``shape`` (channels, height, width), ``classes``, the recipe's options, and
    ``weight_sharing`` if the model offers it.

    Raises:
        RecipeError: There is no such factory, or what it makes is no module for these images and classes.
    """
    model = recipe.model
    assert isinstance(model, ImportedModel)
    factory = _imported(model.import_)
    given: dict[str, Any] = {
        "shape": (image.channels, image.height, image.width),
        "classes": image.classes,
        **model.options,
    }
    given |= {part: getattr(recipe, part) for part in model.offers}
    call = f"{model.import_}({', '.join(f'{key}={value!r}' for key, value in given.items())})"
    try:
        module = factory(**given)
    except Exception as error:
        raise RecipeError(f"model: {call} raised {_reason(error)}. Correct it, or its options.") from error
    if not isinstance(module, nn.Module):
        raise RecipeError(
            f"model: {call} returned {type(module).__name__}, but a torch.nn.Module is wanted. Let the factory return "
            "the network."
        )
    return ImportedNetwork(module, _tried(module, call, image))


def own_modules(recipes: Iterable[Recipe]) -> list[Path]:
    """Give the files and folders of the modules that own networks are made of, as far as they are not installed.

    These are what the networks' own folders hold of all that is imported, so the networks must have been built.
    """
    models = [recipe.model for recipe in recipes]
    paths = [model.import_ for model in models if isinstance(model, ImportedModel)]
    tops = {path.partition(":")[0].partition(".")[0] for path in paths}
    installed = {
        Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    places = {file.parent for top in tops if (file := _place_of(top)) is not None} - installed
    imported = {name.partition(".")[0] for name in list(sys.modules)} - {"__main__", "dse"}
    found = {file for name in imported if (file := _place_of(name)) is not None and file.parent in places}
    return sorted(found)


def _place_of(top: str) -> Path | None:
    """Give the file of a module, or the folder of a package; None if it has none."""
    module = sys.modules.get(top)
    file = getattr(module, "__file__", None)
    if file is not None:
        path = Path(file).resolve()
        return path.parent if hasattr(module, "__path__") else path
    return next((Path(folder).resolve() for folder in getattr(module, "__path__", ())), None)


def _imported(path: str) -> Callable[..., object]:
    """Import what a path names. The current directory comes last among the places that are looked in."""
    place, _, name = path.partition(":")
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        found: Any = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(f"{error.name}.")):
            raise RecipeError(
                f"model.import={path!r}: there is no module {error.name!r}, neither installed nor in {here}. Correct "
                "the path, install its package, or start dse in the folder that holds it."
            ) from None
        raise RecipeError(f"model.import={path!r}: importing {place} raised {_reason(error)}.") from error
    except Exception as error:
        raise RecipeError(f"model.import={path!r}: importing {place} raised {_reason(error)}.") from error
    module = found
    for part in name.split("."):
        if not hasattr(found, part):
            file = getattr(module, "__file__", None) or place
            raise RecipeError(
                f"model.import={path!r}: {file} has no {name!r}. Correct the name behind the colon."
            )
        found = getattr(found, part)
    if not callable(found):
        raise RecipeError(
            f"model.import={path!r}: {name} is {type(found).__name__}, but what is called must make a network. Name a "
            "function or a class."
        )
    factory: Callable[..., object] = found
    return factory


def _tried(module: nn.Module, call: str, image: ImageShape) -> ImportedSize:
    """Run a module forward once, and count.

    Raises:
        RecipeError: It fails, has no weights, or gives something else than scores, or than a loss.
    """
    images_BCHW = torch.zeros(TRIED_IMAGES, image.channels, image.height, image.width)
    labels_B = torch.zeros(TRIED_IMAGES, dtype=torch.int64)
    own = getattr(module, OWN_LOSS, None)
    training = module.training
    module.eval()  # batch normalisation shall not count these images
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            scores = module(images_BCHW)
        with torch.no_grad():
            loss = None if own is None else own(images_BCHW, labels_B)
    except Exception as error:
        raise RecipeError(
            f"model: the network of {call} raised {_reason(error)} on {TRIED_IMAGES} images of {image}. Let it take "
            "images of the shape that the factory is called with."
        ) from error
    finally:
        module.train(training)
    wanted = (TRIED_IMAGES, image.classes)
    if not isinstance(scores, Tensor) or scores.shape != wanted or not scores.is_floating_point():
        raise RecipeError(
            f"model: the network of {call} gives {_described(scores)} for {TRIED_IMAGES} images, but scores of the "
            f"shape {list(wanted)}, images x classes, are wanted. Let its last layer give one score a class."
        )
    if own is not None and not (isinstance(loss, Tensor) and loss.ndim == 0 and loss.is_floating_point()):
        raise RecipeError(
            f"model: {OWN_LOSS} of the network of {call} gives {_described(loss)}, but the mean loss of the batch, one "
            "number, is wanted. Let it return a 0-dimensional tensor."
        )
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    if not weights:
        raise RecipeError(
            f"model: the network of {call} has no weights that require a gradient: nothing to train."
        )
    operations = counter.get_total_flops()
    return ImportedSize(
        image,
        sum(weight.numel() for weight in weights),
        operations // (OPERATIONS_PER_MULTIPLICATION * TRIED_IMAGES),
    )


def _described(found: object) -> str:
    if not isinstance(found, Tensor):
        return type(found).__name__
    return f"a tensor of {found.dtype} with the shape {list(found.shape)}"


def _reason(error: Exception) -> str:
    """Say what an error of the user's own code is, and where: its traceback is not shown."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if len(frames) > 1 else ""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}{where}: {lines[0]}".rstrip(". ")
