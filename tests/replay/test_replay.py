"""Replays of a recorded table: what they count, that they run what a study runs, and what cannot be replayed."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from click.testing import CliRunner
from optuna.samplers import TPESampler

import dse
from dse.cli import commands
from dse.errors import InputError, SpaceError, StudyError
from dse.recipe.plan import Plan
from dse.record.run import Outcome, Run, Training
from dse.replay.compare import Setting, compare_strategies, search
from dse.replay.score import score, share_at
from dse.replay.simulate import Replay
from dse.replay.strategies import ORDERS, Strategy, parse_strategies, usual_samplers
from dse.replay.table import RecordedTable, record_table
from dse.runners.inline import Inline
from dse.space.search_space import SearchSpace
from dse.study.explore import explore
from dse.study.load import load_study
from dse.study.storage import opened
from dse.study.watcher import Watcher
from tests.fakes import FakeTrainer, epoch_row

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "results" / "digits-table"


@pytest.fixture(scope="module")
def table() -> RecordedTable:
    return record_table(load_study(RECORDED))


def searched(table: RecordedTable, name: str, seed: int = 0, budget: float = math.inf) -> Replay:
    (strategy,) = parse_strategies([name], ["none"])
    return search(table, strategy, np.random.default_rng(seed), min(budget, 3 * table.seconds))


def test_the_table_is_whole(table: RecordedTable) -> None:
    assert len(table.candidates) == table.space.size == 96
    assert {len(runs) for runs in table.runs} == {3}
    curves = pd.read_csv(RECORDED / "curves.csv")
    assert table.seconds == pytest.approx(curves.groupby("trial")["train_seconds"].max().sum() / 3)
    assert table.left_out == 0


def test_an_exhaustive_search_runs_every_recipe_once_and_loses_nothing(table: RecordedTable) -> None:
    found = searched(table, "grid")
    assert found.rows[0] == table.baseline
    assert sorted(found.rows.tolist()) == sorted([*range(96)] * 10)
    assert np.all(np.diff(found.clock) > 0)
    result = score(table, found)
    assert result.final_share == pytest.approx(1)
    assert result.front_points_lost == 0
    assert result.seconds_spent == pytest.approx(table.seconds, rel=0.05)
    assert list(result.seconds_to.values()) == sorted(result.seconds_to.values())


@pytest.mark.parametrize("name", ORDERS)
def test_every_order_spends_no_more_than_the_budget(name: str, table: RecordedTable) -> None:
    if name == "gp":
        pytest.importorskip("scipy")
    found = searched(table, name, budget=60.0)
    assert 0 < found.clock[-1] <= 60.0
    shares = share_at(table, found, np.array([0.0, 20.0, 40.0, 60.0]))
    assert shares[0] == 0
    assert np.all(np.diff(shares) >= 0)


def test_the_paper_s_flow_varies_one_thing_at_a_time(table: RecordedTable) -> None:
    """12 policies with their rates, then 3 further batch schedules, then the other sharing."""
    found = searched(table, "three-step")
    runs = list(dict.fromkeys(found.rows.tolist()))
    assert len(runs) == 12 + 3 + 1
    base = table.candidates[table.baseline].choices
    for row in runs[:12]:
        choices = table.candidates[row].choices
        assert all(choices[name] == value for name, value in base.items() if "learning_rate" not in name)
    assert len({table.candidates[row].choices["learning_rate"] for row in runs[12:]}) == 1


def test_the_default_of_optuna_is_the_one_that_is_replayed() -> None:
    default, ours = optuna.create_study(directions=["minimize", "maximize"]).sampler, TPESampler(seed=0)
    settings = ("_multivariate", "_group", "_constant_liar", "_n_startup_trials", "_n_ei_candidates")
    assert type(default) is type(ours)
    assert [getattr(default, name) for name in settings] == [getattr(ours, name) for name in settings]


class Recording(FakeTrainer):
    """Trains nothing: gives back the runs of a table, seed by seed."""

    def __init__(self, table: RecordedTable, seeds: list[list[int]]) -> None:
        super().__init__()
        self._table, self._seeds = table, seeds
        self._rows = {
            table.space.recipe_of(dict(each.choices)).id: row for row, each in enumerate(table.candidates)
        }
        self.seen: list[tuple[int, int]] = []

    def epochs(self, plan: Plan, seed: int) -> Training:
        row = self._rows[plan.recipe.id]
        whole = self._table.runs[row][self._seeds[row][seed]][-1]
        curve = []
        for epoch, (seconds, accuracy) in enumerate(zip(whole.seconds, whole.accuracies, strict=True), 1):
            curve.append(epoch_row(epoch, seconds, accuracy))
            self.seen.append((row, epoch))
            if (reason := (yield curve[-1])) is not None:
                return Run(tuple(curve), Outcome.STOPPED, reason, 0.0, "fake")
        return Run(tuple(curve), Outcome.COMPLETE, "", 0.0, "fake")


@pytest.mark.slow
@pytest.mark.parametrize("stops", [True, False])
def test_a_replay_of_dse_runs_what_a_study_runs(stops: bool, table: RecordedTable, tmp_path: Path) -> None:
    """Twins: ``dse explore`` itself, given the recorded runs in place of training, picks and stops the same."""
    seeds = [[0, 1, 2] for _ in table.runs]
    space = table.space.model_copy(
        update={"sampler": "expected_gain", "seeds": 1, "stopping": "dominated" if stops else "none"}
    )
    train = Recording(table, seeds)
    with opened(tmp_path, "twin", space, {}) as study:
        explore(study, space, Inline(train), Watcher())

    class FirstSeeds(np.random.Generator):
        """Draws nothing: every recipe's first run has the first seed."""

        def permutation(self, count, *args, **kwargs):
            return np.arange(count)

    replayed = search(
        table, Strategy("dse", "expected_gain", stops), FirstSeeds(np.random.PCG64(0)), table.seconds
    )
    pairs = list(zip(replayed.rows.tolist(), replayed.epochs.tolist(), strict=True))
    assert len(train.seen) > 80
    assert pairs[: len(train.seen)] == train.seen


def test_stopping_saves_more_than_half_and_loses_little(table: RecordedTable) -> None:
    comparison = compare_strategies(table, parse_strategies(["dse"], ["none"]), Setting(repeats=10))
    (row,) = comparison.strategies.to_dict("records")
    assert row["seconds_spent"] < 0.45 * table.seconds
    assert row["final_hypervolume_share"] > 0.98


@pytest.mark.slow  # starts processes, each of which imports everything
def test_a_comparison_does_not_depend_on_who_works_at_it(table: RecordedTable) -> None:
    strategies = parse_strategies(["dse", "grid"], ["none"])
    alone, together = (
        compare_strategies(table, strategies, Setting(12, processes=processes)) for processes in (1, 2)
    )
    pd.testing.assert_frame_equal(alone.strategies, together.strategies)
    pd.testing.assert_frame_equal(alone.growth, together.growth)
    pd.testing.assert_frame_equal(alone.searches, together.searches)
    medians = alone.searches.groupby("name")["seconds_spent"].quantile(0.5, interpolation="lower")
    assert alone.strategies.set_index("name")["seconds_spent"].to_dict() == medians.to_dict()


def test_what_is_not_reached_is_infinite_and_null_in_json(table: RecordedTable) -> None:
    comparison = compare_strategies(table, parse_strategies(["grid"], ["none"]), Setting(3, budgets=[20.0]))
    assert comparison.budget_seconds == 20.0
    assert math.isinf(comparison.strategies["seconds_to_99"].item())
    result = CliRunner().invoke(
        commands,
        ["replay", str(RECORDED), "--samplers", "grid", "--budgets", "20s", "--repeats", "3", "--json"],
    )
    told = json.loads(result.stdout)
    assert (told["study"], told["budget_seconds"], told["repeats"]) == ("digits-table", 20.0, 3)
    (row,) = told["strategies"]
    assert row["name"] == "grid"
    assert row["seconds_to_99"] is None
    keys = ["seconds_to_90", "seconds_to_95", "seconds_to_99", "final_hypervolume_share", "seconds_spent"]
    assert {key + end for key in [*keys, "front_points_lost"] for end in ("", "_p05", "_p95")} < set(row)


def test_tables_and_figure_are_written(tmp_path: Path) -> None:
    study = shutil.copytree(RECORDED, tmp_path / "study")
    arguments = ["replay", str(study), "--samplers", "dse,grid", "--repeats", "2", "--processes", "1"]
    result = CliRunner().invoke(commands, [*arguments, "--budgets", "30s,2min"])
    assert result.exit_code == 0, result.output
    assert "% at 2 min 0 s" in result.output
    assert {path.name for path in (study / "replay").iterdir()} == {
        "strategies.csv", "growth.csv", "searches.csv", "growth.png", "growth.svg", "growth.pdf"
    }  # fmt: skip
    growth = pd.read_csv(study / "replay" / "growth.csv")
    assert {30.0, 120.0} <= set(growth["seconds"])


def published(folder: Path, change=lambda tables: None, trials: int = 30) -> Path:
    """Copy the first trials of the recorded study, changed."""
    shutil.copytree(RECORDED, folder)
    tables = {
        name: pd.read_csv(folder / f"{name}.csv", keep_default_na=False).query(f"trial < {trials}")
        for name in ("trials", "curves")
    }
    change(tables)
    for name, frame in tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


def put(tables, name: str, row: int, column: str, value: object) -> None:
    tables[name][column] = tables[name][column].astype(object)
    tables[name].loc[row, column] = value


BAD = {
    "infinite seconds": (
        lambda tables: put(tables, "curves", 3, "train_seconds", "inf"),
        "curves.csv: trial 0, epoch 4: train_seconds=inf is no finite number",
    ),
    "no accuracy": (
        lambda tables: put(tables, "curves", 0, "test_accuracy", ""),
        "curves.csv: trial 0, epoch 1: test_accuracy=None of epoch 1 is no share",
    ),
    "nothing complete": (
        lambda tables: tables["trials"].__setitem__("state", "failed"),
        "no run of the baseline is complete",
    ),
    "a curve cut short": (
        lambda tables: tables.__setitem__("curves", tables["curves"].query("trial != 5 or epoch < 7")),
        "trial 5 is complete, but curves.csv holds 6 of its 10 epochs",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_unsound_tables_are_refused(case: str, tmp_path: Path) -> None:
    change, message = BAD[case]
    with pytest.raises(StudyError, match=message):
        record_table(load_study(published(tmp_path / "study", change)))


def test_a_published_study_needs_its_space(tmp_path: Path) -> None:
    folder = published(tmp_path / "study")
    (folder / "space.yaml").unlink()
    with pytest.raises(StudyError, match="needs the study's space.yaml"):
        dse.replay_study(folder)


def test_a_space_with_one_objective_is_refused(tmp_path: Path) -> None:
    folder = published(tmp_path / "study")
    space = folder / "space.yaml"
    space.write_text(space.read_text().replace("train_seconds, ", "").replace("- train_seconds\n", ""))
    with pytest.raises(SpaceError, match=r"objectives.*is too few: a front needs at least two"):
        dse.replay_study(folder)


def test_constant_accuracy_makes_a_table_of_seconds_alone(tmp_path: Path) -> None:
    def flatten(tables):
        tables["curves"]["validation_accuracy"] = 0.9

    table = record_table(load_study(published(tmp_path / "study", flatten)))
    assert table.volume > 0
    assert score(table, searched(table, "grid")).final_share == pytest.approx(1)
    assert score(table, searched(table, "dse")).final_share > 0.9


def test_a_table_with_gaps_cannot_be_searched_by_a_sampler(tmp_path: Path) -> None:
    def thin(tables):
        dropped = tables["trials"]["recipe_id"].iloc[-1]
        tables["trials"] = tables["trials"][tables["trials"]["recipe_id"] != dropped]
        tables["curves"] = tables["curves"][tables["curves"]["trial"].isin(tables["trials"]["trial"])]

    table = record_table(load_study(published(tmp_path / "study", thin, trials=100)))
    assert len(table.candidates) == 95
    assert score(table, searched(table, "dse")).final_share > 0.8
    with pytest.raises(StudyError, match="95 of 96 recipes, and tpe may suggest any"):
        searched(table, "tpe")
    with pytest.raises(StudyError, match="95 of 96 recipes, and nsga2 may suggest any"):
        compare_strategies(table, parse_strategies(["dse", "nsga2"], ["none"]), Setting(10**6))
    assert usual_samplers(table) == ("dse", "expected_gain", "grid", "random", "three-step")


def test_recipes_that_never_completed_are_left_out_and_counted(tmp_path: Path) -> None:
    def stop_some(tables):
        first = tables["trials"]["recipe_id"].isin(tables["trials"]["recipe_id"].unique()[-4:])
        tables["trials"].loc[first, "state"] = "stopped"

    folder = published(tmp_path / "study", stop_some, trials=120)
    arguments = ["replay", str(folder), "--samplers", "grid", "--repeats", "1", "--processes", "1"]
    result = CliRunner().invoke(commands, arguments)
    assert "4 recipes of which no run is complete are left out" in result.output
    assert "hypervolume of 92 recipes" in result.output


def test_bad_settings_are_refused(table: RecordedTable) -> None:
    with pytest.raises(InputError, match="sampler 'best' is unknown. Choose from dse, expected_gain"):
        parse_strategies(["best"], ["none"])
    with pytest.raises(InputError, match="stopping 'soon' is unknown"):
        parse_strategies(["tpe"], ["soon"])
    with pytest.raises(InputError, match="budget=0 s"):
        Setting(1, budgets=[0.0])
    with pytest.raises(InputError, match="repeats=0"):
        Setting(0)
    result = CliRunner().invoke(commands, ["replay", str(RECORDED), "--budgets", "0s"])
    assert result.exit_code == 2
    assert "leaves no time to train" in result.output


def test_assignments_are_found_again(table: RecordedTable) -> None:
    space: SearchSpace = table.space
    for assignment in list(space.points())[::7]:
        assert space.assignment_of(space.recipe_of(assignment)) == assignment
    assert space.assignment_of(dse.Recipe()) is None
