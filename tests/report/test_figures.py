"""The figures as files: drawn for any study, the same every time."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest

from dse.errors import StudyError
from dse.record.run import Outcome
from dse.record.tables import StudyTables
from dse.report.figures.figures import make_figures, write_figures
from dse.report.shown import Shown
from tests.fakes import BASELINE, make_study, make_trial

FIGURES = ("front", "front_3d", "curves", "best", "hypervolume", "plan")
NAMES = [f"{name}.{ending}" for name in FIGURES for ending in ("png", "svg", "pdf")]


def test_the_same_study_gives_the_same_files(small_study: StudyTables, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    first = write_figures(Shown(small_study), tmp_path / "first")
    assert [path.name for path in first] == NAMES
    for path in write_figures(Shown(small_study), tmp_path / "second"):
        assert path.stat().st_size > 500
        assert path.read_bytes() == (tmp_path / "first" / path.name).read_bytes(), path.name
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == sorted(NAMES)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [make_trial(0, BASELINE, [], state=Outcome.FAILED, reason="x")],
        [make_trial(0, BASELINE, [(1, 0.5)])],
        [make_trial(i, BASELINE, [(10, 0.9)], seed=i) for i in range(3)],
    ],
    ids=["empty", "failed", "one", "identical"],
)
def test_any_study_has_figures(trials: list) -> None:
    for figure in make_figures(Shown(make_study(trials))).values():
        figure.draw_without_rendering()


def test_an_unwritable_folder_is_a_clear_error(small_study: StudyTables, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot be written"):
        write_figures(Shown(small_study), tmp_path / "file")
