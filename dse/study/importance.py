"""How much each value of the recipe matters to the answer and to each objective, by PED-ANOVA."""

from __future__ import annotations

import math
import warnings

import optuna
import pandas as pd
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from dse.recipe.recipe import BLOCKS, Recipe
from dse.record.objectives import OBJECTIVES
from dse.record.replicates import ROUNDING
from dse.record.tables import StudyTables
from dse.study.quiet import quiet_optuna

COLUMNS = ["parameter", "objective", "importance", "best"]
# What every study is asked, whatever its objectives are.
TIME_TO_BASELINE = "time to the baseline's accuracy"
FEWEST_RECIPES = 8
FEW_VALUES = 8
# PED-ANOVA compares the best recipes with all: the best tenth, but no fewer than ten, as five differ by luck.
# Of a study below twenty recipes it is the better half.
TOP_SHARE, TOP_RECIPES = 0.1, 10

_BLOCKS = tuple(f"{block}." for block in BLOCKS)
_ALONE = tuple(key for key in Recipe.model_fields if key not in BLOCKS)
# Other columns say the same in words, or hold lists.
_LEFT_OUT = ("learning_rate.policy", "batch_size.schedule", "batch_size.stages")


def parameter_importance(tables: StudyTables) -> pd.DataFrame:
    """Estimate how much each of its values decides whether a recipe is among the best.

    A recipe is judged by the seconds up to the epoch in which it reaches the baseline's best accuracy, the question of
    the answer, and by the objectives of whole runs; by means over its complete trials. Recipes that never reach that
    accuracy come after all that do, the least accurate last. Only values that every such recipe has, and that differ
    among them, can be judged; the policy, the batch schedule and the sharing stand for the values that exist under
    some of them only. Works on the tables alone, so a study published as CSV files is judged as well.

    Returns:
        Columns ``parameter``, ``objective`` (``TIME_TO_BASELINE`` first, once the baseline is complete),
        ``importance`` and ``best``, the value that the best recipes have more often than all, or the range of their
        middle half; the importances of an objective add up to 1. If empty, ``.attrs["reason"]`` says why.

    Source: Watanabe, Bansal & Hutter 2023, "PED-ANOVA".
    """
    recipes = _recipes(tables)
    losses_of = {name: losses for name, losses in _losses(tables, recipes).items() if losses.nunique() > 1}
    if len(recipes) < FEWEST_RECIPES:
        return _nothing(
            f"It takes at least {FEWEST_RECIPES} recipes with a complete trial; there are {len(recipes)}."
        )
    parameters = _varying(recipes)
    if parameters.empty:
        return _nothing("No value differs among the recipes with a complete trial.")
    if not losses_of:
        return _nothing("All recipes with a complete trial have the same means of every objective.")
    distributions = {str(name): _distribution(parameters[name]) for name in parameters}
    rows: list[tuple[str, str, float, str]] = []
    with quiet_optuna(optuna.logging.ERROR):
        study = _as_study(parameters, distributions)
        for objective, losses in losses_of.items():
            importances = _ped_anova(study, losses)
            best = parameters.loc[losses.nsmallest(max(1, round(_top_share(losses) * len(losses)))).index]
            rows += [
                (name, objective, importance, _best(parameters[name], best[name], distributions[name]))
                for name, importance in importances.items()
            ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _recipes(tables: StudyTables) -> pd.DataFrame:
    """Give one row for each recipe with a complete trial: the first, with the means of the objectives."""
    names = list(tables.objectives)
    complete = tables.trials[tables.trials["state"] == "complete"].astype(dict.fromkeys(names, float))
    means = complete.groupby("recipe_id", sort=False)[names].transform("mean")
    return complete.assign(**{name: means[name] for name in names}).drop_duplicates("recipe_id")


def _losses(tables: StudyTables, recipes: pd.DataFrame) -> dict[str, pd.Series[float]]:
    """Give what is to be small, of each recipe."""
    losses = {
        name: -recipes[name] if OBJECTIVES[name].maximise else recipes[name] for name in tables.objectives
    }
    if tables.answer.baseline is None:
        return losses
    aim, points = tables.answer.baseline.accuracy, _own_points(tables, recipes)
    reaching = points[points["accuracy"] >= aim - ROUNDING]
    seconds = recipes["recipe_id"].map(reaching.groupby("recipe_id")["train_seconds"].min())
    lacking = aim - recipes["recipe_id"].map(points.groupby("recipe_id")["accuracy"].max())
    slowest = 0.0 if seconds.isna().all() else seconds.max()
    return {TIME_TO_BASELINE: seconds.fillna(slowest + lacking)} | losses


def _own_points(tables: StudyTables, recipes: pd.DataFrame) -> pd.DataFrame:
    """Give each recipe its points: of those that are judged together as many as it has epochs."""
    own = recipes[["recipe_id", "epochs"]]
    named = own.assign(judged_as=own["recipe_id"].map(lambda each: tables.judged_as.get(each, each)))
    points = tables.points[["recipe_id", "epoch", "train_seconds", "accuracy"]]
    found = named.merge(points.rename(columns={"recipe_id": "judged_as"}), on="judged_as")
    return found[found["epoch"] <= found["epochs"]]


def _nothing(reason: str) -> pd.DataFrame:
    frame = pd.DataFrame({name: [] for name in COLUMNS})
    frame.attrs["reason"] = reason
    return frame


def _varying(recipes: pd.DataFrame) -> pd.DataFrame:
    """Choose the columns to judge; of columns that say the same, the first."""
    names = [name for name in recipes if str(name).startswith(_BLOCKS) and name not in _LEFT_OUT]
    # Where each recipe has a batch size of its own, labels are as many as recipes: only their kind can be judged.
    schedule = "schedule" if recipes["schedule"].nunique() <= len(recipes) / 2 else "batch_size.schedule"
    chosen: dict[str, pd.Series] = {}
    seen: set[tuple[int, ...]] = set()
    for name in ("policy", *names, schedule, "sharing", *_ALONE):
        if name not in recipes or recipes[name].isna().any():
            continue
        partition = tuple(pd.factorize(recipes[name])[0].tolist())
        combines = name == "sharing" and any(other.startswith("weight_sharing.") for other in chosen)
        if max(partition) == 0 or partition in seen or combines:
            continue
        seen.add(partition)
        chosen[str(name)] = recipes[name]
    return pd.DataFrame(chosen, index=recipes.index)


def _distribution(values: pd.Series) -> BaseDistribution:
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    # A handful of numbers are choices: smoothed as a range they would look more decisive than they are.
    if not numeric or values.nunique() <= FEW_VALUES:
        return CategoricalDistribution(sorted({str(value) for value in values}))
    low, high = values.min(), values.max()
    if pd.api.types.is_integer_dtype(values):
        return IntDistribution(int(low), int(high), log=bool(low > 0 and high / low >= 10))
    return FloatDistribution(float(low), float(high), log=bool(low > 0 and high / low >= 10))


def _top_share(losses: pd.Series[float]) -> float:
    return min(0.5, max(TOP_SHARE, TOP_RECIPES / len(losses)))


def _best(values: pd.Series, best: pd.Series, distribution: BaseDistribution) -> str:
    """Say what the best recipes have: the value that is more frequent among them than among all, or their range."""
    if isinstance(distribution, CategoricalDistribution):
        more = best.value_counts(normalize=True) / values.value_counts(normalize=True)
        return str(more.idxmax())
    low, high = best.quantile((0.25, 0.75))
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _as_study(parameters: pd.DataFrame, distributions: dict[str, BaseDistribution]) -> optuna.Study:
    """Give the recipes as trials in their order, whose values do not count."""
    study = optuna.create_study()
    for row in parameters.to_dict("records"):
        params = {
            str(name): str(value) if isinstance(distributions[str(name)], CategoricalDistribution) else value
            for name, value in row.items()
        }
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=0.0))
    return study


def _ped_anova(study: optuna.Study, losses: pd.Series[float]) -> dict[str, float]:
    values = losses.tolist()
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=_top_share(losses))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*low `target` values")  # which is what is meant
        raw = optuna.importance.get_param_importances(
            study, evaluator=evaluator, target=lambda trial: values[trial.number], normalize=False
        )
    total = sum(value for value in raw.values() if math.isfinite(value))
    return {name: value / total if total > 0 else 0.0 for name, value in raw.items()}
