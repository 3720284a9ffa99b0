"""Which recipe and seed come next: the samplers by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from dse.errors import SpaceError
from dse.recipe.recipe import Recipe
from dse.record.run import Outcome
from dse.record.trial import Trial
from dse.search.history import History
from dse.search.progress import Outline, Progress
from dse.search.surrogate import Candidate, Promise
from dse.space.assignment import Assignment
from dse.space.search_space import SamplerName, SearchSpace
from dse.study.quiet import quiet_optuna

# Above this many recipes the similarity of all pairs takes seconds and hundreds of MB.
LARGEST_JUDGED = 2_000


def choose_sampler(name: SamplerName, space: SearchSpace, trials: int) -> SamplerName:
    """Decide what ``auto`` stands for.

    The most promising recipe first where every recipe can be judged; else every one once if so many trials cover a
    finite space; else TPE.
    """
    if name != "auto":
        return name
    if space.size <= LARGEST_JUDGED and space.has_front_of_curves:
        return "expected_gain"
    return "grid" if space.size * space.seeds <= trials else "tpe"


def make_sampler(name: SamplerName, seed: int, trials_before: int) -> BaseSampler:
    """Make the Optuna sampler of that name.

    Args:
        name: ``tpe``, ``nsga2``, ``gp`` or ``random``; ``grid`` and ``expected_gain`` need none and get ``random``.
        seed: Seed of the study's sampler.
        trials_before: Trials that the study has already, so that going on does not repeat its first draws.
    """
    stream = int(np.random.SeedSequence([seed, trials_before]).generate_state(1)[0])
    if name == "tpe":
        with quiet_optuna():
            # Joint sampling is stable in substance; Optuna still calls the argument experimental.
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
    recipe: Recipe
    recipe_id: str
    seed: int


def grid(space: SearchSpace) -> list[GridPoint]:
    """List every point of the space with every seed, in an order shuffled by the space's seed.

    Raises:
        SpaceError: The space is infinite or too large to be listed.
    """
    points = list(space.points())
    order = np.random.default_rng(space.seed).permutation(len(points))
    shuffled = [(points[i], space.recipe_of(points[i])) for i in order]
    return [
        GridPoint(assignment, recipe, recipe.id, space.seed + k)
        for k in range(space.seeds)
        for assignment, recipe in shuffled
    ]


class Listed:
    """An order of every recipe of a space with every seed.

    Args:
        space: What is explored; finite.
        history: The runs of the study so far.
        judged: Whether the most promising recipe comes first; else the order is shuffled.

    Raises:
        SpaceError: The space is infinite or too large to be listed, or to be judged.
    """

    def __init__(self, space: SearchSpace, history: History, *, judged: bool) -> None:
        if judged and not space.size <= LARGEST_JUDGED:
            raise SpaceError(
                f"sampler=expected_gain: the space {space.name} has {space.size:,.0f} recipes, and at most "
                f"{LARGEST_JUDGED:,} can be judged. Use choices instead of ranges, or the sampler tpe."
            )
        self._points = grid(space)
        first_pass = self._points[: int(space.size)]
        self._rows = {point.recipe_id: row for row, point in enumerate(first_pass)}
        self._promise = None
        if judged:
            candidates = [
                Candidate(
                    point.assignment,
                    Outline.of(space.plan(point.recipe), weigh_parameters=space.weighs_parameters),
                )
                for point in first_pass
            ]
            self._promise = Promise(candidates, history)

    def record(self, trial: Trial, run: Progress) -> None:
        """Learn from a trial that has ended."""
        if self._promise is not None and run.seconds and trial.recipe.id in self._rows:
            self._promise.record(self._rows[trial.recipe.id], run)

    def left(self, done: Sequence[Trial]) -> list[GridPoint]:
        """List what has not been trained: of every recipe the next seed, those with the fewest seeds only."""
        trained = {(trial.recipe.id, trial.seed) for trial in done if trial.state is not Outcome.INTERRUPTED}
        left = [point for point in self._points if (point.recipe_id, point.seed) not in trained]
        return [point for point in left if point.seed == left[0].seed]

    def next(self, done: Sequence[Trial]) -> GridPoint | None:
        """Give the point to train next; None if there is none."""
        left = self.left(done)
        if self._promise is None or not left:
            return left[0] if left else None
        best = self._promise.best([self._rows[point.recipe_id] for point in left])
        return next(point for point in left if self._rows[point.recipe_id] == best)

    def remaining_gain(self, done: Sequence[Trial]) -> float | None:
        """Expect by what share the anytime volume grows if all that is left is trained; None if it is not judged."""
        if self._promise is None:
            return None
        return self._promise.remaining_gain([self._rows[point.recipe_id] for point in self.left(done)])


def next_seed(recipe_id: str, trials: Sequence[Trial], first: int) -> int:
    """Give the first seed that this recipe has not been trained with: a repeated recipe is a new seed."""
    used = Counter(
        trial.seed
        for trial in trials
        if trial.recipe.id == recipe_id and trial.state is not Outcome.INTERRUPTED
    )
    return next(seed for seed in range(first, first + len(trials) + 1) if seed not in used)
