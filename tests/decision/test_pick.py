"""Picking a point: what is picked keeps to the limits, and nothing that does is better."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.decision.pick import LITTLE_MORE, Pick, pick
from dse.decision.wish import Wish
from dse.errors import InputError, StudyError
from dse.recipe.load import load_recipe
from dse.record.run import Outcome
from dse.record.tables import write_tables
from dse.study.load import load_study
from tests.cli.command import run
from tests.fakes import (
    BASELINE,
    FASTER,
    SHARED,
    SMALL_BATCH,
    make_study,
    make_trial,
    realistic_study,
    small_study,
)

ROOT = Path(__file__).resolve().parents[2]
STUDY = realistic_study()
POINTS = STUDY.points


def test_the_most_accurate_within_the_time() -> None:
    found = pick(small_study(), Wish(max_seconds=20))
    assert found.choice is not None
    assert (found.choice.trial, found.choice.epoch, found.choice.epochs) == (2, 3, 3)
    assert (found.choice.seconds, found.choice.accuracy) == (16, 0.97)
    assert found.runner_up is not None
    assert found.runner_up.recipe_id == BASELINE.id  # 0.81 after 10.5 s, the mean over both seeds
    assert found.against is not None
    assert found.against.accuracy_gain == pytest.approx(0.97 - 0.93)
    assert found.against.time_ratio == pytest.approx(16 / 32)


def test_the_fastest_where_an_accuracy_is_asked_for() -> None:
    found = pick(small_study(), Wish(min_accuracy=0.9))
    assert found.choice is not None
    assert (found.choice.trial, found.choice.epoch, found.choice.seconds) == (2, 2, 10)
    assert found.against is not None
    # The baseline has 0.91 after 21 s.
    assert (found.against.baseline_seconds, found.against.time_ratio) == (21, pytest.approx(10 / 21))


@pytest.mark.parametrize("table", ["digits-table", "mnist-table", "mnist-dimensions", "per-type-start"])
def test_as_good_as_the_baseline_is_the_answer(table: str) -> None:
    study = load_study(ROOT / "results" / table)
    found, answer = pick(study, Wish(as_good_as_baseline=True)), study.answer.fastest
    assert found.choice is not None
    assert answer is not None
    assert (found.choice.recipe_id, found.choice.epoch) == (answer.recipe_id, answer.epoch)
    assert found.against is not None
    assert found.against.time_ratio == pytest.approx(study.answer.share)


def test_the_baseline_is_picked_where_nothing_is_faster() -> None:
    found = pick(
        make_study([make_trial(0, BASELINE, [(10, 0.8), (20, 0.9)])]), Wish(as_good_as_baseline=True)
    )
    assert found.choice is not None
    assert (found.choice.recipe_id, found.choice.epoch) == (BASELINE.id, 2)
    assert str(found.against) == "it is the baseline itself."
    assert found.runner_up is None
    assert "no other recipe keeps to the limits" in str(found)
    assert "no point is more accurate" in str(found)


limits = st.builds(
    Wish,
    max_seconds=st.none() | st.floats(0.1, 20),
    min_accuracy=st.none() | st.floats(0, 1),
    max_parameters=st.none() | st.integers(100_000, 500_000),
    as_good_as_baseline=st.booleans(),
    knee=st.booleans(),
).filter(lambda wish: wish != Wish())


def kept(points: pd.DataFrame, wish: Wish) -> pd.DataFrame:
    assert STUDY.answer.baseline is not None
    bound = max(wish.min_accuracy or 0, STUDY.answer.baseline.accuracy if wish.as_good_as_baseline else 0)
    return points[
        (points["train_seconds"] <= (wish.max_seconds or np.inf))
        & (points["accuracy"] >= bound - 1e-9)
        & (points["parameters"] <= (wish.max_parameters or 1e12))
    ]


@given(limits)
@settings(max_examples=100)
def test_nothing_that_keeps_to_the_limits_is_better(wish: Wish) -> None:
    found, allowed = pick(STUDY, wish), kept(POINTS, wish)
    assert (found.choice is None) == (not len(allowed)) == (found.nearest is not None)
    if found.choice is None:
        return
    choice = found.choice
    mine = (allowed["trial"] == choice.trial) & (allowed["epoch"] == choice.epoch)
    assert mine.any()
    if wish.knee:
        # Whatever is at least as fast and as accurate is the point itself, or one like it.
        dominating = allowed[
            (allowed["train_seconds"] <= choice.seconds) & (allowed["accuracy"] >= choice.accuracy)
        ]
        assert set(dominating["accuracy"]) == {choice.accuracy}
    elif wish.asks_for_accuracy:
        assert choice.seconds == allowed["train_seconds"].min()
    else:
        assert choice.accuracy == pytest.approx(allowed["accuracy"].max(), abs=1e-9)
    if found.runner_up is not None:
        assert found.runner_up.recipe_id != choice.recipe_id
        assert len(kept(POINTS[POINTS["recipe_id"] == found.runner_up.recipe_id], wish))
    if found.more is not None:
        assert found.more.accuracy > choice.accuracy
        assert (found.more.parameters or 0) <= (wish.max_parameters or 1e12)
        soon = kept(POINTS, Wish(max_parameters=wish.max_parameters))
        soon = soon[soon["train_seconds"] <= LITTLE_MORE * choice.seconds]
        assert found.more.accuracy >= soon["accuracy"].max() or not len(soon)


@given(limits, st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_the_order_of_the_points_decides_nothing(wish: Wish, random: object) -> None:
    order = list(POINTS.index)
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = dataclasses.replace(STUDY, points=POINTS.loc[order].reset_index(drop=True))
    assert pick(shuffled, wish) == pick(STUDY, wish)


def test_points_that_are_alike_go_to_the_earlier_trial() -> None:
    curve = [(5, 0.7), (10, 0.9)]
    study = make_study([make_trial(0, BASELINE, [(20, 0.9)]), make_trial(1, FASTER, curve),
                        make_trial(2, SHARED, curve)])  # fmt: skip
    found = pick(study, Wish(max_seconds=10))
    assert found.choice is not None
    assert found.runner_up is not None
    assert (found.choice.trial, found.runner_up.trial) == (1, 2)


def test_the_knee_is_where_accuracy_gets_dear() -> None:
    # Seconds double each time: equal steps of a logarithm. The gain drops after the third epoch.
    curve = [(1, 0.80), (2, 0.87), (4, 0.94), (8, 0.95), (16, 0.96)]
    study = make_study([make_trial(0, BASELINE, [(16, 0.9)]), make_trial(1, FASTER, curve)])
    found = pick(study, Wish(knee=True))
    assert found.choice is not None
    assert (found.choice.trial, found.choice.epoch) == (1, 3)
    within = pick(study, Wish(knee=True, max_seconds=3)).choice
    assert within is not None
    assert within.seconds <= 3


def test_a_slow_and_a_bad_point_do_not_move_the_knee() -> None:
    curve = [(1, 0.80), (2, 0.87), (4, 0.94), (8, 0.95), (16, 0.96)]
    study = make_study(
        [make_trial(0, BASELINE, [(16, 0.9)]), make_trial(1, FASTER, curve),
         make_trial(2, SMALL_BATCH, [(0.01, 0.1), (4000, 0.9601)])]
    )  # fmt: skip
    found = pick(study, Wish(knee=True))
    assert found.choice is not None
    assert (found.choice.trial, found.choice.epoch) == (1, 3)


def test_where_nobody_keeps_to_the_limits_the_nearest_is_named() -> None:
    found = pick(small_study(), Wish(max_seconds=4))
    assert found.choice is None
    assert found.nearest is not None
    assert (found.nearest.trial, found.nearest.epoch) == (2, 1)
    assert str(found).startswith(
        "No point has at most 4.00 s. The nearest has 1.00 s too many: 70.00 % in 5.00 s"
    )
    smallest = pick(small_study(), Wish(max_parameters=10)).nearest
    assert smallest is not None
    assert (smallest.trial, smallest.parameters) == (4, 210_640)
    # Half of the errors weighs more than half of the weights.
    both = pick(small_study(), Wish(min_accuracy=0.99, max_parameters=10)).nearest
    assert both is not None
    assert (both.trial, both.epoch) == (3, 2)


def test_what_is_known_of_a_single_seed_is_said() -> None:
    found = pick(small_study(), Wish(max_seconds=20))
    assert found.notes[0] == (
        "It has one seed, so nothing is known of its spread; `dse confirm` trains again what decides."
    )
    assert found.choice is not None
    assert (found.choice.seconds_sd, found.choice.accuracy_sd) == (None, None)


def test_means_say_how_far_their_seeds_are_apart() -> None:
    trials = [make_trial(seed, BASELINE, [(10 + seed, 0.90 + seed / 100)], seed=seed) for seed in range(3)]
    notes = pick(make_study(trials), Wish(min_accuracy=0.9)).notes
    assert notes[0] == "Means over 3 seeds, with standard deviations of 1.00 points and 1.00 s."
    assert notes[1].startswith("It is +1.00 points from the limit, within two standard errors")
    assert "may take longer than the limit" in "".join(pick(make_study(trials), Wish(max_seconds=12)).notes)


def test_images_that_are_not_recorded_are_said() -> None:
    study = make_study([make_trial(0, BASELINE, [(10, 0.9)])], data={})
    notes = pick(study, Wish(min_accuracy=0.5)).notes
    assert "how many images that was measured on is not recorded" in notes[1]


def test_the_test_set_that_chose_is_said() -> None:
    study = make_study([make_trial(0, BASELINE, [(10, 0.9)], validation=False)], protocol="paper")
    assert pick(study, Wish(max_seconds=10)).notes[-1] == (
        "The test set chose it from 1 recipe and chose each epoch, so its accuracy is optimistic."
    )


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish(), "nothing is asked of the point. Give max_seconds"),
        (Wish(max_seconds=0), "max_seconds=0, but it is a number above 0."),
        (Wish(max_parameters=-1), "max_parameters=-1, but"),
        (Wish(min_accuracy=97.5), "min_accuracy=97.5, but it is a share between 0 and 1. Write 97.5 % as 0.975."),
        (Wish(max_seconds=float("nan")), "max_seconds=nan"),
    ],
)  # fmt: skip
def test_bad_wishes(wish: Wish, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        pick(STUDY, wish)


def test_studies_that_have_nothing_to_pick_from() -> None:
    failed = make_study([make_trial(0, BASELINE, [], state=Outcome.FAILED, reason="no memory")])
    with pytest.raises(StudyError, match="has no point yet: no epoch of any trial is trained."):
        pick(failed, Wish(knee=True))
    running = make_study([make_trial(0, BASELINE, [(1, 0.5)], state=Outcome.RUNNING)])
    with pytest.raises(StudyError, match="no trial of the baseline is complete.*Ask for another accuracy."):
        pick(running, Wish(as_good_as_baseline=True))
    found = pick(running, Wish(max_seconds=2))
    assert found.choice is not None
    assert found.against is None
    assert "no run of it is complete" in str(found)


def test_parameters_that_are_not_recorded() -> None:
    unknown = POINTS.assign(parameters=pd.array([pd.NA] * len(POINTS), dtype="Int64"))
    study = dataclasses.replace(STUDY, points=unknown)
    with pytest.raises(StudyError, match="does not record parameters. Leave their limit out."):
        pick(study, Wish(max_parameters=10))
    found = pick(study, Wish(max_seconds=5)).choice
    assert found is not None
    assert found.parameters is None
    assert "parameters" not in found.values


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_tables(small_study(), tmp_path / "small")
    return tmp_path


def test_the_command(results: Path, tmp_path: Path) -> None:
    saved = tmp_path / "best.yaml"
    shown = run("pick", "small", "--results", results, "--max-seconds", 20, "--save", saved)
    assert shown.exit_code == 0, shown.output
    assert "Pick, most accurate with at most 20.0 s\n" in shown.stdout
    assert load_recipe(saved) == FASTER
    assert "after epoch 3; this trains all 5 epochs" in saved.read_text()
    found = json.loads(run("pick", "small", "--results", results, "--min-accuracy", "90%", "--json").stdout)
    assert set(found) == {"sentences", *vars(Pick(Wish(), None))}
    assert found["wish"]["min_accuracy"] == 0.9
    assert found["choice"]["trial"] == 2


def test_limits_that_nobody_keeps_to_exit_with_2(results: Path, tmp_path: Path) -> None:
    arguments = (
        "pick",
        "small",
        "--results",
        results,
        "--min-accuracy",
        "99.9%",
        "--save",
        tmp_path / "x.yaml",
    )
    shown = run(*arguments)
    assert shown.exit_code == 2
    assert (
        "No point has at least 99.90 %. The nearest has 1.40 points of accuracy too few: 98.50 %"
        in shown.output
    )
    assert not (tmp_path / "x.yaml").exists()
    as_json = run(*arguments, "--json")
    assert as_json.exit_code == 2
    assert json.loads(as_json.stdout)["nearest"]["trial"] == 3
    assert json.loads(as_json.stdout)["choice"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing is asked for. Give --max-seconds"),
        (("--min-accuracy", "97"), "97 is no share between 0 and 1. Give one as in 0.975 or 97.5%."),
        (("--min-accuracy", "high"), "'high' is no number"),
        (("--min-accuracy", "nan"), "nan is no share"),
        (("--max-seconds", "nan"), "Invalid value for '--max-seconds': 'nan' is no finite number."),
        (("--max-seconds", "0"), "0.0 is not in the range x>0"),
        (("--knee", "--save", "/dev/null/x.yaml"), "/dev/null/x.yaml: cannot be written"),
    ],
)
def test_bad_options(results: Path, arguments: tuple[str, ...], message: str) -> None:
    shown = run("pick", "small", "--results", results, *arguments)
    assert shown.exit_code == 2
    assert message in " ".join(shown.output.split())


def test_what_the_evidence_found_of_the_point_is_said() -> None:
    study = load_study(ROOT / "results" / "mnist-dimensions")
    (note,) = [note for note in pick(study, Wish(as_good_as_baseline=True)).notes if "no other point" in note]
    assert re.fullmatch(
        r"The probability that no other point beats it is 1\.00 \(on the front, at 95 %\); its accuracy lies between "
        r"97\.\d\d % and 98\.\d\d % with 95 %\. Its share of the baseline's time is 0\.06 \(95 %: 0\.0\d–0\.\d\d\)\.",
        note,
    )
    small = pick(study, Wish(max_parameters=220_000)).notes
    assert "It is not among the points that may be on the front of seconds and accuracy." in small
