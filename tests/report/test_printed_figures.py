"""Figures as a journal prints them: in its column, in grey, with their fonts in the file."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure

from dse.record.tables import StudyTables
from dse.report.encoding import INKS, choose_encoding, on_paper
from dse.report.figures.figures import make_figures, write_figures
from dse.report.figures.hypervolume import draw_hypervolume
from dse.report.figures.paper import WIDTHS
from dse.report.figures.saving import in_style
from dse.report.growth import Growth
from dse.report.shown import Shown
from dse.study.load import load_study
from tests.fakes import realistic_study

RESULTS = Path(__file__).resolve().parents[2] / "results"
PUBLISHED = sorted(path.parent.name for path in RESULTS.glob("*/trials.csv"))


class Recording(RendererAgg):
    """Draws, and remembers each line of text with the corners of its box, which may be turned."""

    def __init__(self, figure: Figure) -> None:
        super().__init__(figure.bbox.width, figure.bbox.height, figure.dpi)
        self.texts: list[tuple[str, np.ndarray]] = []

    def draw_text(
        self,
        gc: Any,
        x: float,
        y: float,
        s: str,
        prop: Any,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        width, height, descent = self.get_text_width_height_descent(s, prop, ismath)
        box = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - [0, descent]
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        self.texts.append((s, box @ [[cos, sin], [-sin, cos]] + [x, self.height - y]))
        super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)


def drawn_texts(figure: Figure) -> list[tuple[str, np.ndarray]]:
    figure.draw(renderer := Recording(figure))
    return [(text, box) for text, box in renderer.texts if text.strip()]


def overlap(one: np.ndarray, other: np.ndarray, slack: float) -> bool:
    """Tell whether two turned boxes share more than ``slack`` pixels along every one of their sides."""
    for box in (one, other):
        for side in (box[1] - box[0], box[3] - box[0]):
            axis = side / np.linalg.norm(side)
            a, b = one @ axis, other @ axis
            if min(a.max(), b.max()) - max(a.min(), b.min()) <= slack:
                return False
    return True


def check_texts(figure: Figure, where: str) -> None:
    texts = drawn_texts(figure)
    assert texts
    for text, box in texts:
        assert (box >= -1).all(), f"{where}: {text!r} is cut"
        assert (box <= [figure.bbox.width + 1, figure.bbox.height + 1]).all(), f"{where}: {text!r} is cut"
    # A pixel is 1/100 inch: boxes are a little higher than their letters.
    for (one, a), (other, b) in itertools.combinations(texts, 2):
        assert not overlap(a, b, slack=1.5), f"{where}: {one!r} and {other!r} overlap"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PUBLISHED)
def test_no_text_of_a_published_study_overlaps_another_or_is_cut(name: str, width: str) -> None:
    with in_style():
        for kind, figure in make_figures(Shown(load_study(RESULTS / name)), WIDTHS[width]).items():
            check_texts(figure, f"{name}, {kind}, {width}")


@pytest.mark.parametrize(
    "space", [{"protocol": "paper"}, {"objectives": ["train_flops", "final_accuracy", "parameters"]}], ids=str
)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_text_overlaps_under_other_objectives(space: dict[str, Any], width: str) -> None:
    with in_style():
        for kind, figure in make_figures(Shown(realistic_study(**space)), WIDTHS[width]).items():
            check_texts(figure, kind)


@pytest.mark.parametrize("width", WIDTHS)
def test_figures_are_as_wide_as_the_column_that_they_are_for(small_study: StudyTables, width: str) -> None:
    with in_style():
        for figure in make_figures(Shown(small_study), WIDTHS[width]).values():
            assert figure.get_figwidth() == WIDTHS[width]


def test_every_font_of_a_pdf_is_in_it_as_text_that_can_be_searched(
    small_study: StudyTables, tmp_path: Path
) -> None:
    for path in write_figures(Shown(small_study), tmp_path, formats=["pdf"]):
        content = path.read_bytes()
        fonts = re.findall(rb"/Subtype /(Type\d|TrueType|CIDFontType\d)\b", content)
        assert set(fonts) == {b"Type0", b"CIDFontType2"}, path
        # Each font has a descriptor, and each descriptor the font's own program.
        assert (
            content.count(b"/FontFile2") == content.count(b"/Type /FontDescriptor") == fonts.count(b"Type0")
        )
        assert content.count(b"/ToUnicode") == fonts.count(b"Type0")


def test_the_text_of_an_svg_is_text(small_study: StudyTables, tmp_path: Path) -> None:
    write_figures(Shown(small_study), tmp_path, formats=["svg"])
    texts = [each.text for each in ET.parse(tmp_path / "front.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert {"train time (s)", "validation accuracy (%)", "baseline's best"} <= set(texts)


def grey(colour: str) -> float:
    """How light a colour is where there is only grey, from 0 to 100: L* of CIELAB."""
    linear = [((int(colour[i : i + 2], 16) / 255 + 0.055) / 1.055) ** 2.4 for i in (1, 3, 5)]
    y = sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 116 * y ** (1 / 3) - 16


def test_grey_tells_apart_what_the_first_four_colours_do() -> None:
    lightness = sorted(grey(ink) for ink in list(INKS.values())[:4])
    assert min(np.diff(lightness)) > 10
    assert lightness[-1] < 75, "the lightest is still seen on white"


def test_what_is_printed_has_the_inks_of_its_legend() -> None:
    encoding = on_paper(choose_encoding(realistic_study()))
    assert {colour for _, colour in encoding.colour.signs} >= set(encoding.looks["colour"])
    assert set(encoding.looks["colour"]) <= set(INKS.values())


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_figure_of_the_best_epochs_holds_the_bars_of_what_it_shows(name: str) -> None:
    shown = Shown(load_study(RESULTS / name))
    (axes,) = make_figures(shown)["best"].axes
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    points = shown.best.points[100 * shown.best.points["y"] >= low].fillna({"x_sd": 0.0, "y_sd": 0.0})
    assert len(points)
    assert (points["x"] - points["x_sd"]).min() >= left
    assert (points["x"] + points["x_sd"]).max() <= right
    assert 100 * (points["y"] - points["y_sd"]).min() >= low
    assert 100 * min((points["y"] + points["y_sd"]).max(), 1.0) <= high <= 105


@pytest.mark.parametrize("shares", [[1.0], [0.7, 1.3, 1.0], [0.99, 1.0]], ids=str)
def test_the_markers_of_the_hypervolume_are_whole(shares: list[float]) -> None:
    growth = Growth(("accuracy",), (0.0,), pd.DataFrame({"trial": range(len(shares)), "share": shares}))
    figure = draw_hypervolume(growth, [10.0 * (i + 1) for i in range(len(shares))], WIDTHS["column"])
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (line,) = axes.lines
    inside = axes.bbox.padded(-line.get_markersize() / 2 * figure.dpi / 72)
    for point in axes.transData.transform(line.get_xydata()):
        assert inside.contains(*point)
