"""How many fresh runs it takes to settle a recorded table: python benchmarks/confirm.py results/mnist-table.

A table with several seeds is explored once more, each recipe with one run. Then fresh runs are drawn until nothing is
open that the rule of ``dse confirm`` asks for, by several strategies that differ in nothing but which recipe comes
next. A run is a recorded mean curve with the deviations of a recorded run of a recipe with about as many errors, so
that there is no end of them. Images are taken as they are: no noise of theirs.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dse.evidence.confirm import Aim, Next, next_run
from dse.evidence.sample import Studied
from dse.record.answer import complete_runs, find_answer
from dse.record.replicates import Replicates, by_recipe
from dse.record.right import no_right
from dse.record.tables import StudyTables
from dse.record.trial import CONFIRM, EXPLORE, Trial
from dse.study.load import load_study


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


STRATEGIES: dict[str, Strategy] = {"confirm": of_rule, "equal": equal, "equal among rivals": equal_near}


def main() -> None:
    """Print a row a strategy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument(
        "--most", type=int, default=40, help="Runs of each recipe, in the mean, before it is given up."
    )
    parser.add_argument("--margin", type=float, default=0.3, help="In points.")
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
    rows: dict[str, list[tuple[int, float, bool, float]]] = {name: [] for name in STRATEGIES}
    for repeat in range(asked.repeats):
        for name, strategy in STRATEGIES.items():
            world = World(tables, np.random.default_rng(repeat))
            world.explore()
            explored, began = len(world.trials), time.process_time()
            most = asked.most * len(world.recipes)
            rounds = 1 if name == "confirm" else len(world.recipes) // 4
            while (found := next_run(world.studied(), world.fresh, aim)).recipe_id is not None:
                for _ in range(rounds):  # turns are looked at a few times a round, to save time
                    world.run(strategy(world, found))
                if len(world.trials) - explored >= most:
                    break
            fresh = world.trials[explored:]
            spent = sum(trial.run.train_seconds for trial in fresh)
            rows[name].append((len(fresh), spent, found.recipe_id is None, time.process_time() - began))
    base = np.median([row[0] for row in rows["confirm"]])
    seconds = np.median([row[1] for row in rows["confirm"]])
    for name, found_rows in rows.items():
        runs, spent, settled, took = np.array(found_rows, dtype=float).T
        print(
            f"  {name:20s} runs {np.median(runs):6.0f} ({runs.min():.0f} to {runs.max():.0f}), "
            f"{np.median(runs) / base:4.1f} times as many; train seconds "
            f"{np.median(spent) / seconds:4.1f} times; settled "
            f"{settled.mean():.0%}; decided in {np.sum(took) / max(np.sum(runs), 1):.3f} s a run"
        )


if __name__ == "__main__":
    main()
