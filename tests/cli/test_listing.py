"""Tables and the live view at the widths and heights that terminals have."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from dse.cli.listing import Listing, Table
from dse.cli.progress import LiveView
from dse.cli.studies import front_table, trials_table
from dse.recipe.recipe import Recipe
from dse.record.answer import Answer
from dse.record.run import Outcome
from dse.space.load import load_space
from dse.study.load import load_study
from dse.study.watcher import Standing
from tests.cli.command import run
from tests.fakes import BASELINE, make_trial, realistic_study, small_study

ROOT = Path(__file__).resolve().parents[2]
SPACE = load_space("quickstart")
LONG = "tiny, 2 types, 1 routing · fixed 0.005 · batch 32 · cross-entropy of 10 × length · start ±0.1 · Muon"


def printed(shown: object, width: int, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    console.print(shown)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def listing(recipe: str = LONG, reason: str = "") -> Listing:
    table = Listing(["trial", "train_seconds", "accuracy"], ["recipe", "reason"])
    for number in range(3):
        table.add_row([str(number), f"1{number}.3\u00a0s", "97.60\u00a0%"], [recipe, reason])
    return table


def test_a_row_is_a_line_where_it_fits() -> None:
    lines = printed(listing("tiny"), 80)
    assert lines == [
        "           train",
        " trial   seconds   accuracy   recipe",
        " ───────────────────────────────────",
        "     0    10.3\u00a0s    97.60\u00a0%   tiny",
        "     1    11.3\u00a0s    97.60\u00a0%   tiny",
        "     2    12.3\u00a0s    97.60\u00a0%   tiny",
    ]


def test_a_recipe_that_does_not_fit_stands_above_its_rows_once() -> None:
    lines = printed(listing(), 60)
    assert "".join(lines[3:5]).replace(" ", "") == LONG.replace(" ", "")
    assert lines[5:] == [f"     {number}    1{number}.3\u00a0s    97.60\u00a0%" for number in range(3)]


def test_a_reason_stands_below_its_row() -> None:
    lines = printed(listing(reason="OutOfMemoryError: no memory"), 60)
    assert lines[6] == "    OutOfMemoryError: no memory"
    assert lines[5].split()[0] == "0"


def test_where_cells_do_not_fit_they_are_named_and_whole() -> None:
    lines = printed(listing(), 20)
    assert "    train seconds" in lines
    assert sum("10.3\u00a0s" in line for line in lines) == 1
    assert sum("97.60\u00a0%" in line for line in lines) == 3


def test_an_empty_table_has_its_columns() -> None:
    assert printed(Listing(["trial", "epoch"], ["recipe"]), 40)[0] == " trial   epoch"


def test_controls_are_written_out() -> None:
    table = listing("a\nb\x1b[31m", "[bold]x[/bold] \u202e")
    text = "\n".join(printed(table, 80))
    assert r"a b\x1b[31m" in text
    assert r"[bold]x[/bold] \u202e" in text


@given(
    st.lists(st.tuples(st.text("0123456789.", max_size=12), st.text("abc 日本", max_size=90)), max_size=5),
    st.integers(20, 200),
)
@settings(max_examples=60)
def test_no_width_cuts_a_number_or_breaks_the_frame(rows: list[tuple[str, str]], width: int) -> None:
    table = Listing(["trial", "seconds"], ["recipe"])
    for number, (cell, words) in enumerate(rows):
        table.add_row([str(number), cell], [words])
    lines = printed(table, width)
    assert all(cell_len(line) <= width for line in lines)
    text = "\n".join(lines)
    assert all(cell in text for cell, _ in rows)


def test_words_are_wrapped_beside_their_numbers_while_that_can_be_read() -> None:
    table = Table(["name", "train_images", "what_for"], [True, False, True])
    table.add_row("fashion_mnist", "60,000", "clothing in grey, for comparison")
    assert printed(table, 50) == [
        "                  train",
        " name            images   what for",
        " ─────────────────────────────────────────────────",
        " fashion_mnist   60,000   clothing in grey, for",
        "                          comparison",
    ]
    assert printed(table, 34) == [
        "  train",
        " images",
        " ──────",
        " fashion_mnist",
        " 60,000",
        "    clothing in grey, for",
        "    comparison",
    ]


@given(
    st.lists(
        st.tuples(
            st.text("abc-", max_size=18), st.text("0123456789.", max_size=12), st.text("ab 日本", max_size=90)
        ),
        max_size=5,
    ),
    st.integers(20, 200),
)
@settings(max_examples=60)
def test_no_width_cuts_what_a_table_holds(rows: list[tuple[str, str, str]], width: int) -> None:
    table = Table(["name", "train_seconds", "what_for"], [True, False, True], title="all")
    for row in rows:
        table.add_row(*row)
    lines = printed(table, width)
    assert all(cell_len(line) <= width for line in lines)
    assert all(any(name in line for line in lines) for row in rows for name in row[:2])


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        (("studies",), ("mnist-dimensions", "mnist-paper-small", "per-type-start")),
        (("compare", "mnist-answer", "mnist-dimensions"), ("mnist-dimensions", "has no other")),
        (("spaces",), ("mnist-fast-full", "mnist-dimensions")),
        (("datasets",), ("10,000", "1x28x28", "fashion_mnist")),
    ],
)
def test_commands_cut_no_name_and_no_number(
    arguments: tuple[str, ...], whole: tuple[str, ...], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    lines = re.sub(r"\x1b\[\d*m", "", run(*arguments).output).splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert "…" not in "".join(lines)
    assert all(any(each in line for line in lines) for each in whole)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
@pytest.mark.parametrize("name", ["mnist-dimensions", "per-type-start"])
def test_the_front_and_trials_of_real_studies_at_any_width(name: str, width: int) -> None:
    study = load_study(ROOT / "results" / name)
    for table in (front_table(study), trials_table(study)):
        lines = printed(table, width)
        assert all(cell_len(line) <= width for line in lines)
        assert not any("…" in line for line in lines)
    shown = " ".join(printed(front_table(study), width))
    for row in study.front.to_dict("records"):
        assert re.search(rf"\b{100 * row['accuracy']:.2f}\u00a0%", shown)


def test_25_trials_take_fewer_than_80_lines_at_80_columns() -> None:
    assert len(printed(trials_table(realistic_study(25)), 80)) < 80


def live(width: int, height: int, recipe: Recipe = BASELINE) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    view = LiveView(console, "second-try", SPACE)
    trials = [
        make_trial(number, recipe, [(10 - number, 0.5 + number / 100)], seed=number) for number in range(8)
    ]
    trials[6] = make_trial(6, recipe, [], state=Outcome.FAILED, reason="no memory " * 30, seed=6)
    answer = Answer(
        None, None, "No other recipe reaches the baseline's best accuracy (75.00 % after 20.0 s). " * 2
    )
    for number, trial in enumerate(trials):
        view.trial_ended(trial, trials[: number + 1], Standing(number + 1, 20.0, None, answer))
    view.epoch_ended(running := make_trial(8, recipe, [(12.5, 0.25)]), running.run.curve[-1])
    return printed(view.view(), width, height)


@pytest.mark.parametrize("height", [6, 10, 16, 24, 40])
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_status_line_is_kept_at_any_size(width: int, height: int) -> None:
    lines = live(width, height)
    assert len(lines) <= height
    status = " ".join(" ".join(lines).split())
    assert status.endswith("Ctrl-C ends cleanly; the same command resumes.")
    assert "second-try: 8/" in status
    assert all(cell_len(line) <= width for line in lines)


def test_a_tall_terminal_shows_more() -> None:
    few, many = live(80, 24), live(80, 60)
    assert len(few) <= 24 < len(many)
    for lines in (few, many):
        assert any(line.startswith("trials") for line in lines)
        assert any("epoch 1/5: 25.00" in line for line in lines)
        assert any(line.startswith("front so far") for line in lines)


def test_failures_are_explained_below_their_trial() -> None:
    lines = printed(trials_table(small_study()), 60)
    failed = next(i for i, line in enumerate(lines) if "failed" in line)
    assert lines[failed + 1] == "    <b>disk</b> & memory"
