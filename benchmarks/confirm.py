"""How many fresh runs it takes to settle a recorded table: python benchmarks/confirm.py results/mnist-table.

A table with several seeds is explored once more, each recipe with one run. Then fresh runs are drawn until nothing is
open that the rule of ``dse confirm`` asks for, by several strategies that differ in nothing but which recipe comes
next. A run is a recorded mean curve with the deviations of a recorded run of a recipe with about as many errors, so
that there is no end of them. Images are taken as they are: no noise of theirs.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dse.evidence.confirm import Aim, Next, next_run
from dse.evidence.curve import Floats
from dse.evidence.front import Limits
from dse.evidence.sample import Sample, Studied
from dse.record.answer import complete_runs, find_answer
from dse.record.counted import by_recipe
from dse.record.replicates import Replicates
from dse.record.right import no_right
from dse.record.tables import StudyTables
from dse.record.trial import CONFIRM, EXPLORE, Trial
from dse.study.load import load_study

# By which share of its seconds a recipe must differ from another one to mean as much as the margin does in accuracy.
SAME_SECONDS = 0.025


@dataclass
class World:
    """A recorded table, as a source of runs without end."""

    tables: StudyTables
    rng: np.random.Generator
    trials: list[Trial] = field(default_factory=list)

    @property
    def recipes(self) -> dict[str, Replicates]:
        """The recorded runs."""
        return {recipe_id: runs for recipe_id, runs in self.tables.recipes.items() if runs.first.complete}

    def explore(self) -> None:
        """Give each recipe one run."""
        for recipe_id in self.recipes:
            self.run(recipe_id, EXPLORE)

    def run(self, recipe_id: str, purpose: str = CONFIRM) -> None:
        """Train a recipe."""
        runs = self.recipes[recipe_id]
        near = sorted(self.recipes.values(), key=lambda each: abs(_log_error(each) - _log_error(runs)))[:5]
        donor = near[self.rng.integers(len(near))]
        s, scale = self.rng.integers(donor.seeds), np.sqrt(donor.seeds / (donor.seeds - 1))
        length = min(len(donor.seconds), len(runs.seconds))
        # Errors, as factors: a run that failed to learn in its first epoch makes no other one perfect.
        logs = np.log(np.clip(1 - donor.best_SE[:, :length], 1e-4, 1))
        deviation = scale * (logs[s] - logs.mean(axis=0))
        errors = np.minimum.accumulate(np.clip(1 - runs.accuracies[:length], 1e-4, 1) * np.exp(deviation))
        pace = np.exp(scale * np.log(donor.seconds_SE[s, -1] / donor.seconds[-1]))
        rows = [
            dataclasses.replace(
                row,
                train_seconds=float(pace * seconds),
                validation_accuracy=float(np.clip(accuracy, 0, 1)),
            )
            for row, seconds, accuracy in zip(runs.first.run.curve, runs.seconds, 1 - errors, strict=False)
        ]
        trial = dataclasses.replace(
            runs.first,
            number=len(self.trials),
            seed=len(self.trials),
            run=dataclasses.replace(runs.first.run, curve=tuple(rows)),
            purpose=purpose,
        )
        self.trials.append(trial)

    def studied(self) -> Studied:
        """What is known."""
        baseline_id = self.tables.answer.baseline.recipe_id  # type: ignore[union-attr]
        recipes, baseline = by_recipe(self.trials), complete_runs(self.trials, baseline_id)
        answer = find_answer(recipes, baseline)
        return Studied(
            recipes, baseline, answer, ("train_seconds", "accuracy"), None, no_right, calibrated=False
        )

    @property
    def fresh(self) -> Counter[str]:
        """Fresh runs of each recipe."""
        return Counter(trial.recipe.id for trial in self.trials if trial.purpose == CONFIRM)


def _log_error(runs: Replicates) -> float:
    return float(np.log(max(1 - runs.accuracies[-1], 1e-6)))


Strategy = Callable[[World, Next], str]
"""Chooses the next recipe, given what the rule would."""


def of_rule(world: World, found: Next) -> str:
    """The rule of ``dse confirm``."""
    assert found.recipe_id is not None
    return found.recipe_id


def equal(world: World, found: Next) -> str:
    """Every recipe in turns."""
    return min(world.recipes, key=lambda each: world.fresh[each])


def equal_near(world: World, found: Next) -> str:
    """In turns those recipes that were among the front's rivals when the study was explored."""
    near = [recipe_id for recipe_id in world.recipes if recipe_id in world.tables.space["near"]]
    return min(near, key=lambda each: world.fresh[each])


EGE_SR = "EGE-SR"
STRATEGIES: dict[str, Strategy] = {"confirm": of_rule, "equal": equal, "equal among rivals": equal_near}


def successive_rejects(world: World, budget: int, unit_2: tuple[float, float]) -> None:
    """Spend a budget of runs by EGE-SR (Kone, Kaufmann and Richert 2024, arXiv 2311.03992).

    In each round every recipe that is left has as many runs as the others; then the one leaves whose place, on the
    front or off it, is clearest. A recipe is judged by its whole run: its accuracy, and the logarithm of its seconds.

    Args:
        world: Where they are trained.
        budget: How many runs in all.
        unit_2: By how much accuracies and logarithms of seconds must differ to count alike.
    """
    left, count = list(world.recipes), len(world.recipes)
    harmonic = 0.5 + sum(1 / i for i in range(2, count + 1))
    for r in range(1, count):
        had = math.ceil((budget - count) / (harmonic * (count + 1 - r)))
        for recipe_id in left:
            while world.fresh[recipe_id] < max(had, 1):
                world.run(recipe_id)
        known = by_recipe(world.trials)
        values = [(known[each].accuracies[-1], -np.log(known[each].seconds[-1])) for each in left]
        # Of arms that are as clear one off the front leaves first: it may have been beaten by the other.
        clearest = max(zip(*clearness(np.array(values) / unit_2), left, strict=True))
        left.remove(clearest[-1])


def clearness(values_K2: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Give by how much each arm is on the front or off it (Auer et al. 2016), and whether it is off; more is better.

    >>> clearness(np.array([[0.0, 3.0], [3.0, 0.0], [1.0, -2.0]]))
    (array([3., 2., 2.]), array([False, False,  True]))
    """
    ahead_KK2 = values_K2[None] - values_K2[:, None]  # [i, j]: by how much j is better than i
    dominates_KK, exceeds_KK = ahead_KK2.min(axis=2), ahead_KK2.max(axis=2)
    off_K = (dominates_KK > 0).any(axis=1)
    gaps_K = np.where(off_K, np.max(dominates_KK, axis=1, initial=0, where=~off_K), np.inf)
    for i in np.flatnonzero(~off_K):
        others_K = ~off_K & (np.arange(len(values_K2)) != i)
        between_K = np.minimum(exceeds_KK[i], exceeds_KK[:, i])[others_K]
        below_K = np.maximum(exceeds_KK[i], 0)[off_K] + gaps_K[off_K]
        gaps_K[i] = min([*between_K, *below_K], default=np.inf)
    return gaps_K, off_K


@dataclass(frozen=True)
class Settled:
    """What it took to settle a world.

    Attributes:
        runs: Fresh ones.
        seconds: Their train seconds.
        all: Whether nothing is open that seeds can settle.
        holds: Whether the share of the answer that is named then lies within its interval; None where none is named.
    """

    runs: int
    seconds: float
    all: bool
    holds: bool | None

    @classmethod
    def in_turns(cls, world: World, strategy: Strategy, aim: Aim, most: int) -> Settled:
        """Train what a strategy names, until nothing is open or as many runs as ``most`` are spent."""
        world.explore()
        explored = len(world.trials)
        # Turns are looked at a few times a round, to save time.
        rounds = 1 if strategy is of_rule else len(world.recipes) // 4
        while (found := next_run(world.studied(), world.fresh, aim)).recipe_id is not None:
            for _ in range(rounds):
                world.run(strategy(world, found))
            if len(world.trials) - explored >= most:
                break
        return cls._of(world, explored, found, aim)

    @classmethod
    def by_budget(cls, tables: StudyTables, repeat: int, aim: Aim, most: int) -> Settled:
        """Give EGE-SR the least budget that settles the world, of those that grow by a quarter."""
        budget = float(2 * len(tables.recipes))
        while True:
            world = World(tables, np.random.default_rng(repeat))
            world.explore()
            explored = len(world.trials)
            successive_rejects(world, round(budget), (aim.margin or 1.0, SAME_SECONDS))
            found = next_run(world.studied(), world.fresh, aim)
            if found.recipe_id is None or budget >= most:
                return cls._of(world, explored, found, aim)
            budget *= 1.25

    @classmethod
    def _of(cls, world: World, explored: int, found: Next, aim: Aim) -> Settled:
        fresh = world.trials[explored:]
        seconds = sum(trial.run.train_seconds for trial in fresh)
        return cls(len(fresh), seconds, found.recipe_id is None, _share_holds(world, aim))


def _share_holds(world: World, aim: Aim) -> bool | None:
    """Tell whether the answer's share, by the recorded means, lies within its interval."""
    studied = world.studied()
    named, reference = studied.answer.fastest, studied.answer.baseline
    found = Sample.of(studied).share(Limits(aim.confidence))
    if named is None or reference is None or found is None:
        return None
    runs, aimed = world.recipes[named.recipe_id], world.recipes[reference.recipe_id]
    reached = runs.epoch_reaching(float(aimed.accuracies[reference.epoch - 1]))
    seconds = math.inf if reached is None else float(runs.seconds[reached - 1])
    low, high = (math.inf if limit is None else limit for limit in (found.low, found.high))
    return low <= seconds / float(aimed.seconds[reference.epoch - 1]) <= high


def main() -> None:
    """Print a row a strategy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument(
        "--most", type=int, default=40, help="Runs of each recipe, in the mean, before it is given up."
    )
    parser.add_argument("--margin", type=float, default=0.3, help="In points.")
    parser.add_argument("--only", choices=[*STRATEGIES, EGE_SR], help="One strategy alone.")
    asked = parser.parse_args()
    for folder in asked.folders:
        tables = load_study(folder)
        assert tables.evidence is not None
        near = set(tables.evidence.points["recipe_id"]) | {tables.answer.baseline.recipe_id}  # type: ignore[union-attr]
        tables = dataclasses.replace(tables, space={"near": near})
        print(f"{tables.name}: {len(tables.recipes)} recipes, {len(near)} of them on the front or its rivals")
        _compare(tables, asked)


def _compare(tables: StudyTables, asked: argparse.Namespace) -> None:
    aim = Aim(margin=asked.margin / 100, draws=400)
    rows: dict[str, list[Settled]] = defaultdict(list)
    for repeat in range(asked.repeats):
        most = asked.most * len(tables.recipes)
        for name, strategy in STRATEGIES.items():
            if asked.only in (None, name):
                world = World(tables, np.random.default_rng(repeat))
                rows[name].append(Settled.in_turns(world, strategy, aim, most))
        if asked.only in (None, EGE_SR):
            rows[EGE_SR].append(Settled.by_budget(tables, repeat, aim, most))
    first = next(iter(rows.values()))
    base = statistics.median(each.runs for each in first)
    seconds = statistics.median(each.seconds for each in first)
    for name, found in rows.items():
        runs = [each.runs for each in found]
        print(
            f"  {name:20s} runs {statistics.median(runs):6.0f} ({min(runs)} to {max(runs)}), "
            f"{statistics.median(runs) / base:4.1f} times as many; train seconds "
            f"{statistics.median(each.seconds for each in found) / seconds:4.1f} times; settled "
            f"{statistics.mean(each.all for each in found):.0%}; answers within their interval "
            f"{sum(each.holds is True for each in found)} of {sum(each.holds is not None for each in found)}"
        )


if __name__ == "__main__":
    main()
