"""The benchmark of the clocks: strangers work and end, and both clocks of every recipe stand in it."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

import dse
from benchmarks.calibration import difference, space_of, twice
from dse.space.load import parse_space


@pytest.mark.slow
def test_both_clocks_of_every_recipe_are_compared_beside_strangers(tmp_path: Path) -> None:
    content = space_of(1).dump()
    small = content["data"] | {"images": 64, "validation_images": 40, "test_images": 40}
    fixed = {"schedule": "constant", "size": 32}
    content |= {"data": small, "trials": 2, "recipe": content["recipe"] | {"batch_size": fixed}}
    content["baseline"].pop("batch_size")
    found = twice(parse_space(content, "test"), dse.Machine(device="cpu", threads=1), 1, tmp_path)
    assert len(found) == 2
    for each in found:
        assert min(*each.calibrated, *each.measured) > 0
        assert difference(each.calibrated) >= 0
    assert not multiprocessing.active_children()
