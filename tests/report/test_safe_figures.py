"""Figures of a study that is somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from dse.errors import StudyError
from dse.report.figures.figures import write_figures
from dse.report.figures.saving import save_figures
from dse.report.shown import Shown
from tests.fakes import small_study


def test_a_dollar_is_no_formula(tmp_path: Path) -> None:
    figure = Figure()
    figure.text(0, 0, r"$\frac{1}$ and $")
    assert len(save_figures(lambda: {"x": figure}, tmp_path)) == 3


def test_a_folder_of_figures_that_is_a_link_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "figures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        StudyError, match="figures: is a link, and a study is written into its own folder alone. Remove it."
    ):
        write_figures(Shown(small_study()), tmp_path / "figures")
    assert not list((tmp_path / "elsewhere").iterdir())
