"""``dse figures`` with a published study."""

from __future__ import annotations

from pathlib import Path

from matplotlib import image

from tests.cli.command import run

RESULTS = Path(__file__).resolve().parents[2] / "results"


def test_figures_are_drawn_in_the_asked_form_and_place(tmp_path: Path) -> None:
    result = run("figures", "mnist-dimensions", "--results", RESULTS, "--format", "png", "--width", "page",
                 "--out", tmp_path / "paper")  # fmt: skip
    assert result.exit_code == 0, result.output
    names = ["front", "front_3d", "curves", "best", "hypervolume", "plan"]
    assert result.stdout.split() == [str(tmp_path / "paper" / f"{name}.png") for name in names]
    assert image.imread(tmp_path / "paper" / "front.png").shape[1] == 7.16 * 300


def test_a_folder_that_is_named_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "paper").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "paper")
    asked = ("figures", "mnist-dimensions", "--results", RESULTS, "--format", "svg")
    assert run(*asked, "--out", tmp_path / "link").exit_code == 0
    assert (tmp_path / "paper" / "front.svg").exists()


def test_a_width_that_no_page_has_is_refused() -> None:
    refused = run("figures", "mnist-dimensions", "--results", RESULTS, "--width", "wide")
    assert refused.exit_code == 2
    assert "'wide' is not one of 'column', 'page'" in refused.stderr
