"""Text in CSV files: no formula for a spreadsheet, and the same text when it is read."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.record.cells import escaped, to_csv, unescaped
from dse.record.published import read_tables
from dse.record.run import Outcome
from dse.record.tables import write_tables
from tests.fakes import BASELINE, make_study, make_trial

# Beginnings that matter come often.
texts = st.builds(str.__add__, st.text("'=+-@\t\r\n＝＋－＠1.e", max_size=4), st.text(max_size=20))


@given(text=texts)
def test_a_text_is_read_as_it_was_and_no_formula(text: str) -> None:
    written = escaped(text)
    assert unescaped(written) == text
    assert not written or written[0] not in "=@\t\r\n＝＋－＠"
    if written[0:1] in ("+", "-"):
        float(written)


@given(first=texts, second=texts)
def test_texts_that_differ_stay_so(first: str, second: str) -> None:
    assert (escaped(first) == escaped(second)) == (first == second)


@given(rows=st.lists(st.tuples(texts, st.floats(allow_nan=False), st.integers(-9, 9)), min_size=1))
def test_numbers_stay_numbers_and_lines_stay_lines(rows: list[tuple[str, float, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["text", "real", "whole"])
    found = list(csv.reader(io.StringIO(to_csv(frame), newline="")))[1:]
    again = [(unescaped(text), float(real), int(whole)) for text, real, whole in found]
    assert again == rows


plain = st.text("abc ,;\"'é", min_size=1, max_size=5).filter(lambda text: not text.startswith("'"))
columns = {
    "real": (st.floats(), "float64"),
    "whole": (st.one_of(st.integers(-(2**62), 2**62), st.none()), "Int64"),
    "truth": (st.booleans(), "bool"),
    "maybe": (st.one_of(st.booleans(), st.none()), "boolean"),
    "text": (st.one_of(plain, st.none()), "str"),
    "mixed": (st.one_of(plain, st.floats(), st.integers(0, 9), st.none()), "object"),
}


@given(rows=st.lists(st.tuples(*(values for values, _ in columns.values())), max_size=5))
def test_every_kind_of_column_is_written_as_pandas_writes_it(rows: list[tuple[object, ...]]) -> None:
    types = {name: kind for name, (_, kind) in columns.items()}
    frame = pd.DataFrame(rows, columns=list(columns), dtype=object).astype(types)
    assert to_csv(frame) == frame.to_csv(index=False, lineterminator="\n")


def test_what_needs_no_apostrophe_is_written_as_pandas_writes_it() -> None:
    frame = make_study([make_trial(0, BASELINE, [(10, 0.8), (20, 0.9)])]).trials
    frame["accuracy_gain"] = -0.25
    assert to_csv(frame) == frame.to_csv(index=False, lineterminator="\n")


@given(reason=texts, device=texts)
@settings(max_examples=25)
def test_a_published_study_keeps_its_texts(
    reason: str, device: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("published")
    failed = make_trial(1, BASELINE, [], seed=1, state=Outcome.FAILED, reason=reason)
    tables = make_study([make_trial(0, BASELINE, [(10, 0.8)]), replace(failed, device=device)])
    write_tables(tables, folder)
    pd.testing.assert_frame_equal(read_tables(folder, tables.space).trials, tables.trials)


ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("study", ["digits-table", "mnist-dimensions", "mnist-table", "per-type-start"])
def test_studies_that_were_published_need_no_apostrophes(study: str) -> None:
    for path in sorted((ROOT / "results" / study).glob("*.csv")):
        for row in csv.reader(io.StringIO(path.read_text(), newline="")):
            assert all(escaped(cell) == cell == unescaped(cell) for cell in row)
