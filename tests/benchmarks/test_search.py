"""The benchmark of search strategies: its own arithmetic, and a short walk through it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dse
from dse.replay.score import score
from dse.replay.table import record_table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import search

    return search


def test_trials_become_epochs_on_one_clock(program: Any) -> None:
    table = record_table(dse.load_study(ROOT / "results" / "mnist-table"))
    first, second = table.runs[3][1][-1].seconds, table.runs[5][0][-1].seconds
    found = program._replay(table, [[3, 1, 2], [5, 0, 1]])
    assert list(zip(found.rows, found.epochs, strict=True)) == [(3, 1), (3, 2), (5, 1)]
    np.testing.assert_allclose(found.clock, [first[0], first[1], first[1] + second[0]])
    assert 0 < score(table, found).final_share < 1


def test_a_ratio_of_medians_has_an_interval_around_it(program: Any) -> None:
    rng = np.random.default_rng(1)
    ours, theirs = pd.Series(rng.normal(10, 1, 200)), pd.Series(rng.normal(20, 1, 200))
    told = program.ratio_of_medians(ours, theirs)
    assert told["low"] < told["ratio"] < told["high"]
    assert told["ratio"] == pytest.approx(0.5, abs=0.02)
    never = program.ratio_of_medians(pd.Series([np.inf] * 5), pd.Series([1.0] * 5))
    assert never["ratio"] == np.inf


def test_a_walk_through(program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "WHOLE_RUNS", ["grid", "random"])
    result = program.measure(ROOT / "results" / "mnist-table", 3, None, 1, tmp_path)
    text = program.markdown(result)
    assert "### mnist-table: 42 recipes" in text
    assert "| `grid+dominated` |" in text
    assert "seconds to 95 %, against `" in text
    assert (tmp_path / "mnist-table" / "growth.png").exists()
    assert 0 < result["stopping_alone"]["saved"] < 1
