"""The page: whole, self-contained, escaped, and clear for any study."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dse.errors import StudyError
from dse.record.tables import StudyTables, read_tables, write_tables
from dse.record.trial import TrialState
from dse.report.page.page import page_html, write_page
from tests.fakes import BASELINE, FASTER, SHARED, SMALL_BATCH, make_study, make_trial
from tests.fakes import realistic_study as realistic

SECTIONS = ["The front", "Time saved, accuracy gained", "Curves", "Hypervolume over trials", "Which choices matter",
            "What failed, and why", "All trials", "Terms"]  # fmt: skip
FOUR = (BASELINE, FASTER, SHARED, SMALL_BATCH)


def page(tables: StudyTables) -> str:
    return page_html(tables, plotly_js="/* plotly */")


def plots(html: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="plots">(.*?)</script>', html, re.S)
    assert match is not None
    return json.loads(match.group(1))


def test_the_page_is_one_file_that_loads_nothing(small_study: StudyTables, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_page(small_study, path)
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
    assert "$" not in re.sub(r"<script>.*?</script>", "", html, flags=re.S)
    assert set(plots(html)) == {"front", "curves", "growth"}


def test_the_baseline_is_marked(small_study: StudyTables) -> None:
    html = page(small_study)
    front = plots(html)["front"]
    assert [note["text"] for note in front["layout"]["annotations"]] == ["baseline"]
    assert len(front["layout"]["shapes"]) == 2
    assert html.count('<tr class="baseline">') >= 2


def test_hover_cards_tell_recipe_seed_values_and_ratio(small_study: StudyTables) -> None:
    cards = [
        card
        for trace in plots(page(small_study))["front"]["data"]
        for card in trace.get("customdata", [])
        if "trial 2 " in card
    ]
    assert len(cards) == 1
    for part in (
        "one cycle",
        "seed 0",
        "16.0 s",
        "97.00 %",
        "test accuracy  96.00 %",
        "0.50 × the baseline's time",
    ):
        assert part in cards[0]


def test_curves_name_their_recipe_by_the_trial(small_study: StudyTables) -> None:
    html = page(small_study)
    match = re.search(r'id="labels">(.*?)</script>', html)
    assert match is not None
    labels = json.loads(match.group(1))
    curves = [trace for trace in plots(html)["curves"]["data"] if trace["meta"] == "curve"]
    # The page's script reads them as they are: lists, not plotly's packed arrays.
    named = {labels[str(trial)] for trace in curves for trial, _epoch, _batch in trace["customdata"]}
    assert named == set(small_study.trials.loc[small_study.trials["trial"] < 6, "label"])


def test_what_users_wrote_is_escaped() -> None:
    evil = "</script><script>alert(1)</script>"
    tables = make_study(
        [
            make_trial(0, BASELINE, [(1, 0.5)]),
            make_trial(1, FASTER, [], state=TrialState.FAILED, reason=evil),
        ]
    )
    trials = tables.trials.assign(label=evil)
    front = tables.front.assign(label=evil)
    html = page(StudyTables(evil, tables.objectives, "holdout", None, trials, tables.curves, front))
    assert "alert(1)</script>" not in html
    assert "<script>alert" not in html
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in html


def test_every_accuracy_of_protocol_paper_says_that_the_test_set_chose() -> None:
    html = page(realistic(protocol="paper"))
    assert "paper: the test set chose each best epoch" in html
    assert "The test set chose that epoch" in html
    front = plots(html)["front"]
    assert "test set chose the epoch" in front["layout"]["yaxis"]["title"]["text"]
    cards = [card for trace in front["data"] for card in trace.get("customdata", [])]
    assert cards
    assert all("test set chose the epoch" in card for card in cards)
    assert html.count("the test set chose the epoch of each accuracy") >= 2


STUDIES = {
    "empty": ([], {}),
    "failed": ([make_trial(0, BASELINE, [], state=TrialState.FAILED, reason="x")], {}),
    "running": ([make_trial(0, BASELINE, [(1, 0.5)], state=TrialState.RUNNING)], {}),
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
    html = page(realistic(20, objectives=objectives))
    assert set(plots(html)) == {"front", "curves", "growth"}


def test_a_published_study_without_space_has_a_page(small_study: StudyTables, tmp_path: Path) -> None:
    write_tables(small_study, tmp_path)
    html = page(read_tables(tmp_path, {}))
    assert "Trial 2" in html


def test_hundreds_of_trials_stay_small(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_page(realistic(500, epochs=20), path)
    assert path.stat().st_size < 6_000_000


def test_an_unwritable_folder_is_a_clear_error(small_study: StudyTables, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StudyError, match="report.html: cannot be written"):
        write_page(small_study, blocked / "report.html")
