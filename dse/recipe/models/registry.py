"""The models: one more takes its own file, a line here, and a line among the builders of ``dse.networks.build``."""

from __future__ import annotations

from typing import Annotated

from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.models.cnn import CnnModel
from dse.recipe.models.efficient_capsnet import EfficientCapsNetModel
from dse.recipe.models.imported import ImportedModel
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.models.model import Model
from dse.section import OneOf

MODELS: dict[str, type[Model]] = {
    "capsnet": CapsNetModel,
    "lenet5": LeNet5Model,
    "cnn": CnnModel,
    "efficient_capsnet": EfficientCapsNetModel,
    "imported": ImportedModel,
}

AnyModel = Annotated[Model, OneOf("name", MODELS)]
