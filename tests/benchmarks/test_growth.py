from __future__ import annotations

import pytest
import torch

from benchmarks.growth import table, updates


@pytest.mark.slow
def test_a_table_has_a_row_for_every_optimizer_and_for_the_mean() -> None:
    rows = table(updates("tiny", 4), torch.device("cpu"), seconds=0.001, repeats=1).splitlines()[2:]
    titles = ["adam", "schedule_free", "muon", "sgd", "exponential"]
    assert [row.split(" | ")[0] for row in rows] == [f"| tiny, {title}" for title in titles]
    assert rows[0].endswith(" | 1 | 1 |")
