"""Two studies side by side: laws of volumes and coverage, and what makes seconds compare."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.decision.comparison import Stretch, compare_studies
from dse.errors import StudyError
from dse.record.run import Outcome
from dse.record.tables import StudyTables, write_tables
from tests.cli.command import run
from tests.fakes import BASELINE, FASTER, SMALL_BATCH, make_study, make_trial, realistic_study, small_study

BASE = make_trial(0, BASELINE, [(10, 0.80), (20, 0.90)])
MACHINE = {
    "device": "a processor",
    "device_type": "cpu",
    "threads": 1,
    "engine": "fast",
    "data_fingerprint": "a",
}


def on(study: StudyTables, name: str, **environment: object) -> StudyTables:
    return replace(study, name=name, environment=study.environment | MACHINE | environment)


FAST = on(make_study([BASE, make_trial(1, FASTER, [(5, 0.85), (10, 0.92)])]), "fast")
GOOD = on(make_study([BASE, make_trial(1, SMALL_BATCH, [(8, 0.80), (16, 0.96)])]), "good")


def test_a_comparison_by_hand() -> None:
    found = compare_studies(FAST, GOOD)
    assert found.in_seconds
    assert (found.corner_seconds, found.corner_accuracy) == (40, pytest.approx(0.8))
    # Rectangles of ln(seconds) and accuracy up to 40 s and 80 %; what has 80 % itself counts as nothing.
    fast = math.log(10 / 5) * 0.05 + math.log(40 / 10) * 0.12
    good = math.log(40 / 16) * 0.16
    assert found.first.volume == pytest.approx(fast)
    assert found.second.volume == pytest.approx(good)
    assert found.volume_ratio == pytest.approx(fast / good)
    assert (found.first.covers, found.second.covers) == (0.5, 0.0)
    assert [replace(each, clear=None) for each in found.stretches] == [
        Stretch(5, 8, "fast", None, None, None),
        Stretch(8, 16, "fast", pytest.approx(0.12), pytest.approx(0.12), None),
        Stretch(16, math.inf, "good", pytest.approx(0.04), pytest.approx(0.04), None),
    ]
    assert str(found).startswith("The front of fast is better: it covers 1.37 times the volume.")


def test_the_order_of_the_studies_decides_nothing() -> None:
    one, other = compare_studies(FAST, GOOD), compare_studies(GOOD, FAST)
    assert (one.first, one.second, one.stretches) == (other.second, other.first, other.stretches)
    assert str(one) == str(other)


def test_a_study_is_as_good_as_itself() -> None:
    found = compare_studies(FAST, FAST)
    assert found.volume_ratio == 1
    assert (found.first.covers, found.second.covers) == (1, 1)
    assert [each.better for each in found.stretches] == [""]
    assert "cover the same volume" in str(found)


@given(st.floats(0.01, 100), st.integers(0, 50))
@settings(max_examples=8)
def test_another_machines_speed_cancels_out(times: float, seed: int) -> None:
    study = on(realistic_study(12, seed), "here")
    slow = on(realistic_study(12, seed), "there", device="another")
    for name in ("trials", "points"):
        frame = getattr(slow, name)
        slow = replace(slow, **{name: frame.assign(train_seconds=frame["train_seconds"] * times)})
    found = compare_studies(study, slow)
    assert not found.in_seconds
    assert found.volume_ratio == pytest.approx(1, rel=1e-6)


def test_how_long_a_baseline_was_trained_decides_nothing_on_other_machines() -> None:
    longer = make_trial(0, BASELINE, [(10, 0.80), (20, 0.90), (30, 0.90)])
    study = on(make_study([longer, make_trial(1, FASTER, [(5, 0.85), (10, 0.92)])]), "long", device="another")
    assert [each.better for each in compare_studies(FAST, study).stretches] == [""]


def test_machines_that_differ_or_are_not_known_are_told() -> None:
    found = compare_studies(FAST, on(GOOD, "good", device="a GPU", threads=4))
    assert not found.in_seconds
    assert found.stretches[0].begin == pytest.approx(
        2 * 5 / 20
    )  # half an epoch of the baseline's, which takes 10 s
    assert any("device a processor, a GPU; threads 1, 4" in caveat for caveat in found.caveats)
    unknown = replace(GOOD, environment={})
    assert any("the machine is not recorded" in caveat for caveat in compare_studies(FAST, unknown).caveats)
    calibrated = on(GOOD, "good", clock="calibrated")
    assert any("clock measured, calibrated" in each for each in compare_studies(FAST, calibrated).caveats)


def test_other_images_and_baselines_are_told() -> None:
    shorter = on(GOOD, "good", data_fingerprint="b")  # that of the test images too
    assert compare_studies(FAST, shorter).same_images
    elsewhere = replace(shorter, space=GOOD.space | {"data": {"name": "mnist"}})
    text = str(compare_studies(FAST, elsewhere))
    assert text.startswith("Neither front is called better: fast and good were measured on other images")
    other = on(make_study([make_trial(0, FASTER, [(5, 0.9)])], baseline=FASTER), "other")
    assert any("baselines are other recipes" in caveat for caveat in compare_studies(FAST, other).caveats)


def test_what_cannot_be_compared_says_why() -> None:
    failed = on(make_study([make_trial(0, BASELINE, [], state=Outcome.FAILED, reason="no memory")]), "failed")
    with pytest.raises(StudyError, match="study 'failed' has no point yet"):
        compare_studies(FAST, failed)
    running = make_study([make_trial(0, BASELINE, [(1, 0.5)], state=Outcome.RUNNING)])
    with pytest.raises(StudyError, match="study 'begun' was measured on another machine.*no complete run"):
        compare_studies(FAST, on(running, "begun", device="another"))
    with pytest.raises(StudyError, match="neither 'begun' nor 'begun' has a complete run of its baseline"):
        compare_studies(on(running, "begun"), on(running, "begun"))
    found = compare_studies(FAST, on(running, "begun"))
    assert found.second.baseline_seconds is None
    assert found.second.volume == 0
    assert str(found) == "Only the front of fast has a point within twice the baseline's time and errors."


def test_the_command(tmp_path: Path) -> None:
    for name, study in (("one", small_study()), ("two", realistic_study(12))):
        write_tables(study, tmp_path / name)
    shown = run("compare", "one", "two", "--results", tmp_path)
    assert shown.exit_code == 0, shown.output
    assert "is better: it covers" in shown.stdout
    found = json.loads(run("compare", "one", "two", "--results", tmp_path, "--json").stdout)
    assert {"sentence", "volume_ratio", "first", "second", "stretches", "caveats"} <= set(found)
    assert found["stretches"][-1]["end"] is None
    missing = run("compare", "one", "three", "--results", tmp_path)
    assert missing.exit_code == 2
    assert "study 'three' is neither a name" in missing.output
