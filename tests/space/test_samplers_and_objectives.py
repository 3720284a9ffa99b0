"""Samplers and objectives: what stands in their registries is found wherever one can be named."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from dse.errors import SpaceError
from dse.record.objectives import OBJECTIVES, Objective
from dse.report.figure_data import front_data
from dse.space.load import parse_space
from dse.space.samplers import SAMPLERS
from dse.space.schema import space_schema
from dse.space.search_space import SearchSpace
from tests.fakes import BASELINE, make_study, make_trial

TOY = Objective(
    "toy_seconds",
    "s",
    maximise=False,
    title="toy time (s)",
    description="twice the train seconds",
    of=lambda run, plan, target: 2 * run.train_seconds,
)


@pytest.fixture
def toy_objective_and_sampler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(OBJECTIVES, "toy_seconds", TOY)
    monkeypatch.setitem(SAMPLERS, "toy", "always the baseline")
    SearchSpace.model_rebuild(force=True)
    yield
    monkeypatch.undo()
    SearchSpace.model_rebuild(force=True)


@pytest.mark.usefixtures("toy_objective_and_sampler")
def test_a_toy_objective_and_a_toy_sampler_are_known_to_spaces_schema_and_errors() -> None:
    content = {
        "name": "toys",
        "objectives": ["toy_seconds", "accuracy"],
        "sampler": "toy",
        "recipe": {"learning_rate": {"policy": "fixed", "base_rate": {"choices": [0.001, 0.002]}}},
        "baseline": {"learning_rate": {"base_rate": 0.001}},
    }
    space = parse_space(content, "test")
    assert (space.sampler, space.objectives) == ("toy", ("toy_seconds", "accuracy"))
    assert not space.has_front_of_curves
    text = json.dumps(space_schema())
    assert '"toy_seconds"' in text
    assert '"toy"' in text
    with pytest.raises(SpaceError, match="sampler='none': .*'toy'"):
        parse_space(content | {"sampler": "none"}, "test")
    with pytest.raises(SpaceError, match=r"objectives\[0\]='speed': .*'toy_seconds'"):
        parse_space(content | {"objectives": ["speed", "accuracy"]}, "test")


@pytest.mark.usefixtures("toy_objective_and_sampler")
def test_a_toy_objective_is_measured_and_has_a_column() -> None:
    trial = make_trial(0, BASELINE, [(10, 0.5), (20, 0.75)])
    assert trial.measures["toy_seconds"] == 40
    tables = make_study([trial], objectives=["toy_seconds", "accuracy"])
    assert [frame["toy_seconds"].tolist() for frame in (tables.trials, tables.front)] == [[40], [40]]
    assert front_data(tables).points[["x", "toy_seconds"]].to_numpy().tolist() == [[40, 40]]
