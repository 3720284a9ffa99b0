"""Tables: documented columns, comparison with the baseline, the front against brute force, published files."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.errors import StudyError
from dse.evidence.judge import judged
from dse.recipe.initialisation import Initialisation
from dse.recipe.learning_rate import Fixed
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.recipe import Recipe
from dse.record.objectives import OBJECTIVES
from dse.record.published import read_tables
from dse.record.run import Outcome
from dse.record.tables import write_tables, write_view
from dse.record.trial import Trial
from tests.fakes import BASELINE, FASTER, SMALL_BATCH, make_study, make_trial

ROOT = Path(__file__).resolve().parents[2]


def trial(
    number: int,
    seconds: float,
    accuracies: list[float],
    recipe: Recipe = BASELINE,
    state: Outcome = Outcome.COMPLETE,
) -> Trial:
    """A trial whose epochs take these seconds each."""
    epochs = [(seconds * (i + 1), accuracy) for i, accuracy in enumerate(accuracies)]
    return make_trial(number, recipe, epochs, seed=number, state=state)


def test_trials_are_compared_with_the_mean_of_the_baseline() -> None:
    tables = make_study(
        [
            trial(0, 10, [0.90, 0.92, 0.91]),
            trial(1, 12, [0.90, 0.94, 0.93]),
            trial(2, 5, [0.85, 0.91, 0.93], FASTER),
            trial(3, 20, [0.5, 0.6, 0.7], SMALL_BATCH),
            trial(4, 1, [0.9], SMALL_BATCH, Outcome.FAILED),
        ]
    )
    table = tables.trials
    assert table["on_front"].tolist() == [False, False, True, False, False]
    assert table["is_baseline"].tolist() == [True, True, False, False, False]
    assert table["best_epoch"].tolist() == [2, 2, 3, 3, 1]
    assert table["seconds_to_baseline_accuracy"].fillna(-1).tolist() == [-1, 24, 15, -1, -1]
    assert table["time_ratio"].fillna(-1).tolist() == pytest.approx([-1, 24 / 22, 15 / 22, -1, -1])
    assert table["accuracy_gain"].tolist() == pytest.approx([-0.01, 0.01, 0.0, -0.23, -0.03])


def test_the_front_is_of_recipes_stopped_after_an_epoch() -> None:
    tables = make_study([trial(0, 10, [0.90, 0.92, 0.91]), trial(1, 6, [0.5, 0.91, 0.95], FASTER)])
    front = tables.front
    assert list(zip(front["trial"], front["epoch"], front["accuracy"], strict=True)) == [
        (1, 1, 0.5), (0, 1, 0.90), (1, 2, 0.91), (1, 3, 0.95)]  # fmt: skip
    an_epoch = tables.trials["train_flops"][0] // BASELINE.epochs
    assert front["train_flops"].tolist() == [an_epoch, an_epoch, 2 * an_epoch, 3 * an_epoch]
    assert front["test_accuracy"].tolist() == pytest.approx([0.49, 0.89, 0.90, 0.94])
    # The baseline reaches 0.5 and 0.90 after 10 s, 0.91 after 20 s, 0.95 never.
    assert front["time_saved_percent"].fillna(-1).tolist() == pytest.approx([40, 0, 40, -1])
    assert front["accuracy_gain"].fillna(-1).tolist() == pytest.approx([-1, -1, -1, 0.03])


def test_a_recipe_with_several_seeds_is_one_row_of_means() -> None:
    tables = make_study([trial(0, 10, [0.875]), trial(1, 8, [1.0], FASTER), trial(2, 6, [0.75], FASTER)])
    (row,) = tables.front.to_dict("records")
    assert (row["trial"], row["seeds"]) == (1, 2)
    assert (row["train_seconds"], row["accuracy"]) == (7, 0.875)
    assert (row["train_seconds_sd"], row["accuracy_sd"]) == pytest.approx((2**0.5, 0.25 / 2**0.5))
    assert row["time_saved_percent"] == pytest.approx(30)


def test_the_target_is_reached_where_the_cut_curve_reaches_it() -> None:
    tables = make_study([trial(0, 10, [0.90, 0.92, 0.95])], target=0.91)
    assert tables.front["seconds_to_target"].fillna(-1).tolist() == [-1, 20, 20]


def test_where_objectives_are_of_whole_runs_so_is_the_front() -> None:
    runs = [trial(0, 10, [0.9, 0.92]), trial(1, 5, [0.80, 0.90], FASTER), trial(2, 7, [0.82, 0.90], FASTER),
            trial(3, 20, [0.99], SMALL_BATCH, Outcome.STOPPED)]  # fmt: skip
    tables = make_study(runs, objectives=("train_seconds", "final_accuracy"))
    assert not tables.front_of_curves
    assert tables.front["trial"].tolist() == [1, 0]
    assert tables.front["epoch"].isna().all()
    assert tables.front["train_seconds"].tolist() == [12, 20]
    assert tables.front["final_accuracy"].tolist() == pytest.approx([0.90, 0.92])
    assert tables.trials["on_front"].tolist() == [True, True, True, False]


curves = st.lists(
    st.tuples(st.floats(0.5, 20), st.lists(st.floats(0, 1), min_size=1, max_size=3)), min_size=1, max_size=8
)


@given(curves=curves)
@settings(max_examples=30)
def test_the_front_agrees_with_brute_force(curves: list[tuple[float, list[float]]]) -> None:
    recipes = [Recipe(epochs=3, learning_rate=Fixed(base_rate=0.001 * (i + 1))) for i in range(len(curves))]
    tables = make_study(
        [trial(i, seconds, accuracies, recipes[i]) for i, (seconds, accuracies) in enumerate(curves)]
    )
    points = {
        (i, e + 1): (seconds * (e + 1), max(accuracies[: e + 1]))
        for i, (seconds, accuracies) in enumerate(curves)
        for e in range(len(accuracies))
    }
    expected = {
        key
        for key, (time, accuracy) in points.items()
        if not any(t <= time and a >= accuracy and (t, a) != (time, accuracy) for t, a in points.values())
    }
    assert set(zip(tables.front["trial"], tables.front["epoch"], strict=True)) == expected
    assert np.all(np.diff(tables.front["train_seconds"]) >= 0)


@pytest.mark.parametrize("trials", [[], [trial(0, 1, [], state=Outcome.FAILED)]])
def test_a_study_without_a_complete_trial_has_empty_fronts(trials: list[Trial]) -> None:
    tables = make_study(trials)
    assert len(tables.trials) == len(trials)
    assert tables.front.empty
    assert tables.curves.empty


def documented(heading: str) -> set[str]:
    text = (ROOT / "docs" / "results.md").read_text()
    section = re.split(r"^## ", text.split(f"## {heading}", 1)[1], flags=re.M)[0]
    return {
        name
        for line in re.findall(r"^\| (.*?) \|", section, flags=re.M)
        for name in re.findall(r"`(.*?)`", line)
    }


def test_every_column_is_documented() -> None:
    tables = make_study([trial(0, 10, [0.90, 0.92, 0.91])])
    recipe_columns = {name for name in tables.trials.columns if "." in name}
    kept = {name for name in documented("trials.csv") if not name.endswith(".*")}
    assert set(tables.trials.columns) - recipe_columns == kept - {"precision"}
    assert set(tables.curves.columns) == documented("curves.csv")
    assert set(tables.front.columns) == documented("front.csv")
    evidence = judged(tables).evidence
    assert evidence is not None
    assert set(evidence.points.columns) == documented("evidence.csv")
    assert set(OBJECTIVES) <= documented("trials.csv")


def test_keys_that_came_later_are_columns_where_they_vary() -> None:
    plain, wide = (Recipe(model=CapsNetModel(preset="tiny", **sizes)) for sizes in ({}, {"filters": 48}))
    columns = {"model.filters", "initialisation.class_matrices"}
    assert not columns & set(make_study([trial(0, 10, [0.9], plain)]).trials.columns)
    mixed = wide.model_copy(update={"initialisation": Initialisation(class_matrices="balanced")})
    trials = make_study([trial(0, 10, [0.9], plain), trial(1, 10, [0.9], mixed)]).trials
    assert trials["model.filters"].tolist() == [32, 48]
    assert trials["initialisation.class_matrices"].tolist() == ["1.0", "balanced"]
    assert str(trials["batch_size.size"].dtype) == "Int64"
    assert "model.types" not in trials


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trials.csv"
    write_view(path, "old\n")

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(StudyError, match=r"trials.csv: cannot be written \(No space left on device\)"):
        write_view(path, "new\n")
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_published_study_is_the_study_that_was_published(tmp_path: Path) -> None:
    plain, other = trial(0, 10, [0.90, 1 / 3, 0.91]), trial(2, 1, [0.5], SMALL_BATCH)
    stopped = trial(1, 7 / 3, [0.8], FASTER, Outcome.STOPPED)
    tables = make_study(
        [
            replace(plain, run=replace(plain.run, setup_seconds=None, reason="none")),
            replace(stopped, possible_accuracy=0.9, possible_seconds=9.5),
            replace(other, device="1e5", run=replace(other.run, engine="fast")),
        ],
        target=0.9,
    )
    write_tables(tables, tmp_path)
    for front_is_there in (True, False):
        again = read_tables(tmp_path, tables.space)
        for name in ("trials", "curves", "points", "front"):
            pd.testing.assert_frame_equal(getattr(again, name), getattr(tables, name))
        assert again.answer == tables.answer
        if front_is_there:
            (tmp_path / "front.csv").unlink()


def test_a_published_trial_that_is_none_is_refused(tmp_path: Path) -> None:
    tables = make_study([trial(0, 10, [0.90])])
    write_tables(tables, tmp_path)
    sheet = pd.read_csv(tmp_path / "trials.csv")
    sheet.assign(state="finished").to_csv(tmp_path / "trials.csv", index=False)
    with pytest.raises(StudyError, match="trials.csv: trial 0 cannot be read .*'finished'"):
        read_tables(tmp_path, tables.space)
    sheet.drop(columns="seed").to_csv(tmp_path / "trials.csv", index=False)
    with pytest.raises(StudyError, match="trials.csv: lacks the column seed"):
        read_tables(tmp_path, tables.space)


def test_frames_are_plain_pandas() -> None:
    tables = make_study([trial(0, 10, [0.90, 0.92, 0.91])])
    assert isinstance(tables.trials, pd.DataFrame)
    assert tables.trials["parameters"].dtype == "Int64"
