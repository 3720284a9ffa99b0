"""Confirming trains what a rule decides on, with seeds that chose nothing, and is resumed like any study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from dse.errors import StudyError
from dse.evidence.confirm import Aim
from dse.record.run import Outcome
from dse.record.trial import CONFIRM, EXPLORE, Trial
from dse.runners.inline import Inline
from dse.study.confirm import Decide, Decision, Effort, confirm
from dse.study.database import open_database
from dse.study.decide import by_evidence
from dse.study.kept import confirmable
from dse.study.load import load_study
from dse.study.quiet import quiet_optuna
from dse.study.storage import opened
from dse.study.trials import read_trials
from tests.fakes import ENVIRONMENT, FakeTrainer, Quiet, make_space, run_study

SPACE = make_space(sampler="grid", stopping="dominated", seeds=1)


class Noting(Quiet):
    """Keeps what is said to be open."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def noted(self, text: str) -> None:
        self.notes.append(text)


def each_until(runs: int, *numbers: int) -> Decide:
    """Wants so many fresh runs of the recipes of some trials."""

    def decide(ended: Sequence[Trial], at_work: Sequence[Trial]) -> Decision:
        recipes = {trial.recipe.id: trial.recipe for trial in ended if trial.number in numbers}
        fresh = Counter(
            trial.recipe.id
            for trial in (*ended, *at_work)
            if trial.purpose == CONFIRM and trial.recipe.id in recipes
        )
        left = [recipe for recipe in recipes.values() if fresh[recipe.id] < runs]
        if not left:
            return Decision(None, "nothing is open")
        return Decision(min(left, key=lambda recipe: fresh[recipe.id]), f"{len(left)} recipes are open")

    return decide


ALL = Effort()


def confirmed(folder: Path, decide: Decide, effort: Effort = ALL, trainer=None, watcher=None) -> list[Trial]:
    with opened(folder, "s", SPACE, ENVIRONMENT) as study, quiet_optuna():
        return confirm(study, SPACE, Inline(trainer or FakeTrainer()), watcher or Noting(), decide, effort)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run_study(tmp_path, SPACE, trials=4)
    return tmp_path


def test_recipes_get_fresh_seeds_until_nothing_is_open(folder: Path) -> None:
    before = read_trials(open_database(folder / "s"))
    watcher = Noting()
    trials = confirmed(folder, each_until(2, 0, 1), watcher=watcher)
    assert [trial.purpose for trial in trials] == [EXPLORE] * 4 + [CONFIRM] * 4
    chosen = [trial.recipe.id for trial in before[:2]]
    assert Counter(trial.recipe.id for trial in trials[4:]) == dict.fromkeys(chosen, 2)
    for recipe_id in chosen:
        seeds = [trial.seed for trial in trials if trial.recipe.id == recipe_id]
        assert len(set(seeds)) == len(seeds) == 3
    assert watcher.notes == ["2 recipes are open", "1 recipes are open", "nothing is open"]
    assert watcher.ending == "nothing is open"


def test_a_seed_of_a_shorter_recipe_is_not_fresh_for_the_longer_one(tmp_path: Path) -> None:
    recipe = {"model": {"name": "capsnet", "preset": "tiny"}, "epochs": {"choices": [2, 4]}}
    space = make_space(recipe=recipe, baseline={"epochs": 2}, sampler="grid", seeds=1)
    run_study(tmp_path, space, trials=2)
    with opened(tmp_path, "s", space, ENVIRONMENT) as study, quiet_optuna():
        trials = confirm(study, space, Inline(FakeTrainer()), Noting(), each_until(2, 0, 1), ALL)
    assert {trial.recipe.epochs for trial in trials[2:]} == {2, 4}
    assert len({trial.seed for trial in trials[2:]}) == 4


def test_runs_go_to_their_end_whatever_the_study_stops(folder: Path) -> None:
    trials = confirmed(folder, each_until(1, 0, 1, 2, 3))
    assert Outcome.STOPPED not in {trial.state for trial in trials if trial.purpose == CONFIRM}


def test_the_effort_is_what_is_spent_now(folder: Path) -> None:
    assert len(confirmed(folder, each_until(9, 0), Effort(trials=2))) == 6
    assert len(confirmed(folder, each_until(9, 0), Effort(trials=1))) == 7
    spent = sum(trial.run.own_seconds for trial in read_trials(open_database(folder / "s")))
    trials = confirmed(folder, each_until(9, 0), Effort(seconds=1.0))
    assert sum(trial.run.own_seconds for trial in trials) > spent
    assert trials[-1].state is Outcome.INTERRUPTED
    assert "budget" in trials[-1].run.reason


def test_an_interrupted_run_is_trained_again_for_the_same_purpose(folder: Path) -> None:
    trainer = FakeTrainer()
    trainer.interrupt_at = 1
    with pytest.raises(KeyboardInterrupt):
        confirmed(folder, each_until(1, 0), trainer=trainer)
    trials = confirmed(folder, each_until(1, 0))
    interrupted, again = trials[4:]
    assert (interrupted.state, again.state) == (Outcome.INTERRUPTED, Outcome.COMPLETE)
    assert (again.seed, again.purpose, again.attempt) == (interrupted.seed, CONFIRM, 2)


def test_tables_say_what_a_trial_is_for(folder: Path) -> None:
    confirmed(folder, each_until(1, 0))
    assert load_study(folder / "s").trials["purpose"].tolist() == ["explore"] * 4 + ["confirm"]


def test_the_rule_confirms_the_answer_and_the_front_and_ends(folder: Path) -> None:
    watcher = Noting()
    where = folder / "s"
    with opened(folder, "s", SPACE, ENVIRONMENT) as study, quiet_optuna():
        decide = by_evidence(study, SPACE, where, Aim(draws=200))
        trials = confirm(study, SPACE, Inline(FakeTrainer()), watcher, decide, Effort(trials=30))
    fresh = Counter(trial.recipe.id for trial in trials if trial.purpose == CONFIRM)
    tables = load_study(where)
    assert watcher.ending.startswith("Nothing is open at 90 % that more seeds settle.")
    assert watcher.ending not in watcher.notes[:-1]
    assert fresh[SPACE.baseline_recipe.id] >= 2 or tables.answer.fastest is None
    judged_K = tables.front["accuracy"] >= 2 * tables.answer.baseline.accuracy - 1  # type: ignore[union-attr]
    in_corner = tables.front["train_seconds"] <= 2 * tables.answer.baseline.seconds  # type: ignore[union-attr]
    assert set(tables.front.loc[judged_K & in_corner, "recipe_id"]) <= set(fresh)


def test_a_study_that_cannot_take_fresh_runs_says_why(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match=r"has no database that fresh runs could be added to\. `dse explore SPACE`"
    ):
        confirmable(tmp_path / "nowhere")
    trainer = FakeTrainer()
    trainer.interrupt_at = 1
    with pytest.raises(KeyboardInterrupt):
        run_study(tmp_path, SPACE, trainer, name="begun", trials=2)
    with pytest.raises(
        StudyError, match=r"no run of the baseline is complete.*Resume the study with `dse explore`"
    ):
        confirmable(tmp_path / "begun")
    assert confirmable(folder / "s").explored == SPACE.explored
