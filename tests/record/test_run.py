"""Rows of a curve, checked a column at a time as they are one by one."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.record.epoch import EPOCH_COLUMNS, EpochRow, parse_rows
from tests.fakes import epoch_row

NAMES = list(EPOCH_COLUMNS)
VALUES = st.one_of(
    st.integers(-1, 2), st.floats(), st.sampled_from([None, True, False, "1", 1e308, 2**70, (), [1.0]])
)
BROKEN = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(NAMES), VALUES), max_size=2)


def parsed_one_by_one(contents: list[dict[str, Any]]) -> tuple[EpochRow, ...]:
    return tuple(EpochRow.parse(content) for content in contents)


@given(BROKEN, st.sampled_from([None, *NAMES]))
def test_rows_together_are_as_rows_one_by_one(
    broken: list[tuple[int, str, object]], missing: str | None
) -> None:
    contents = [dataclasses.asdict(epoch_row(epoch, epoch, 0.5)) | {"of_later": 1} for epoch in range(1, 5)]
    for at, name, value in broken:
        contents[at][name] = value
    if missing is not None:
        del contents[-1][missing]
    try:
        expected = parsed_one_by_one(contents)
    except ValueError as error:
        with pytest.raises(ValueError, match=f"^{re.escape(str(error))}$"):
            parse_rows(contents)
    else:
        assert repr(parse_rows(contents)) == repr(expected)


def test_no_row_is_no_curve() -> None:
    assert parse_rows([]) == ()
