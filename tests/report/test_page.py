"""The page: whole, self-contained, escaped, and clear for any study."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dse.errors import StudyError
from dse.evidence.judge import judged
from dse.record.clock import timed_trial
from dse.record.published import read_tables
from dse.record.run import Outcome
from dse.record.tables import StudyTables, make_tables, write_tables
from dse.record.timing import Timing
from dse.report.choices import choice_rows
from dse.report.encoding import choose_encoding
from dse.report.page.page import page_html, write_page
from dse.report.page.tables import MOST_ROWS, front_table, most_telling
from dse.report.shown import Shown
from tests.fakes import BASELINE, FASTER, SHARED, SMALL_BATCH, make_study, make_trial
from tests.fakes import realistic_study as realistic

SECTIONS = ["The front", "Objectives and choices, side by side", "Time saved, accuracy gained", "Curves",
            "Hypervolume over training time",
            "Which choices matter", "What failed, and why", "All recipes", "Terms", "Provenance"]  # fmt: skip
FOUR = (BASELINE, FASTER, SHARED, SMALL_BATCH)


def page(tables: StudyTables) -> str:
    return page_html(Shown(tables), plotly_js="/* plotly */")


def data_of(html: str, name: str) -> dict[str, Any]:
    match = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html, re.S)
    assert match is not None
    return json.loads(match.group(1))


def test_the_page_is_one_file_that_loads_nothing(small_study: StudyTables, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_page(Shown(small_study), path)
    html = path.read_text(encoding="utf-8")
    assert len(html) < 6_000_000
    assert html.count("plotly.js v") >= 1
    own = page(small_study)
    assert "http" not in own.replace("http-equiv", "")
    assert not re.search(r"<(link|img|iframe|object)\b|\bsrc\s*=|@import|url\(", own)
    assert "default-src 'none'" in html
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_sections_come_in_their_order(small_study: StudyTables) -> None:
    html = page(small_study)
    assert re.findall(r"<h2>(.*?)</h2>", html) == SECTIONS
    assert not re.search(r"{{|{%|}}|%}", re.sub(r"<script.*?</script>", "", html, flags=re.S))
    assert set(data_of(html, "plots")) == {"growth"}


def test_the_answer_is_the_first_line_and_its_caveats_stand_below(small_study: StudyTables) -> None:
    html = page(small_study)
    said = re.search(r'<p class="finding">(.*?)</p>\s*<ul class="caveats">(.*?)</ul>', html, re.S)
    assert said is not None
    assert said.group(1) == str(small_study.answer)
    assert said.group(2).count("<li>") == len(small_study.answer.caveats) > 2
    # The answer's row: trial 2 stopped after its third epoch, in half of the baseline's 32 s.
    row = re.search(r'<tr class="answer">(.*?)</tr>', html)
    assert row is not None
    cells = re.findall(r"<td[^>]*>(?:<a[^>]*>)?(.*?)(?:</a>)?</td>", row.group(1))
    assert (cells[0], cells[2], cells[3]) == ("2", "3", "16.0 s")
    assert "+4.00" in cells[-2]


def test_means_have_their_spread(small_study: StudyTables) -> None:
    html = page(small_study)
    assert '32.0 s <span class="tag">± 2.8</span>' in html
    assert '93.00 % <span class="tag">± 1.41</span>' in html


def test_the_baseline_is_marked(small_study: StudyTables) -> None:
    assert page(small_study).count('<tr class="baseline">') >= 2


def test_stopped_and_interrupted_trials_are_counted_beside_the_failures() -> None:
    states = (Outcome.STOPPED, Outcome.STOPPED, Outcome.INTERRUPTED)
    html = page(
        make_study([make_trial(i, FASTER, [(1, 0.5)], state=state) for i, state in enumerate(states)])
    )
    assert "No trial failed." in html
    assert "Not counted here: 2 stopped, 1 interrupted." in html


def test_a_front_of_whole_runs_says_so() -> None:
    html = page(realistic(20, objectives=["train_seconds", "final_accuracy"]))
    assert "A point is a recipe's whole run: train seconds, final accuracy are not all known" in html
    assert "stop after epoch" not in html


def test_what_users_wrote_is_escaped() -> None:
    evil = "</script><script>alert(1)</script>"
    tables = make_study(
        [
            make_trial(0, BASELINE, [(1, 0.5)]),
            make_trial(1, FASTER, [], state=Outcome.FAILED, reason=evil),
        ]
    )
    answer = dataclasses.replace(tables.answer, missing=evil, caveats=(evil,))
    labelled = {name: getattr(tables, name).assign(label=evil) for name in ("trials", "points", "front")}
    html = page(dataclasses.replace(tables, name=evil, answer=answer, **labelled))
    assert "alert(1)</script>" not in html
    assert "<script>alert" not in html
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in html


def test_every_accuracy_of_protocol_paper_says_that_the_test_set_chose() -> None:
    html = page(realistic(protocol="paper"))
    assert "paper: the test set chose each best epoch" in html
    assert "The test set chose that epoch" in html
    study = data_of(html, "study")
    assert study["paper"]
    assert "test set chose the epoch" in study["axes"]["accuracy"]["title"]
    assert html.count("the test set chose the epoch of each accuracy") >= 2


STUDIES = {
    "empty": ([], {}),
    "failed": ([make_trial(0, BASELINE, [], state=Outcome.FAILED, reason="x")], {}),
    "running": ([make_trial(0, BASELINE, [(1, 0.5)], state=Outcome.RUNNING)], {}),
    "one trial": ([make_trial(0, BASELINE, [(1, 0.5), (2, 0.9)])], {}),
    "one perfect trial": ([make_trial(0, FASTER, [(1, 1.0)])], {}),
    "one accuracy": ([make_trial(i, FOUR[i % 4], [(10 + i, 0.9)]) for i in range(12)], {}),
    "identical": ([make_trial(i, BASELINE, [(10, 0.9)], seed=i) for i in range(12)], {}),
    "no baseline": ([make_trial(i, FOUR[i + 1], [(10 + i, 0.9)]) for i in range(3)], {}),
    "no data": ([make_trial(i, FOUR[i], [(10 + i, 0.9)]) for i in range(4)], {"data": None}),
}


@pytest.mark.parametrize("name", STUDIES)
def test_any_study_has_a_clear_page(name: str) -> None:
    trials, space = STUDIES[name]
    html = page(make_study(trials, **space))
    assert re.findall(r"<h2>(.*?)</h2>", html) == SECTIONS
    assert not re.search(
        r"\b(nan|None|&lt;NA&gt;|inf)\b",
        re.sub(r"<script.*?</script>|<style>.*?</style>", "", html, flags=re.S),
    )


@pytest.mark.parametrize(
    "objectives",
    [
        ["train_seconds", "parameters"],
        ["accuracy", "parameters"],
        ["accuracy", "final_accuracy"],
        ["seconds_to_best", "final_accuracy", "parameters", "train_flops"],
    ],
    ids=str,
)
def test_any_objectives_have_a_page(objectives: list[str]) -> None:
    study = data_of(page(realistic(20, objectives=objectives)), "study")
    assert set(objectives) <= set(study["axes"])
    assert study["ofCurves"] or set(objectives) <= set(study["whole"])


def test_a_published_study_without_space_has_a_page(small_study: StudyTables, tmp_path: Path) -> None:
    write_tables(small_study, tmp_path)
    html = page(read_tables(tmp_path, {}))
    assert f'<p class="finding">{small_study.answer}</p>' in html


def test_hundreds_of_trials_stay_small(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_page(Shown(realistic(500, epochs=20)), path)
    assert path.stat().st_size < 6_000_000


def test_an_unwritable_folder_is_a_clear_error(small_study: StudyTables, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StudyError, match="report.html: cannot be written"):
        write_page(Shown(small_study), blocked / "report.html")


def calibrated_study() -> StudyTables:
    """A study by calibrated seconds: the baseline was disturbed, and one recipe saves less than the clock can tell."""
    alone = {0: [10.0, 20.0, 30.0, 40.0, 50.0], 1: [9.8, 19.6, 29.4, 39.2, 49.0]}
    trials = [
        make_trial(0, BASELINE, [(20, 0.80), (40, 0.92), (60, 0.93)]),
        make_trial(1, FASTER, [(10, 0.80), (20, 0.92), (30, 0.94)]),
    ]
    timed = [timed_trial(trial, np.array(alone[trial.number]), 0.01, Timing.CALIBRATED) for trial in trials]
    tables = make_study(timed)
    environment = {**tables.environment, "clock": "calibrated", "noise_floor": 0.028}
    return make_tables(tables.name, timed, tables.space, BASELINE.id, environment)


def test_a_calibrated_study_says_so_wherever_seconds_stand() -> None:
    tables = calibrated_study()
    html = page(tables)
    assert (
        "calibrated: what the steps take by themselves; differences below 2.8 % are within noise; 1 run disturbed"
        in html
    )
    assert "Seconds are calibrated: what a run&#39;s steps take by themselves" in html
    shown = data_of(html, "study")
    assert shown["axes"]["train_seconds"]["title"] == "train time (s), calibrated"
    assert "Savings below 2.8 %, the noise floor of the clock, are marked as noise." in html
    cells = [cell for row in front_table(tables).rows for cell in row.cells]
    assert ("2.0 %", "noise") in [(cell.text, cell.tag) for cell in cells]
    assert "disturbed</" in html
    assert "1.5 min, all trials together" not in html
    assert "90.0 s, all trials together" in html, "what was spent is the stopwatch's"


def test_a_measured_study_says_nothing_of_calibration(small_study: StudyTables) -> None:
    html = page(small_study)
    assert "alibrated" not in re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert data_of(html, "study")["axes"]["train_seconds"]["title"] == "train time (s)"


def test_of_many_recipes_the_tables_show_front_baseline_and_the_most_accurate() -> None:
    rows = pd.DataFrame(
        {
            "accuracy": np.linspace(0.2, 0.9, 1000),
            "is_baseline": [True] + [False] * 999,
            "on_front": [False] * 1000,
        }
    )
    rows.loc[5, "on_front"] = True
    assert most_telling(rows).index.tolist() == [0, 5, *range(1000 - MOST_ROWS + 2, 1000)]
    trials = [make_trial(i, FOUR[i % 4], [(1.0 + i, 0.5 + i / 2000)], seed=i) for i in range(MOST_ROWS + 20)]
    html = page(make_study(trials))
    assert f"{MOST_ROWS} of {MOST_ROWS + 20} rows; all are in trials.csv." in html


def test_which_choices_make_the_front(small_study: StudyTables) -> None:
    rows = {
        (row.dimension, row.value): row
        for row in choice_rows(small_study, choose_encoding(small_study).dimensions)
    }
    cycle = rows[
        "learning rate policy" if ("learning rate policy", "one_cycle") in rows else "policy", "one_cycle"
    ]
    assert (cycle.recipes, cycle.front_share, cycle.accuracy, cycle.seconds) == (1, 0.75, 0.97, 16.0)
    assert sum(row.front_share or 0 for row in rows.values() if row.dimension == cycle.dimension) == 1


def test_a_click_on_a_trial_of_a_table_shows_its_card(small_study: StudyTables) -> None:
    html = page(small_study)
    assert '<a href="#pin=2.3">2</a>' in html
    assert '<a href="#pin=0">0</a>' in html


def test_the_page_says_how_sure_a_point_is(small_study: StudyTables) -> None:
    said = data_of(page(judged(small_study)), "study")["judged"]
    assert len(said) == len(small_study.front)
    assert all(re.match(r"[a-z ]+, probability [01]\.\d\d", text) for text in said)


def test_provenance_lists_the_environment(small_study: StudyTables) -> None:
    listed = page(small_study).partition("<h2>Provenance</h2>")[2]
    for fact in ("a processor, 2 threads", "0123abc", "2.9"):
        assert f"<dd>{fact}</dd>" in listed
