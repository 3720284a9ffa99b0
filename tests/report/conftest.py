"""Studies for the tests of the report."""

from __future__ import annotations

import pytest

from dse.record.tables import StudyTables
from tests import fakes


@pytest.fixture
def small_study() -> StudyTables:
    return fakes.small_study()


@pytest.fixture(scope="session")
def realistic_study() -> StudyTables:
    return fakes.realistic_study()
