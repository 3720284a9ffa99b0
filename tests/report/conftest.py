"""Studies for the tests of the report."""

from __future__ import annotations

import hand_made
import pytest

from dse.record.tables import StudyTables


@pytest.fixture
def small_study() -> StudyTables:
    return hand_made.small_study()


@pytest.fixture(scope="session")
def realistic_study() -> StudyTables:
    return hand_made.realistic_study()
