"""How a study, an answer and a recipe show in a notebook, whatever somebody has named them."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import dse
from dse.record.answer import Answer
from dse.record.run import Outcome
from tests.fakes import BASELINE, make_study, make_trial, realistic_study, small_study

HOSTILE = "<script>alert('x')</script>&"
ROOT = Path(__file__).resolve().parents[2]


class Tags(HTMLParser):
    """Counts what was opened, and what text there is."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("study", [small_study(), realistic_study(40)])
def test_a_study_is_a_line(study: dse.StudyTables) -> None:
    assert len(repr(study)) < 200
    assert "\n" not in repr(study)


def test_what_the_line_says() -> None:
    assert repr(small_study()) == (
        "StudyTables('by-hand': 7 trials of 4 recipes, 4 points on the front, 0.50 of the baseline's time)"
    )
    failed = make_study([make_trial(0, BASELINE, [], state=Outcome.FAILED, reason="no memory")])
    assert repr(failed) == "StudyTables('by-hand': 1 trial of 1 recipe, 0 points on the front, no answer yet)"
    assert "table" in Tags(failed._repr_html_()).tags


def test_a_study_in_a_notebook_shows_its_answer_and_front() -> None:
    study = dse.load_study(ROOT / "results" / "mnist-dimensions")
    found = Tags(study._repr_html_())
    assert str(study.answer) in found.text
    assert found.text.count("Muon") >= len(study.front)
    assert "97.60 %" in found.text
    assert all(caveat in found.text for caveat in study.answer.caveats)


def test_names_and_labels_are_shown_as_text() -> None:
    study = small_study()
    hostile = replace(study, name=HOSTILE, front=study.front.assign(label=HOSTILE))
    assert "script" not in Tags(hostile._repr_html_()).tags
    assert HOSTILE in Tags(hostile._repr_html_()).text
    answer = Answer(None, None, HOSTILE, (HOSTILE,))
    assert Tags(answer._repr_html_()).tags == {"p", "b", "ul", "li"}
    assert Tags(Answer(None, None, "x")._repr_html_()).tags == {"p", "b"}


def test_a_recipe_in_a_notebook_is_the_file_that_makes_it(tmp_path: Path) -> None:
    recipe = dse.paper_recipe("paper/warm_ada_batch")
    found = Tags(recipe._repr_html_())
    assert recipe.label in found.text
    (tmp_path / "recipe.yaml").write_text("model:" + found.text.split("model:", 1)[1])
    assert dse.load_recipe(tmp_path / "recipe.yaml") == recipe


def test_frames_have_the_types_of_what_they_hold() -> None:
    study = small_study()
    for frame in (study.trials, study.points, study.front, study.curves):
        assert not [name for name, kind in frame.dtypes.items() if str(kind) == "object"]
    assert study.front.dtypes[["epoch", "seeds", "parameters"]].astype("str").tolist() == ["Int64"] * 3
    assert study.trials.dtypes[["on_front", "is_baseline"]].astype("str").tolist() == ["bool"] * 2
