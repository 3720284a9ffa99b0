"""Studies for the tests of the report, and the browser that opens their pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dse.record.tables import StudyTables
from tests import fakes
from tests.report.browser import start_chromium


@pytest.fixture
def small_study() -> StudyTables:
    return fakes.small_study()


@pytest.fixture(scope="session")
def realistic_study() -> StudyTables:
    return fakes.realistic_study()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    yield from start_chromium()
