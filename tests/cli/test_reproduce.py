"""``dse reproduce paper``: a study of the paper's rows, and a table of verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.command import run


def reproduce(mnist: Path, results: Path, *more: object):
    return run(
        "reproduce", "paper", "--preset", "tiny", "--images", 130, "--epochs", 1, "--seeds", 1, "--device", "cpu",
        "--threads", 1, "--data-dir", mnist, "--results", results, *more,
    )  # fmt: skip


@pytest.mark.slow
def test_rows_are_trained_judged_and_resumed_with_more(mnist_folder: Path, tmp_path: Path) -> None:
    result = reproduce(mnist_folder, tmp_path, "--rows", "one_cycle")
    assert result.exit_code == 0, result.output
    assert "Scaled down: smaller than in the paper is the network (tiny) and" in result.output
    folder = tmp_path / "paper-mnist-tiny"
    rows = pd.read_csv(folder / "reproduction.csv")
    assert list(rows["row"].unique()) == ["baseline", "one_cycle"]
    assert set(rows["seeds"]) == {1}
    page = (folder / "report.html").read_text()
    assert "The paper, asked again" in page
    assert "test accuracy gained" in page

    result = reproduce(mnist_folder, tmp_path, "--rows", "one_cycle,warm_restarts", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [line["row"] for line in found["rows"] if line["measure"] == "time_to_best"] == [
        "one_cycle",
        "warm_restarts",
    ]
    assert len(pd.read_csv(folder / "trials.csv")) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rows", "two_cycles"], "the row 'two_cycles' is not the paper's. Choose from baseline,"),
        (["--epochs", "0"], "0 is not in the range x>=1"),
        (["--dataset", "digits"], "'digits' is not one of 'mnist', 'fashion_mnist'"),
        (["--name", "../x"], "is not a plain name"),
    ],
)
def test_what_makes_no_question_is_refused(arguments: list[str], says: str, tmp_path: Path) -> None:
    result = run("reproduce", "paper", "--results", tmp_path, *arguments)
    assert result.exit_code == 2
    assert says in result.output
    assert not list(tmp_path.iterdir())
