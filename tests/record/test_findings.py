"""docs/findings.md says what the published studies hold."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from dse.study.load import load_study

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "findings.md").read_text()


def points() -> pd.DataFrame:
    return load_study(ROOT / "results" / "mnist-dimensions").points


def seconds_to(frame: pd.DataFrame, accuracy: float) -> pd.Series:
    """Mean seconds in which each recipe, by its label, first reaches an accuracy."""
    reached = frame[frame["accuracy"] >= accuracy]
    return reached.groupby("label")["train_seconds"].min()


def test_the_table_of_choices_is_the_studys() -> None:
    frame = points()
    baseline = frame[frame["label"] == "tiny · fixed 0.001 · batch 128"]
    to_best = seconds_to(frame, baseline["accuracy"].max())
    shares = (to_best / to_best["tiny · fixed 0.001 · batch 128"]).round(2)
    table = PAGE.split("| recipe, batch 32 |")[1].split("\n\n")[0]
    rows = re.findall(
        r"^\|[^|]*\| (?:\*\*)?([\d.]+)(?:\*\*)? \|.*\| ([\d.]+) % \| [\d.]+ s? ?\|$", table, flags=re.M
    )
    assert sorted(float(share) for share, _ in rows) == pytest.approx(sorted(shares), abs=0.0051)
    best = frame[frame["label"].isin(to_best.index)].groupby("label")["accuracy"].max()
    assert sorted(float(accuracy) for _, accuracy in rows) == pytest.approx(sorted(100 * best), abs=0.0051)
    assert frame["label"].nunique() - len(shares) == PAGE.count("| not reached |")


def test_the_best_of_the_papers_dimensions_is_overtaken_as_it_says() -> None:
    frame = points()
    old = frame[frame["label"].str.contains("warm restarts")]
    to_old = seconds_to(frame, old["accuracy"].max())
    shares = to_old / to_old[old["label"].iloc[0]]
    said = re.search(r"is reached in ([\d.]+) of its time \(([\d.]+) with four types,\s+([\d.]+) with", PAGE)
    found = [
        shares[shares.index.str.contains("2 types")].item(),
        shares[shares.index.str.contains("Muon") & ~shares.index.str.contains("2 types")].item(),
        shares[shares.index.str.contains("schedule-free")].item(),
    ]
    assert [float(share) for share in said.groups()] == pytest.approx(found, abs=0.0051)
