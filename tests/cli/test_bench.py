"""``dse bench`` from its options to what it prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dse.bench import bench as module
from dse.bench.bench import CONTESTANTS, BenchRow
from dse.bench.contest import Spread
from dse.bench.entries import Job
from dse.cli import commands


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, ["bench", *(str(argument) for argument in arguments)])


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Stand in for the measurement; gives the jobs that were asked for."""
    asked: list[Job] = []

    def stand_in(
        jobs: Sequence[Job],
        seconds: float,
        repeats: int,
        peer: Path | None,
        on_row: Callable[[BenchRow], None],
    ) -> list[BenchRow]:
        asked.extend(jobs)
        rates = {name: Spread(20.0, 10.0, 30.0) for name in CONTESTANTS if "peer" not in name}
        ratios = {"fast_over_reference": Spread(1.25, 1.0, 1.5)}
        engines = {"reference": {"name": "reference"}, "fast": {"name": "fast"}}
        rows = [BenchRow(job, repeats, rates, ratios, engines) for job in jobs]
        for row in rows:
            on_row(row)
        return rows

    monkeypatch.setattr(module, "bench", stand_in)
    return asked


def test_json_has_a_row_for_each_batch_size(measured: list[Job]) -> None:
    result = run(
        "--batch-sizes", "4,1", "--preset", "tiny", "--sharing", "per_type", "--precision", "bfloat16",
        "--device", "cpu", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert set(content) == {"device", "versions", "rows"}
    assert [(row["batch_size"], row["sharing"]) for row in content["rows"]] == [
        (4, "per_type"),
        (1, "per_type"),
    ]
    assert content["rows"][0]["peer"] is None
    assert content["rows"][0]["fast_over_reference"] == 1.25
    assert content["rows"][0]["precision"] == "bfloat16"
    assert [(job.preset, job.precision) for job in measured] == [("tiny", "bfloat16")] * 2


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_failure_is_told_and_ends_in_status_1(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    def stand_in(jobs: Sequence[Job], *settings: object) -> list[BenchRow]:
        rates = {"reference": Spread(20.0, 10.0, 30.0)}
        row = BenchRow(jobs[0], 5, rates, {}, {}, {"fast": "no capture"})
        settings[-1](row)  # type: ignore[operator]
        return [row]

    monkeypatch.setattr(module, "bench", stand_in)
    result = run("--batch-sizes", "16", "--device", "cpu", *arguments)
    assert result.exit_code == 1
    assert "batch 16: fast failed: no capture" in result.stderr
    if arguments:
        assert json.loads(result.stdout)["rows"][0]["failures"] == {"fast": "no capture"}
    else:
        assert "20.0 (10.0 to 30.0)" in result.stdout


@pytest.mark.usefixtures("measured")
def test_the_table_shows_medians_and_spread() -> None:
    result = run("--batch-sizes", "16", "--repeats", "3", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "20.0 (10.0 to 30.0)" in result.stdout
    assert "1.25 (1.00 to 1.50)" in result.stdout
    assert "peer" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch-sizes", "16,0"], "not a list of whole numbers from 1 up"),
        (["--batch-sizes", ""], "not a list of whole numbers from 1 up"),
        (["--seconds", "0"], "0"),
        (["--peer", "nowhere", "--device", "cpu"], "peer folder nowhere: src/model/layers.py"),
    ],
)
def test_bad_input_is_named(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output
