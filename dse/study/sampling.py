"""Which recipe and seed come next: the samplers by name."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from dse.space.domain import Assignment
from dse.space.search_space import SamplerName, SearchSpace
from dse.trial import Trial, TrialState


def choose_sampler(name: SamplerName, space: SearchSpace, trials: int) -> SamplerName:
    """Decide what ``auto`` stands for: every recipe once if the budget covers a finite space, else TPE."""
    if name != "auto":
        return name
    return "grid" if space.size * space.seeds <= trials else "tpe"


def make_sampler(name: SamplerName, seed: int, trials_before: int) -> BaseSampler:
    """Make the Optuna sampler of that name.

    Args:
        name: ``tpe``, ``nsga2``, ``gp`` or ``random``; ``grid`` needs none and gets ``random``.
        seed: Seed of the study's sampler.
        trials_before: Trials that the study has already, so that going on does not repeat its first draws.
    """
    stream = int(np.random.SeedSequence([seed, trials_before]).generate_state(1)[0])
    if name == "tpe":
        with warnings.catch_warnings():
            # Joint sampling is stable in substance; Optuna still calls the argument experimental.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return TPESampler(seed=stream, multivariate=True)
    if name == "nsga2":
        return NSGAIISampler(seed=stream)
    if name == "gp":
        return GPSampler(seed=stream)
    return RandomSampler(seed=stream)


@dataclass(frozen=True, slots=True)
class GridPoint:
    """One recipe and seed of an exhaustive search."""

    assignment: Assignment
    recipe_id: str
    seed: int


def grid(space: SearchSpace) -> list[GridPoint]:
    """List every point of the space with every seed, in an order shuffled by the space's seed.

    Raises:
        SpaceError: The space is infinite or too large to be listed.
    """
    points = list(space.points())
    order = np.random.default_rng(space.seed).permutation(len(points))
    shuffled = [(points[i], space.recipe_of(points[i]).id) for i in order]
    return [GridPoint(*point, space.seed + k) for k in range(space.seeds) for point in shuffled]


def next_seed(recipe_id: str, trials: Sequence[Trial], first: int) -> int:
    """Give the first seed that this recipe has not been trained with: a repeated recipe is a new seed."""
    used = Counter(
        trial.seed
        for trial in trials
        if trial.recipe.id == recipe_id and trial.state is not TrialState.INTERRUPTED
    )
    return next(seed for seed in range(first, first + len(trials) + 1) if seed not in used)
