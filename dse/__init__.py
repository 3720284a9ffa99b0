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
    from dse.api.calibrating import calibrate_space as calibrate_space
    from dse.api.calibrating import calibrate_study as calibrate_study
    from dse.api.exploring import Start as Start
    from dse.api.exploring import confirm as confirm
    from dse.api.exploring import explore as explore
    from dse.api.studies import replay_study as replay_study
    from dse.api.studies import verify_study as verify_study
    from dse.api.studies import write_views as write_views
    from dse.api.training import find_rate as find_rate
    from dse.api.training import train as train
    from dse.data.choice import DataChoice as DataChoice
    from dse.data.datasets import find_dataset as find_dataset
    from dse.decision.comparison import StudyComparison as StudyComparison
    from dse.decision.comparison import compare_studies as compare_studies
    from dse.decision.pick import Pick as Pick
    from dse.decision.pick import pick as pick
    from dse.decision.wish import Wish as Wish
    from dse.errors import DseError as DseError
    from dse.evidence.confirm import Aim as Aim
    from dse.networks.weights import load_weights as load_weights
    from dse.pareto import front_mask as front_mask
    from dse.pareto import hypervolume as hypervolume
    from dse.recipe.averaging import ExponentialAveraging as ExponentialAveraging
    from dse.recipe.averaging import NoAveraging as NoAveraging
    from dse.recipe.batch_size import AdaBatch as AdaBatch
    from dse.recipe.batch_size import Constant as Constant
    from dse.recipe.batch_size import Growing as Growing
    from dse.recipe.batch_size import Seesaw as Seesaw
    from dse.recipe.batch_size import Stage as Stage
    from dse.recipe.batch_size import Stages as Stages
    from dse.recipe.conformance import check_policy as check_policy
    from dse.recipe.conformance import check_schedule as check_schedule
    from dse.recipe.initialisation import Initialisation as Initialisation
    from dse.recipe.learning_rate import ExponentialDecay as ExponentialDecay
    from dse.recipe.learning_rate import Fixed as Fixed
    from dse.recipe.learning_rate import OneCycle as OneCycle
    from dse.recipe.learning_rate import WarmRestarts as WarmRestarts
    from dse.recipe.load import load_recipe as load_recipe
    from dse.recipe.loss import CrossEntropy as CrossEntropy
    from dse.recipe.loss import Margin as Margin
    from dse.recipe.models.capsnet import CapsNetModel as CapsNetModel
    from dse.recipe.models.cnn import CnnModel as CnnModel
    from dse.recipe.models.efficient_capsnet import EfficientCapsNetModel as EfficientCapsNetModel
    from dse.recipe.models.imported import ImportedModel as ImportedModel
    from dse.recipe.models.lenet5 import LeNet5Model as LeNet5Model
    from dse.recipe.optimizer import Adam as Adam
    from dse.recipe.optimizer import Muon as Muon
    from dse.recipe.optimizer import ScheduleFree as ScheduleFree
    from dse.recipe.optimizer import Sgd as Sgd
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
    from dse.space.opened import between as between
    from dse.space.opened import choices as choices
    from dse.space.search_space import SearchSpace as SearchSpace
    from dse.study.confirm import Effort as Effort
    from dse.study.load import load_study as load_study
    from dse.training.machine import Machine as Machine
    from dse.training.trainer import Trainer as Trainer

# The same list for when the program runs: where the public names live.
_NAMES = {
    "dse.api.calibrating": ("calibrate_space", "calibrate_study"),
    "dse.api.exploring": ("Start", "confirm", "explore"),
    "dse.api.studies": ("replay_study", "verify_study", "write_views"),
    "dse.api.training": ("find_rate", "train"),
    "dse.data.choice": ("DataChoice",),
    "dse.data.datasets": ("find_dataset",),
    "dse.decision.comparison": ("StudyComparison", "compare_studies"),
    "dse.decision.pick": ("Pick", "pick"),
    "dse.decision.wish": ("Wish",),
    "dse.errors": ("DseError",),
    "dse.evidence.confirm": ("Aim",),
    "dse.networks.weights": ("load_weights",),
    "dse.pareto": ("front_mask", "hypervolume"),
    "dse.recipe.averaging": ("ExponentialAveraging", "NoAveraging"),
    "dse.recipe.batch_size": ("AdaBatch", "Constant", "Growing", "Seesaw", "Stage", "Stages"),
    "dse.recipe.conformance": ("check_policy", "check_schedule"),
    "dse.recipe.initialisation": ("Initialisation",),
    "dse.recipe.learning_rate": ("ExponentialDecay", "Fixed", "OneCycle", "WarmRestarts"),
    "dse.recipe.load": ("load_recipe",),
    "dse.recipe.loss": ("CrossEntropy", "Margin"),
    "dse.recipe.models.capsnet": ("CapsNetModel",),
    "dse.recipe.models.cnn": ("CnnModel",),
    "dse.recipe.models.efficient_capsnet": ("EfficientCapsNetModel",),
    "dse.recipe.models.imported": ("ImportedModel",),
    "dse.recipe.models.lenet5": ("LeNet5Model",),
    "dse.recipe.optimizer": ("Adam", "Muon", "ScheduleFree", "Sgd"),
    "dse.recipe.paper": ("paper_recipe",),
    "dse.recipe.plan": ("Plan", "compile_plan"),
    "dse.recipe.recipe": ("Recipe",),
    "dse.recipe.weight_sharing": ("WeightSharing",),
    "dse.record.answer": ("Answer",),
    "dse.record.run": ("Run",),
    "dse.record.tables": ("StudyTables",),
    "dse.record.trial": ("Trial",),
    "dse.space.load": ("load_space",),
    "dse.space.opened": ("between", "choices"),
    "dse.space.search_space": ("SearchSpace",),
    "dse.study.confirm": ("Effort",),
    "dse.study.load": ("load_study",),
    "dse.training.machine": ("Machine",),
    "dse.training.trainer": ("Trainer",),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: ``import dse`` alone loads no heavy library."""
    if name not in _HOME:
        raise AttributeError(f"module 'dse' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
