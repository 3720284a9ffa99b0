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
    from dse.api import explore, replay_study, train, write_views
    from dse.data.datasets import find_dataset
    from dse.errors import DseError
    from dse.pareto import front_mask, hypervolume
    from dse.recipe.learning_rate import ExponentialDecay, Fixed, OneCycle, WarmRestarts
    from dse.recipe.paper import paper_recipe
    from dse.recipe.plan import compile_plan
    from dse.recipe.recipe import Recipe, load_recipe
    from dse.space.load import load_space
    from dse.study.load import load_study

_HOME = {
    "DseError": "dse.errors",
    "ExponentialDecay": "dse.recipe.learning_rate",
    "Fixed": "dse.recipe.learning_rate",
    "OneCycle": "dse.recipe.learning_rate",
    "Recipe": "dse.recipe.recipe",
    "WarmRestarts": "dse.recipe.learning_rate",
    "compile_plan": "dse.recipe.plan",
    "explore": "dse.api",
    "find_dataset": "dse.data.datasets",
    "front_mask": "dse.pareto",
    "hypervolume": "dse.pareto",
    "load_recipe": "dse.recipe.recipe",
    "load_space": "dse.space.load",
    "load_study": "dse.study.load",
    "paper_recipe": "dse.recipe.paper",
    "replay_study": "dse.api",
    "train": "dse.api",
    "write_views": "dse.api",
}

__all__ = [
    "DseError",
    "ExponentialDecay",
    "Fixed",
    "OneCycle",
    "Recipe",
    "WarmRestarts",
    "compile_plan",
    "explore",
    "find_dataset",
    "front_mask",
    "hypervolume",
    "load_recipe",
    "load_space",
    "load_study",
    "paper_recipe",
    "replay_study",
    "train",
    "write_views",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: ``import dse`` alone loads no heavy library."""
    if name not in _HOME:
        raise AttributeError(f"module 'dse' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
