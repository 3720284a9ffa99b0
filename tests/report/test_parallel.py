"""Parallel coordinates in a real browser: axes, ranks, and brushes that the other figures and tables follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dse.record.tables import StudyTables
from tests.fakes import BASELINE, FASTER, SHARED, SMALL_BATCH, make_study, make_trial
from tests.fakes import realistic_study as realistic
from tests.report.browser import PHONE, opened, wait_until

pytestmark = pytest.mark.slow
FOUR = (BASELINE, FASTER, SHARED, SMALL_BATCH)


@pytest.fixture(scope="module")
def study() -> StudyTables:
    return realistic(40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parallel")


def axis(page: Any, title: str) -> Any:
    return page.locator(f"#parallel .axis[aria-label='{title}']")


def drag(page: Any, title: str, begin: float, end: float) -> None:
    """Drag along an axis from one share of it to another."""
    line = axis(page, title).locator("path").first
    line.scroll_into_view_if_needed()
    box = line.bounding_box()
    x, (first, last) = (
        box["x"] + box["width"] / 2,
        (box["y"] + (1 - at) * box["height"] for at in (begin, end)),
    )
    page.mouse.move(x, first)
    page.mouse.down()
    page.mouse.move(x, (first + last) / 2)
    page.mouse.move(x, last)
    page.mouse.up()


def stops(page: Any) -> list[list[int]]:
    """The stops that the front's figure shows, by trial and epoch."""
    return page.evaluate(
        """() => document.getElementById("front").data.slice(-2).flatMap(({customdata}) => customdata)
          .map(([recipe, epoch]) => [recipes.trial[recipe], epoch]).sort((a, b) => a[0] - b[0] || a[1] - b[1])"""
    )


def test_objectives_and_choices_have_an_axis_each(chromium: Any, study: StudyTables, folder: Path) -> None:
    with opened(chromium, study, folder) as page:
        titles = [each.get_attribute("aria-label") for each in page.locator("#parallel .axis").all()]
        assert titles[:5] == [
            *("train time (s)", "validation accuracy (%)", "parameters", "training operations"),
            "time to the baseline's accuracy (s)",
        ]
        assert {"policy", "schedule", "batch size", "weight sharing: decoder"} <= set(titles)
        assert "learning rate: decay steps" not in titles, "all that have some have the same"
        # A stepped batch has no size of its own.
        assert "not there" in axis(page, "batch size").text_content()
        assert "not there" not in axis(page, "schedule").text_content()


def test_brushes_combine_and_the_figures_and_tables_follow(
    chromium: Any, study: StudyTables, folder: Path
) -> None:
    with opened(chromium, study, folder) as page:
        everything = stops(page)
        drag(page, "train time (s)", 0.4, 1.0)
        low, high = sorted(map(float, page.evaluate("address(state)").split("=")[1].split("..")))
        fast = [each for each in everything if low * 0.999 <= seconds(study, each) <= high * 1.001]
        assert stops(page) == fast
        assert 0 < len(fast) < len(everything)
        axis(page, "policy").focus()
        for _ in range(3):
            page.keyboard.press("ArrowDown")
        kept = [each for each in fast if policy(study, each) == "exponential_decay"]
        assert stops(page) == kept
        assert 0 < len(kept) < len(fast)
        said = page.locator(".brushed").first.inner_text()
        assert said.startswith(f"Show all {len({trial for trial, _ in kept})} of ")
        assert "policy exponential decay" in said
        rows = page.locator("section:has(> h2:text('Time saved')) tbody tr:visible")
        assert rows.count() == sum(trial in set(study.front["trial"]) for trial, _ in kept)
        recipes = page.locator("section:has(> h2:text('All recipes')) > .filtered tbody tr:visible")
        assert recipes.count() == len({trial for trial, _ in kept})
        address = page.url.partition("report.html")[2]
    with opened(chromium, study, folder, address) as page:
        assert stops(page) == kept
        page.locator(".brushed button").first.click()
        assert stops(page) == everything
        assert "on." not in page.url
        assert page.locator(".brushed:visible").count() == 0


def test_a_finger_brushes_an_axis_and_the_page_stays_where_it_is(
    chromium: Any, study: StudyTables, folder: Path
) -> None:
    with opened(chromium, study, folder, **PHONE) as page:
        everything = stops(page)
        line = axis(page, "train time (s)").locator("path").first
        line.scroll_into_view_if_needed()
        box, before = line.bounding_box(), page.evaluate("scrollY")
        touch = page.context.new_cdp_session(page)
        for kind, down in (("touchStart", 5), ("touchMove", 40), ("touchMove", 80), ("touchEnd", None)):
            points = [] if down is None else [{"x": box["x"], "y": box["y"] + down}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_selector(".brushed:visible")
        assert 0 < len(stops(page)) < len(everything)
        assert page.evaluate("scrollY") == before
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_is_not_there_can_be_brushed(chromium: Any, study: StudyTables, folder: Path) -> None:
    with opened(chromium, study, folder) as page:
        drag(page, "batch size", -0.09, -0.15)
        shown = {study.points.set_index("trial").loc[[trial], "schedule"].iloc[0] for trial, _ in stops(page)}
        assert shown
        assert not shown & {"32", "128"}


def test_a_click_keeps_one_choice_and_a_second_one_all(
    chromium: Any, study: StudyTables, folder: Path
) -> None:
    with opened(chromium, study, folder) as page:
        everything = stops(page)
        drag(page, "weight sharing: decoder", 1.0, 1.0)
        assert page.url.endswith("on.weight_sharing.decoder=reduced..reduced")
        assert 0 < len(stops(page)) < len(everything)
        drag(page, "weight sharing: decoder", 1.0, 1.0)
        assert stops(page) == everything


def test_a_click_on_a_line_shows_its_recipe(chromium: Any, study: StudyTables, folder: Path) -> None:
    with opened(chromium, study, folder) as page:
        page.locator("#parallel").scroll_into_view_if_needed()
        x, y, trial = page.evaluate(
            """() => {
              const [first, second] = parallelAxes(), box = document.getElementById("parallel").getBoundingClientRect();
              const y = (lineHeight(first, 0) + lineHeight(second, 0)) / 2, x = (sideBySide.x[0] + sideBySide.x[1]) / 2;
              const line = nearestLine({clientX: box.left + x, clientY: box.top + y});
              return [box.left + x, box.top + y, recipes.trial[lineStops[line][0]]];
            }"""
        )
        page.mouse.move(x, y)
        assert f"trial {trial}" in page.locator("#beside").inner_text()
        page.mouse.click(x, y)
        assert f"pin={trial}." in page.url
        assert page.locator("#parallel .pinned").get_attribute("d").startswith("M")


ODD = {
    "one accuracy": lambda: make_study([make_trial(i, FOUR[i % 4], [(10 + i, 0.9)]) for i in range(12)]),
    "no baseline": lambda: make_study([make_trial(i, FOUR[i + 1], [(10 + i, 0.9)]) for i in range(3)]),
    "whole runs": lambda: realistic(25, objectives=["seconds_to_best", "final_accuracy", "train_flops"]),
}


@pytest.mark.parametrize("name", ODD)
def test_any_study_is_brushed_by_keyboard_whatever_its_address_says(
    chromium: Any, name: str, tmp_path: Path
) -> None:
    address = "#on.batch_size.size=8..nothing&on.train_seconds=abc..2&on.policy=x&on.absent="
    with opened(chromium, ODD[name](), tmp_path, address) as page:
        assert not page.locator(".brushed.on").count()
        for each in page.locator("#parallel .axis").all():
            each.focus()
            page.keyboard.press("ArrowDown")
            assert page.locator(".brushed.on").count()
            page.keyboard.press("Delete")
        assert not page.locator(".brushed.on").count()


def test_lines_are_drawn_and_follow_the_dark_form(chromium: Any, study: StudyTables, folder: Path) -> None:
    drawn = """() => {
      const canvas = document.querySelector("#parallel canvas");
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
      copy.drawImage(canvas, 0, 0);
      const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
      let sum = 0, inked = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) { sum += data[i]; inked++; }
      return [inked, sum / inked];
    }"""
    with opened(chromium, study, folder) as page:
        inked, light = page.evaluate(drawn)
        assert inked > 5000
        page.emulate_media(color_scheme="dark")
        wait_until(page, f"({drawn})()[1] > {light + 20}")


def seconds(study: StudyTables, stop: list[int]) -> float:
    points = study.points
    return float(
        points.loc[(points["trial"] == stop[0]) & (points["epoch"] == stop[1]), "train_seconds"].iloc[0]
    )


def policy(study: StudyTables, stop: list[int]) -> str:
    return str(study.points.loc[study.points["trial"] == stop[0], "policy"].iloc[0])
