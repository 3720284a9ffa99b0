"""A few rounds of chaos; `make chaos` runs fifty."""

from pathlib import Path

import pytest

from tests.runners.chaos import chaos


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    counts = chaos(tmp_path, rounds=2, longest_wait=12, trials=4, data={"images": 300})
    assert counts["studies"] >= 1
