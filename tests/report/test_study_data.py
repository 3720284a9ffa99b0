"""What the page's script reads, unpacked again and compared with the frames it was made from."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.evidence.judge import judged
from dse.record.tables import StudyTables
from dse.report.encoding import choose_encoding
from dse.report.figure_data import curve_data, front_data
from dse.report.page.packing import coded_contents
from dse.report.page.study_data import study_data
from tests.fakes import BASELINE, make_study, make_trial
from tests.fakes import realistic_study as realistic


def data_of(tables: StudyTables) -> dict[str, Any]:
    found = study_data(tables, choose_encoding(tables), front_data(tables), curve_data(tables))
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))
    return found


def unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), f"<{kind}")


def decoded(columns: list[dict[str, Any]], number: int) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for column in columns:
        place = column["of"][number] if "of" in column else 0
        inner = content
        for key in column["path"][:-1]:
            inner = inner.setdefault(key, {}) if place >= 0 else {}
        if place >= 0:
            inner[column["path"][-1]] = column["values"][place]
    return content


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.floats(0, 1),
    st.text(max_size=2),
    st.lists(st.integers(0, 3)),
)
INNER = st.fixed_dictionaries({}, optional={"e": st.dictionaries(st.sampled_from("fg"), VALUES)})
# A key is a group in all contents or in none, as in recipes.
CONTENTS = st.lists(
    st.fixed_dictionaries({"epochs": VALUES}, optional={"a": VALUES, "b.c": VALUES, "d": INNER}),
    min_size=1,
    max_size=6,
)


@given(CONTENTS)
def test_contents_survive_their_coding(contents: list[dict[str, Any]]) -> None:
    columns = json.loads(json.dumps(coded_contents(contents)))
    for number, content in enumerate(contents):
        assert decoded(columns, number) == content


def test_curves_are_those_of_the_points(small_study: StudyTables) -> None:
    data, points = data_of(small_study), small_study.points
    assert data["recipes"]["trial"] == [0, 2, 3, 4]
    assert data["recipes"]["epochs"] == [3, 3, 2, 1]
    assert unpacked(data["curves"]["seconds"], "f4") == pytest.approx(
        points["train_seconds"].to_numpy(), rel=1e-7
    )
    assert unpacked(data["curves"]["accuracy"], "f4") == pytest.approx(
        points["final_accuracy"].to_numpy(), rel=1e-7
    )
    several = points[points["seeds"] > 1]
    assert unpacked(data["curves"]["best"], "f4") == pytest.approx(several["accuracy"].to_numpy(), rel=1e-7)
    assert unpacked(data["curves"]["accuracySd"], "f4") == pytest.approx(
        several["accuracy_sd"].to_numpy(), rel=1e-6
    )


def test_front_answer_and_baseline_are_places(small_study: StudyTables) -> None:
    data = data_of(small_study)
    assert data["front"] == [[1, 1], [1, 2], [1, 3], [2, 2]]
    assert data["answer"] == [1, 3]
    assert data["baseline"] == {"recipe": 0, "epoch": 3, "seconds": 32.0, "accuracy": pytest.approx(0.93)}
    assert data["corner"] == pytest.approx([64.0, 0.86])


def test_a_baseline_that_begins_another_recipe_is_found_under_its_name() -> None:
    longer = BASELINE.model_copy(update={"epochs": 9})
    rows = [(10.0 * (e + 1), 0.8 + 0.01 * e) for e in range(9)]
    data = data_of(make_study([make_trial(0, BASELINE, rows[:5]), make_trial(1, longer, rows, seed=1)]))
    assert data["recipes"]["trial"] == [1]
    assert data["baseline"]["recipe"] == 0
    assert data["runs"]["recipe"] == [0, 0]


def test_dimensions_are_what_differs_and_told_once() -> None:
    data = data_of(realistic(40))
    titles = [each["title"] for each in data["dimensions"]]
    assert titles[:2] == ["learning rate: base rate", "policy"]
    assert titles[-2:] == ["weight sharing: class capsules", "weight sharing: decoder"]
    # One value alone tells nothing but the kind; AdaBatch's start and growth are such.
    assert not {"learning rate: decay steps", "batch size: start", "batch size: growth"} & set(titles)
    for each in data["dimensions"]:
        assert len(data["recipes"]["content"][each["column"]]["values"]) > 1


def test_ranks_and_band_are_those_of_the_front(small_study: StudyTables) -> None:
    tables = judged(small_study)
    data = data_of(tables)
    assert data["recipes"]["rank"] == [2, 1, 1, 3]
    assert data["band"]["x"] == tables.front["train_seconds"].tolist()
    assert data_of(small_study)["band"] is None
    assert data["published"] is None


def test_runs_know_recipe_state_and_where_they_were_best(small_study: StudyTables) -> None:
    runs = data_of(small_study)["runs"]
    assert (runs["trial"], runs["recipe"], runs["epoch"]) == (
        [0, 1, 2, 3, 4, 5],
        [0, 0, 1, 2, 3, 3],
        [2, 3, 3, 2, 2, 1],
    )
    assert [runs["state"]["values"][place] for place in runs["state"]["of"]] == [
        *["complete"] * 5,
        "diverged",
    ]


def test_plans_are_as_trained() -> None:
    tables = realistic(12)
    plans = data_of(tables)["plans"]
    first = plans["batches"]["values"][plans["batches"]["of"][0]]
    assert list(first) == tables.curves.loc[tables.curves["trial"] == 0, "batch_size"].tolist()
    assert plans["peak"][0] == 0.001
    assert set(unpacked(plans["rates"], "u1")) == {255}


def test_the_command_asks_for_the_images_of_the_study() -> None:
    data = {"name": "my images", "path": "/tmp/my images", "images": 500, "test_share": 0.2}
    assert data_of(realistic(3, data=data, protocol="paper"))["train"] == (
        " --dataset '/tmp/my images' --images 500 --test-share 0.2 --protocol paper"
    )


def test_ten_thousand_trials_take_few_bytes_each() -> None:
    small, large = (len(json.dumps(data_of(realistic(count, epochs=30)))) for count in (100, 300))
    assert (large - small) / 200 < 700
