"""Which recipe and seed come next: what stands behind each name of ``dse.space.samplers.SAMPLERS``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from typing_extensions import override

from dse.errors import SpaceError
from dse.record.run import Outcome
from dse.record.trial import Trial
from dse.search.history import History
from dse.search.orders import ExpectedGain, Grid
from dse.search.progress import PlanSummary, Progress
from dse.search.surrogate import Candidate, Surrogate
from dse.space.search_space import SearchSpace
from dse.study.agenda import Agenda, Point
from dse.study.quiet import quiet_optuna
from dse.study.trainer import Trainer

# Above this many recipes the similarity of all pairs takes seconds and hundreds of MB.
LARGEST_JUDGED = 2_000
# Samplers that run every recipe of a finite space in an order of their own.
LISTING = frozenset({"expected_gain", "grid"})


def _tpe(seed: int) -> BaseSampler:
    with quiet_optuna():
        # Joint sampling is stable in substance; Optuna still calls the argument experimental.
        return TPESampler(seed=seed, multivariate=True)


OPTUNA_SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": _tpe,
    "nsga2": lambda seed: NSGAIISampler(seed=seed),
    "gp": lambda seed: GPSampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
}


def choose_sampler(space: SearchSpace) -> str:
    """Decide what ``auto`` stands for.

    The largest expected gain first where every recipe can be judged; else every one once if the trials cover a
    finite space; else TPE.
    """
    if space.sampler != "auto":
        return space.sampler
    if space.size <= LARGEST_JUDGED and space.has_front_of_curves:
        return "expected_gain"
    return "grid" if space.size * space.seeds <= space.trials else "tpe"


def make_sampler(name: str, seed: int, trials_before: int) -> BaseSampler:
    """Make the Optuna sampler of that name.

    Args:
        name: One of ``SAMPLERS``; those that list the space need none and get ``random``.
        seed: Seed of the study's sampler.
        trials_before: Trials that the study has already, so that resuming it does not repeat its first draws.
    """
    stream = int(np.random.SeedSequence([seed, trials_before]).generate_state(1)[0])
    return OPTUNA_SAMPLERS["random" if name in LISTING else name](stream)


class Listed(Agenda):
    """Every recipe of a finite space with every seed, in an order.

    Args:
        sampler: ``grid``, shuffled by the space's seed, or ``expected_gain``.
        space: What is explored.
        history: The runs of the study so far.
        trainer: Knows the sizes of networks, where the space weighs them.

    Raises:
        SpaceError: The space is infinite or too large to be listed, or to be judged.
    """

    def __init__(self, sampler: str, space: SearchSpace, history: History, trainer: Trainer) -> None:
        judged = sampler == "expected_gain"
        if judged and not space.size <= LARGEST_JUDGED:
            raise SpaceError(
                f"sampler={sampler}: the space {space.name} has {space.size:,.0f} recipes, and at most "
                f"{LARGEST_JUDGED:,} can be judged. Use choices instead of ranges, or the sampler tpe."
            )
        self._first_seed = space.seed
        points = list(space.points())
        shuffled = np.random.default_rng(space.seed).permutation(len(points))
        self._points = [points[i] for i in shuffled]
        recipes = [space.recipe_of(point) for point in self._points]
        self._rows = {recipe.id: row for row, recipe in enumerate(recipes)}
        rows = range(len(recipes))
        self._order = Grid(rows, space.seeds)
        if judged:
            plans = [space.plan(recipe) for recipe in recipes]
            weights = [trainer.sized(plan).parameters if space.weighs_parameters else None for plan in plans]
            candidates = [
                Candidate(point, PlanSummary.of(plan, parameters))
                for point, plan, parameters in zip(self._points, plans, weights, strict=True)
            ]
            self._order = ExpectedGain(rows, Surrogate(candidates, history), space.seeds)

    @property
    @override
    def done(self) -> str:
        return "every recipe of the space is trained"

    @override
    def next(self) -> Point | None:
        row = self._order.next()
        return None if row is None else Point(self._points[row], self._first_seed + self._order.at)

    @override
    def begun(self, trial: Trial) -> None:
        row = self._rows.get(trial.recipe.id)
        if row is not None:
            self._order.begun(row, trial.seed - self._first_seed)

    @override
    def ended(self, trial: Trial, run: Progress, *, counts: bool = True) -> None:
        row = self._rows.get(trial.recipe.id)
        if row is not None:
            self._order.given_up(row, trial.seed - self._first_seed)
            if counts:
                self._order.ended(row, run, trial.seed - self._first_seed)

    @override
    def remaining_gain(self) -> float | None:
        return self._order.remaining_gain()


def next_seed(trials: Sequence[Trial], first: int) -> int:
    """Give the first seed that none of these trials of one recipe was trained with."""
    used = {trial.seed for trial in trials if trial.state is not Outcome.INTERRUPTED}
    return next(seed for seed in range(first, first + len(trials) + 1) if seed not in used)
