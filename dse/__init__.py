"""Pareto design-space exploration for training Capsule Networks fast.

>>> import dse
>>> recipe = dse.Recipe(learning_rate=dse.OneCycle(base_rate=0.001), epochs=10)
>>> dse.compile_plan(recipe, dse.find_dataset("mnist").shape, images=60_000).total_steps
4690
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dse.api import Start as Start
    from dse.api import explore as explore
    from dse.api import find_rate as find_rate
    from dse.api import replay_study as replay_study
    from dse.api import train as train
    from dse.api import write_views as write_views
    from dse.data.choice import DataChoice as DataChoice
    from dse.data.datasets import find_dataset as find_dataset
    from dse.errors import DseError as DseError
    from dse.networks.weights import load_weights as load_weights
    from dse.pareto import front_mask as front_mask
    from dse.pareto import hypervolume as hypervolume
    from dse.recipe.batch_size import AdaBatch as AdaBatch
    from dse.recipe.batch_size import Constant as Constant
    from dse.recipe.batch_size import Stage as Stage
    from dse.recipe.batch_size import Stages as Stages
    from dse.recipe.learning_rate import ExponentialDecay as ExponentialDecay
    from dse.recipe.learning_rate import Fixed as Fixed
    from dse.recipe.learning_rate import OneCycle as OneCycle
    from dse.recipe.learning_rate import WarmRestarts as WarmRestarts
    from dse.recipe.load import load_recipe as load_recipe
    from dse.recipe.models.capsnet import CapsNetModel as CapsNetModel
    from dse.recipe.models.lenet5 import LeNet5Model as LeNet5Model
    from dse.recipe.paper import paper_recipe as paper_recipe
    from dse.recipe.plan import Plan as Plan
    from dse.recipe.plan import compile_plan as compile_plan
    from dse.recipe.recipe import Recipe as Recipe
    from dse.recipe.weight_sharing import WeightSharing as WeightSharing
    from dse.record.answer import Answer as Answer
    from dse.record.run import Run as Run
    from dse.record.tables import StudyTables as StudyTables
    from dse.record.trial import Trial as Trial
    from dse.space.load import load_space as load_space
    from dse.space.search_space import SearchSpace as SearchSpace
    from dse.study.load import load_study as load_study
    from dse.training.machine import Machine as Machine
    from dse.training.trainer import Trainer as Trainer

# The same list for when the program runs: where each public name lives.
_HOME = {
    "AdaBatch": "dse.recipe.batch_size",
    "Answer": "dse.record.answer",
    "CapsNetModel": "dse.recipe.models.capsnet",
    "Constant": "dse.recipe.batch_size",
    "DataChoice": "dse.data.choice",
    "DseError": "dse.errors",
    "ExponentialDecay": "dse.recipe.learning_rate",
    "Fixed": "dse.recipe.learning_rate",
    "LeNet5Model": "dse.recipe.models.lenet5",
    "Machine": "dse.training.machine",
    "OneCycle": "dse.recipe.learning_rate",
    "Plan": "dse.recipe.plan",
    "Recipe": "dse.recipe.recipe",
    "Run": "dse.record.run",
    "SearchSpace": "dse.space.search_space",
    "Stage": "dse.recipe.batch_size",
    "Stages": "dse.recipe.batch_size",
    "Start": "dse.api",
    "StudyTables": "dse.record.tables",
    "Trainer": "dse.training.trainer",
    "Trial": "dse.record.trial",
    "WarmRestarts": "dse.recipe.learning_rate",
    "WeightSharing": "dse.recipe.weight_sharing",
    "compile_plan": "dse.recipe.plan",
    "explore": "dse.api",
    "find_dataset": "dse.data.datasets",
    "find_rate": "dse.api",
    "front_mask": "dse.pareto",
    "hypervolume": "dse.pareto",
    "load_recipe": "dse.recipe.load",
    "load_space": "dse.space.load",
    "load_study": "dse.study.load",
    "load_weights": "dse.networks.weights",
    "paper_recipe": "dse.recipe.paper",
    "replay_study": "dse.api",
    "train": "dse.api",
    "write_views": "dse.api",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: ``import dse`` alone loads no heavy library."""
    if name not in _HOME:
        raise AttributeError(f"module 'dse' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
