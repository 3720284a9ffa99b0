"""The page in a real browser: its figures, chooser and cards, on a phone, in the dark, printed, by keyboard."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from dse.decision.pick import Wish, pick
from dse.evidence.judge import judged
from dse.pareto import front_mask
from dse.recipe.learning_rate import Fixed
from dse.recipe.recipe import parse_recipe
from dse.record.run import Outcome
from dse.record.tables import StudyTables
from dse.report.figure_data import front_band
from tests.evidence.test_reproduction import study as paper_study
from tests.fakes import BASELINE, FASTER, SHARED, make_study, make_trial, small_study
from tests.fakes import realistic_study as realistic
from tests.report.browser import PHONE, opened, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study() -> StudyTables:
    return realistic(40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


def place_of(page: Any, point: int) -> tuple[float, float]:
    """Where a point of the front is on the screen, counted from its end if negative."""
    page.locator("#front").scroll_into_view_if_needed()
    return page.evaluate(
        """(point) => {
          const plot = document.getElementById("front"), {xaxis, yaxis} = plot._fullLayout;
          const trace = plot.data.findLast(({text}) => text), box = plot.getBoundingClientRect();
          const across = xaxis._offset + xaxis.d2p(trace.x.at(point));
          return [box.x + across, box.y + yaxis._offset + yaxis.d2p(trace.y.at(point))];
        }""",
        point,
    )


def test_a_click_on_a_point_shows_its_recipe_to_copy(chromium: Any, study: StudyTables, folder: Path) -> None:
    with opened(chromium, study, folder) as page:
        assert page.locator("#card").is_hidden()
        page.mouse.click(*place_of(page, -1))
        page.wait_for_selector("#card:not([hidden])")
        row = study.front.iloc[-1]
        assert page.locator("#card h3").inner_text() == row["label"]
        recipe = parse_recipe(yaml.safe_load(page.locator("#card pre").nth(1).inner_text()), "card")
        assert recipe.id == row["recipe_id"]
        assert page.locator("#card pre").nth(0).inner_text() == (
            f"dse train quickstart:{row['trial']} --dataset digits --seed 0"
        )
        assert f"pin={row['trial']}.{row['epoch']}" in page.url  # fmt: skip
        page.locator("#card .close").click()
        assert page.locator("#card").is_hidden()
        assert "pin" not in page.url


def test_every_recipe_is_written_as_yaml_that_reads_as_itself(
    chromium: Any, study: StudyTables, folder: Path
) -> None:
    with opened(chromium, study, folder) as page:
        written = page.evaluate("recipes.trial.map((_, recipe) => yaml(contentOf(recipe)))")
    ids = [parse_recipe(yaml.safe_load(text), "page").id for text in written]
    assert ids == list(dict.fromkeys(study.points["recipe_id"]))


def test_values_of_any_kind_survive_the_yaml(chromium: Any, study: StudyTables, folder: Path) -> None:
    values = {
        "a": 1e-7, "b": -2.5e21, "c": "yes", "d": "no one", "e": "it's: #1", "f": None, "g": True,
        "h": [1, [2.5, "x"]], "i": [{"epochs": "rest", "size": 8}], "j": {}, "k: l": {"m": "1.5", "on": ""},
        "n": "x ", "o": "<b>\n</b>",
    }  # fmt: skip
    with opened(chromium, study, folder) as page:
        assert yaml.safe_load(page.evaluate("(values) => yaml(values)", values)) == values


def test_arrows_and_enter_show_a_recipe(chromium: Any, study: StudyTables, folder: Path) -> None:
    with opened(chromium, study, folder) as page:
        page.locator("#front").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert (
            page.locator("#walk")
            .inner_text()
            .startswith(f"trial {study.front['trial'].iloc[1]}, stopped after epoch")
        )
        page.keyboard.press("Enter")
        assert page.locator("#card h3").inner_text() == study.front["label"].iloc[1]
        page.keyboard.press("Escape")
        assert page.locator("#card").is_hidden()


def test_axes_change_and_the_line_is_the_front_of_the_new_plane(
    chromium: Any, study: StudyTables, folder: Path
) -> None:
    with opened(chromium, study, folder) as page:
        page.locator("#view select[name=x]").select_option("parameters")
        line = page.evaluate("shownPoints('parameters', 'accuracy').line.map(({x, y}) => [x, y])")
        assert page.evaluate("document.getElementById('front').layout.xaxis.title.text") == "parameters"
        assert "x=parameters" in page.url
        page.locator("#view input[name=logx]").uncheck()
        assert page.evaluate("document.getElementById('front').layout.xaxis.type") == "linear"
    values = study.points[["parameters", "accuracy"]].to_numpy(dtype=float)
    front = np.unique(values[front_mask(values, (False, True))], axis=0)
    assert np.allclose(line, front[np.argsort(front[:, 0])])


def test_the_front_of_very_many_points_is_theirs(chromium: Any, study: StudyTables, folder: Path) -> None:
    planes = """() => {
      const many = Array.from({length: Math.ceil(2 * MANY / stops().length)}, () => stops()).flat();
      const values = (steps) => JSON.stringify(steps.map(({x, y}) => [x, y])), names = Object.keys(axes);
      const differ = names.flatMap((x) => names.map((y) => [x, y]))
        .filter(([x, y]) => x !== y && values(staircase(x, y, many)) !== values(staircase(x, y)));
      return [many.length, stops().length, differ];
    }"""
    with opened(chromium, study, folder) as page:
        many, few, differ = page.evaluate(planes)
    assert many > 5000 > few
    assert differ == []


def test_stopped_and_failed_runs_and_single_runs_are_shown_on_demand(chromium: Any, tmp_path: Path) -> None:
    tables = make_study([make_trial(0, BASELINE, [(10, 0.8), (20, 0.9)]), make_trial(1, FASTER, [(4, 0.6), (9, 0.95)]),
                         make_trial(2, SHARED, [(9, 0.7)], state=Outcome.STOPPED, reason="dominated")])  # fmt: skip
    with opened(chromium, tables, tmp_path) as page:
        traces = page.evaluate("document.getElementById('front').data.length")
        page.locator("#view input[name=failures]").check()
        shown = page.evaluate(
            "document.getElementById('front').data.find(({marker}) => marker?.symbol === 'x-thin-open').x"
        )
        assert shown == [9]
        page.locator("#view input[name=runs]").check()
        assert page.evaluate("document.getElementById('front').data.length") == traces + 2


def test_the_band_is_that_of_the_figures(chromium: Any, tmp_path: Path) -> None:
    tables = judged(small_study())
    with opened(chromium, tables, tmp_path) as page:
        shown = page.evaluate(
            """() => {
              const {data} = document.getElementById("front"), above = data.findIndex(({fill}) => fill === "tonexty");
              return [data[above].x, data[above - 1].y, data[above].y];
            }"""
        )
        assert "its 95 % limits" in page.locator(".legend").first.inner_text()
        page.locator("#view select[name=x]").select_option("parameters")
        assert not page.evaluate("document.getElementById('front').data.some(({fill}) => fill === 'tonexty')")
    band = front_band(tables)
    assert np.allclose(shown, [band["x"], 100 * band["low"], 100 * band["high"]])


def test_the_papers_rows_are_shown_by_their_ratios_on_demand(chromium: Any, tmp_path: Path) -> None:
    tables = paper_study()
    baseline = tables.answer.baseline
    assert baseline is not None
    with opened(chromium, tables, tmp_path) as page:
        assert not page.locator("#view input[name=published]").is_checked()
        page.locator("#view input[name=published]").check()
        rows = page.evaluate(
            """() => {
              const {x, y, hovertext} = document.getElementById("front").data
                .find(({marker}) => marker?.symbol === "asterisk-open");
              return hovertext.map((told, i) => [told, x[i], y[i]]);
            }"""
        )
        assert "published=1" in page.url
        page.locator("#view select[name=x]").select_option("parameters")
        assert page.locator("#view input[name=published]").is_disabled()
    told, seconds, accuracy = next(row for row in rows if "exponential decay" in row[0])
    assert len(rows) == 7
    assert "0.41 of its baseline's time to the best epoch, +0.04 points" in told
    assert "smaller here: the network" in told
    assert (seconds, accuracy) == pytest.approx((baseline.seconds * 12 / 29, 100 * baseline.accuracy + 0.038))


OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll("#front .annotation-text-g")].filter((text) => text.textContent.trim())
    .map((text) => text.getBoundingClientRect());
  const numbers = [...document.querySelectorAll("#front .textpoint text")].filter((text) => text.textContent.trim())
    .map((text) => text.getBoundingClientRect());
  const all = [...boxes, ...numbers];
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return [boxes.length, numbers.length, all.flatMap((a, i) => all.slice(i + 1).filter((b) => meet(a, b))).length];
}"""


@pytest.mark.parametrize("width", [390, 1200])
def test_names_and_numbers_of_points_do_not_hide_each_other(
    chromium: Any, width: int, tmp_path: Path
) -> None:
    # The answer is where the baseline is best, and many points of the front lie close together.
    crowd = [
        BASELINE.model_copy(update={"learning_rate": Fixed(base_rate=0.002 + i / 1e4)}) for i in range(25)
    ]
    near = [make_trial(1 + i, recipe, [(20 + i / 10, 0.95 + i / 1e4)]) for i, recipe in enumerate(crowd)]
    tables = make_study([make_trial(0, BASELINE, [(10, 0.80), (21, 0.95)]), *near])
    with opened(chromium, tables, tmp_path, viewport={"width": width, "height": 800}) as page:
        names, _, overlaps = page.evaluate(OVERLAPS)
        assert names >= 2
        assert overlaps == 0


def test_a_table_shows_the_rows_with_all_the_words(chromium: Any, study: StudyTables, folder: Path) -> None:
    with opened(chromium, study, folder) as page:
        table = page.locator(".filtered", has=page.locator("table.of-trials")).nth(1)
        rows = table.locator("tbody tr")
        table.locator("input").fill("ONE cycle")
        shown = table.locator("tbody tr:visible").all_inner_texts()
        assert 0 < len(shown) < rows.count()
        assert all("one cycle" in text for text in shown)
        assert table.locator(".filter span").inner_text() == f"{len(shown)} of {rows.count()} rows"
        table.locator("input").fill("")
        assert table.locator("tbody tr:visible").count() == rows.count()


def test_the_choice_is_kept_in_the_address(chromium: Any, study: StudyTables, folder: Path) -> None:
    with opened(chromium, study, folder) as page:
        assert page.locator("#chooser input[name=baseline]").is_checked()
        page.locator("#chooser input[name=baseline]").uncheck()
        page.locator("#chooser input[name=seconds]").fill("2.5")
        said, address = page.locator("#choice").inner_text(), page.url.partition("report.html")[2]
        assert address == "#seconds=2.5"
        assert "Runner-up" in said
    with opened(chromium, study, folder, address) as page:
        assert page.locator("#choice").inner_text() == said
        assert page.locator("#chooser input[name=seconds]").input_value() == "2.5"


def test_a_wish_that_nobody_meets_names_the_nearest(chromium: Any, study: StudyTables, folder: Path) -> None:
    with opened(chromium, study, folder, "#accuracy=1&seconds=0.001") as page:
        assert page.locator("#choice").inner_text().startswith("No recipe gives this; the nearest")


def test_on_a_phone_a_swipe_scrolls_and_a_tap_shows_the_recipe_in_sight(
    chromium: Any, study: StudyTables, folder: Path
) -> None:
    with opened(chromium, study, folder, **PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator("#front").scroll_into_view_if_needed()
        box, before = page.locator("#front").bounding_box(), page.evaluate("scrollY")
        span = page.evaluate("document.getElementById('front').layout.yaxis.range")
        touch = page.context.new_cdp_session(page)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] - 100
        for kind, up in [
            ("touchStart", 0),
            *(("touchMove", 25 * i) for i in range(1, 11)),
            ("touchEnd", None),
        ]:
            points = [] if up is None else [{"x": x, "y": y - up}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        wait_until(page, f"scrollY > {before} + 100")
        assert page.evaluate("document.getElementById('front').layout.yaxis.range") == span
        page.locator("#front").scroll_into_view_if_needed()
        page.wait_for_timeout(500)  # until what was swiped comes to rest
        page.touchscreen.tap(*place_of(page, -1))
        page.wait_for_selector("#card:not([hidden])")
        card = page.locator("#card").bounding_box()
        assert card["x"] >= 0
        assert card["x"] + card["width"] <= 390


def test_the_dark_form_has_its_own_colours(chromium: Any, study: StudyTables, folder: Path) -> None:
    with opened(chromium, study, folder, color_scheme="dark") as page:
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 28)"
        assert page.evaluate("document.getElementById('front').layout.font.color") == "#e4e6e8"
        page.emulate_media(color_scheme="light")
        wait_until(page, "document.getElementById('front').layout.font.color === '#23262b'")


def test_printing_opens_closed_tables_and_closes_them_again(
    chromium: Any, study: StudyTables, folder: Path
) -> None:
    with opened(chromium, study, folder) as page:
        page.evaluate(
            """() => addEventListener("beforeprint", () => {
              window.closed = document.querySelectorAll("details:not([open])").length;
            })"""
        )
        page.pdf()
        assert page.evaluate("window.closed") == 0
        assert page.locator("details:not([open])").count() > 0
        page.emulate_media(media="print")
        assert page.locator("#chooser").is_hidden()


def test_what_users_wrote_stays_text(chromium: Any, tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)><b>&amp; </script><script>alert(2)</script>"
    tables = realistic(12)
    labelled = {name: getattr(tables, name).assign(label=evil) for name in ("trials", "points", "front")}
    with opened(chromium, dataclasses.replace(tables, name=evil, **labelled), tmp_path) as page:
        assert page.locator("h1").inner_text() == f"{evil}: Pareto report"
        page.mouse.move(*place_of(page, -1))
        page.wait_for_selector("#front .hoverlayer .hovertext")
        assert "onerror" in page.locator("#front .hoverlayer").inner_html()
        page.mouse.click(*place_of(page, -1))
        page.evaluate("document.querySelector('#parallel').scrollIntoView()")
        box = page.locator("#parallel").bounding_box()
        x, y = page.evaluate("[sideBySide.x, parallelAxes().map((axis) => lineHeight(axis, 0))]")
        page.mouse.move(box["x"] + (x[0] + x[1]) / 2, box["y"] + (y[0] + y[1]) / 2)
        assert evil in page.locator("#beside").inner_text()
        assert page.locator("#card h3").inner_text() == evil
        assert evil in page.locator("#card pre").first.inner_text().replace("'\\''", "'")
        assert page.locator("img, #card b").count() == 0


def test_figures_have_a_role_a_label_and_a_tab_stop(chromium: Any, study: StudyTables, folder: Path) -> None:
    with opened(chromium, study, folder) as page:
        for name in ("front", "curves", "growth"):
            figure = page.locator(f"#{name}")
            assert figure.get_attribute("role") in ("img", "application")
            assert figure.get_attribute("aria-label")
            assert figure.get_attribute("tabindex") == "0"


@pytest.mark.parametrize(
    "objectives",
    [["train_seconds", "parameters"], ["accuracy", "train_flops"], ["seconds_to_best", "final_accuracy"]],
    ids=str,
)
def test_a_front_of_whole_runs_is_drawn(chromium: Any, objectives: list[str], tmp_path: Path) -> None:
    tables = realistic(20, objectives=objectives)
    with opened(chromium, tables, tmp_path) as page:
        shown = page.evaluate("shownPoints(...study.plane).top.map(([recipe]) => recipes.trial[recipe])")
        assert shown == tables.front["trial"].tolist()
        page.locator("#view select[name=y]").select_option("parameters")


def wishes(tables: StudyTables) -> list[Wish]:
    """Limits at and between the values of points, alone and together, with and without the knee."""
    random = np.random.default_rng(7)
    points = tables.points
    drawn = [Wish(knee=True), Wish(as_good_as_baseline=True), Wish(max_seconds=1e-6), Wish(min_accuracy=1.0)]
    for _ in range(150):
        point, scale = points.iloc[int(random.integers(len(points)))], float(random.choice([1.0, 0.97, 1.03]))
        limits = {
            "max_seconds": float(point["train_seconds"]) * scale,
            "min_accuracy": min(1.0, float(point["accuracy"]) * scale),
            "max_parameters": int(point["parameters"] * scale),
            "as_good_as_baseline": True,
            "knee": True,
        }
        chosen = [name for name in limits if random.random() < 0.35]
        drawn += [Wish(**{name: limits[name] for name in chosen})] if chosen else []
    return drawn


def picked(tables: StudyTables, wish: Wish) -> dict[str, list[int] | None]:
    found = pick(tables, wish)
    names = {
        "chosen": found.choice,
        "runnerUp": found.runner_up,
        "more": found.more,
        "nearest": found.nearest,
    }
    return {name: None if point is None else [point.trial, point.epoch] for name, point in names.items()}


CHOICE = """(wish) => {
  const found = choose(wish), named = (stop) => stop ? [recipes.trial[stop[0]], stop[1]] : null;
  return Object.fromEntries(["chosen", "runnerUp", "more", "nearest"].map((name) => [name, named(found[name])]));
}"""


STUDIES = {
    "curves": lambda: realistic(40),
    "whole runs": lambda: realistic(30, objectives=["train_flops", "accuracy"]),
    "several seeds": small_study,
}


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_chooses_what_dse_pick_picks(chromium: Any, name: str, tmp_path: Path) -> None:
    tables = STUDIES[name]()
    with opened(chromium, tables, tmp_path) as page:
        assert page.evaluate("String(kneeStop) === String(choose({knee: true}).chosen)")
        for wish in wishes(tables):
            asked = {
                "seconds": wish.max_seconds,
                "accuracy": wish.min_accuracy,
                "parameters": wish.max_parameters,
                "baseline": wish.as_good_as_baseline,
                "knee": wish.knee,
            }
            assert page.evaluate(CHOICE, asked) == picked(tables, wish), wish
