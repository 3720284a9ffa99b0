"""The live view shows what runs, what ended and the front, each in its column."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from rich.console import Console

from dse.cli.progress import LineView, LiveView, front_so_far, make_view
from dse.recipe.plan import compile_plan
from dse.record.answer import Answer
from dse.record.counted import by_recipe
from dse.record.front import front_frame, points_frame
from dse.space.load import load_space
from dse.study.watcher import Standing
from tests.fakes import BASELINE, epoch_row, make_space, make_trial, run_in_memory

SPACE = load_space("quickstart")
WAITING = Answer(None, None, "No answer yet.")


def lines_of(watcher: LiveView) -> list[str]:
    console = Console(file=io.StringIO(), width=140)
    console.print(watcher.view())
    return console.file.getvalue().splitlines()


def test_the_live_view() -> None:
    watcher = LiveView(Console(file=io.StringIO(), force_terminal=True, width=140), "second-try", SPACE)
    done, running = make_trial(0, BASELINE, [(10, 0.5), (20, 0.75)]), make_trial(1, BASELINE, [(10, 0.25)])
    watcher.trial_started(done, compile_plan(done.recipe, SPACE.data.dataset.shape, 1200))
    watcher.trial_ended(done, [done], Standing(1, 20.0, 0.05, WAITING))
    watcher.epoch_ended(running, epoch_row(1, 12.5, 0.25))
    text = lines_of(watcher)
    first, second = (next(line for line in text if line.split()[:1] == [number]) for number in ("0", "1"))
    assert "accuracy 75.00" in first
    assert "epoch 1/5: 25.00" in second
    assert first.index(done.recipe.label) == second.index(running.recipe.label)
    assert any("front so far" in line for line in text)
    assert text[0].rstrip() == "No answer yet."
    assert any(f"1/{SPACE.trials} trials" in line and "the rest may add 5 %" in line for line in text)


def test_plain_lines_elsewhere() -> None:
    console = Console(file=io.StringIO(), width=80)
    watcher = make_view(console, "second-try", SPACE)
    assert isinstance(watcher, LineView)
    done = make_trial(0, BASELINE, [(10, 0.5), (20, 0.75)])
    watcher.trial_ended(done, [done], Standing(1, 20.0, None))
    (line,) = console.file.getvalue().splitlines()
    assert line.startswith("trial 0 [tiny · fixed 0.001 · batch 128, seed 0] train_seconds 20.0")


def test_the_answer_is_printed_where_it_changes() -> None:
    console = Console(file=io.StringIO(), width=80)
    watcher = LineView(console, "second-try", SPACE)
    done = make_trial(0, BASELINE, [(10, 0.5), (20, 0.75)])
    for answer in (WAITING, WAITING, Answer(None, None, "Nobody is faster.")):
        watcher.trial_ended(done, [done], Standing(1, 20.0, None, answer))
    lines = console.file.getvalue().splitlines()
    assert [line for line in lines if not line.startswith("trial 0")] == [
        "No answer yet.",
        "Nobody is faster.",
    ]


def test_a_budget_is_counted_in_train_seconds() -> None:
    console = Console(file=io.StringIO(), width=80)
    watcher = make_view(console, "second-try", SPACE.model_copy(update={"budget": "1min"}))
    done = make_trial(0, BASELINE, [(10, 0.5), (20, 0.75)])
    watcher.trial_ended(done, [done], Standing(1, 20.0, None))
    watcher.study_ended("the budget of 1min is spent")
    first, last = console.file.getvalue().splitlines()
    assert "20 s of 1min trained" in first
    assert last == "Ended: the budget of 1min is spent."


@pytest.mark.parametrize(
    "objectives", [["train_seconds", "accuracy"], ["train_seconds", "accuracy", "parameters"]]
)
def test_the_front_so_far_is_that_of_the_tables(objectives: list[str]) -> None:
    space = make_space(objectives=objectives, seeds=2)
    trials = run_in_memory(space, trials=30, sampler="random")
    stepwise = LiveView(Console(file=io.StringIO()), "s", space)
    for count, trial in enumerate(trials, start=1):
        stepwise.trial_ended(trial, trials[:count], Standing(count, 0.0, None))
        recipes = by_recipe(trials[:count])
        expected = front_frame(points_frame(recipes), objectives)
        pd.testing.assert_frame_equal(front_so_far(recipes, space), expected)
        at_once = LiveView(Console(file=io.StringIO()), "s", space)
        at_once.trial_ended(trial, trials[:count], Standing(count, 0.0, None))
        shown, again = ("\n".join(lines_of(view)[:-1]) for view in (stepwise, at_once))
        assert shown == again
    assert len({trial.recipe.id for trial in trials}) < len(trials), "some recipes have several seeds"
