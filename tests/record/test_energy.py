"""Energy in the tables: an objective of whole runs, empty where it was not measured, and missing in older files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dse
from dse.record.objectives import measure
from dse.record.run import Outcome, Run
from dse.record.tables import write_tables
from dse.record.trial import Trial
from dse.report.figures.figures import make_figures
from dse.report.shown import Shown
from tests.fakes import (
    BASELINE,
    FASTER,
    FakeTrainer,
    epoch_row,
    make_space,
    make_study,
    make_trial,
    run_study,
)

OBJECTIVES = ["energy_joules", "accuracy"]


def metered(trial: Trial, joules: list[float]) -> Trial:
    rows = [
        dataclasses.replace(row, energy_joules=each)
        for row, each in zip(trial.run.curve, joules, strict=True)
    ]
    run = dataclasses.replace(trial.run, curve=tuple(rows))
    plan = dse.compile_plan(trial.recipe, dse.find_dataset("digits").shape, 1200)
    return dataclasses.replace(trial, run=run, measures=measure(run, plan))


@pytest.fixture
def trials() -> list[Trial]:
    return [
        metered(make_trial(0, BASELINE, [(10, 0.90), (20, 0.92)]), [1000, 2000]),
        metered(make_trial(1, FASTER, [(5, 0.91), (25, 0.93)]), [500, 1500]),
        metered(make_trial(2, FASTER, [(5, 0.91), (25, 0.94)], seed=1), [700, 1700]),
    ]


def test_the_front_trades_energy_of_whole_runs(trials: list[Trial]) -> None:
    tables = make_study(trials, objectives=OBJECTIVES)
    assert not tables.front_of_curves
    assert tables.trials["energy_joules"].tolist() == [2000, 1500, 1700]
    assert tables.front[["trial", "energy_joules", "accuracy"]].to_numpy().tolist() == [
        [1, 1600, pytest.approx(0.935)]
    ]
    assert tables.points["energy_joules"].tolist() == [1000, 2000, 600, 1600]
    assert "1,600 J" in tables._repr_html_()
    for figure in make_figures(Shown(tables)).values():
        figure.draw_without_rendering()


def test_a_mean_over_runs_of_which_one_was_not_metered_is_not_known(trials: list[Trial]) -> None:
    tables = make_study([*trials[:2], make_trial(2, FASTER, [(5, 0.91), (25, 0.94)], seed=1)])
    assert np.isnan(tables.points["energy_joules"].tolist()[2:]).all()


def test_files_keep_energy_and_older_ones_have_none(trials: list[Trial], tmp_path: Path) -> None:
    tables = make_study(trials)
    write_tables(tables, tmp_path)
    again = dse.load_study(tmp_path)
    pd.testing.assert_series_equal(again.curves["energy_joules"], tables.curves["energy_joules"])
    for name in ("trials", "curves"):
        path = tmp_path / f"{name}.csv"
        frame = pd.read_csv(path)
        frame.drop(columns="energy_joules").to_csv(path, index=False)
    older = dse.load_study(tmp_path)
    assert older.curves["energy_joules"].isna().all()
    assert older.trials["accuracy"].tolist() == tables.trials["accuracy"].tolist()


def test_a_study_is_searched_by_energy_and_kept_with_it(tmp_path: Path) -> None:
    class Metered(FakeTrainer):
        def epochs(self, plan, seed):
            curve = []
            for epoch in plan.epochs:
                row = epoch_row(epoch.epoch, 2.0 * epoch.epoch, 0.9)
                curve.append(dataclasses.replace(row, energy_joules=100.0 * epoch.epoch))
                yield curve[-1]
            return Run(tuple(curve), Outcome.COMPLETE)

    run_study(tmp_path, make_space(objectives=OBJECTIVES), Metered(), trials=2, sampler="random")
    tables = dse.load_study(tmp_path / "s")
    assert tables.trials["energy_joules"].tolist() == [400.0, 400.0]
    assert tables.curves["energy_joules"].tolist() == [100.0, 200.0, 300.0, 400.0] * 2
