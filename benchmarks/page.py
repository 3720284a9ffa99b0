"""What the page of a large study costs: making it, its size, and how soon a browser lets it be used.

    python benchmarks/page.py --trials 10000 --recipes 10000

Needs Chromium and Playwright. Nothing is trained: curves come out of a generator.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import sync_playwright
from scale import ENVIRONMENT, drawn_trials, space

from dse.evidence.judge import judged
from dse.record.tables import StudyTables, make_tables
from dse.report.page.page import write_page
from dse.report.shown import Shown


def made(trials: int, recipes: int, epochs: int) -> StudyTables:
    """Make a study of as many trials."""
    of = space(epochs, trials, "grid", recipes=recipes)
    drawn = [trial for trial, _, _ in drawn_trials(of, trials)]
    return judged(make_tables("s", drawn, of.dump(), of.baseline_recipe.id, ENVIRONMENT))


def opening(browser: Any, path: Path) -> dict[str, float]:
    """Open the page and use it, each step until the browser has drawn and answers again.

    Returns:
        Seconds of each step, and how many of the first one the page's thread was at work, which other programs on the
        machine delay less.
    """
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})
    begin, found = time.perf_counter(), {}

    def note(step: str) -> None:
        nonlocal begin
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
        found[step] = time.perf_counter() - begin
        begin = time.perf_counter()

    page.goto(path.as_uri())
    page.wait_for_selector("#front .scatterlayer")
    note("usable")
    metrics = {metric["name"]: metric["value"] for metric in tools.send("Performance.getMetrics")["metrics"]}
    found["usable, CPU time of its thread"] = metrics["TaskDuration"]
    begin = time.perf_counter()
    page.evaluate("update({x: 'train_flops'})")
    note("axis switched")
    page.evaluate("update({x: 'train_seconds', pin: study.front[0]})")
    note("card shown")
    page.locator("#parallel").scroll_into_view_if_needed()
    page.evaluate("drawWaiting('parallel')")
    note("parallel coordinates drawn")
    page.evaluate("brushed('train_seconds', snapped(parallelAxes()[0], 0.5, 1))")
    note("brushed")
    page.close()
    return found


def main() -> None:
    """Make the page, weigh it, and open it a few times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--recipes", type=int, default=2_000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    tables = made(options.trials, options.recipes, options.epochs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        begin = (time.perf_counter(), time.process_time())
        write_page(Shown(tables), path)
        wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
        recipes = tables.trials["recipe_id"].nunique()
        print(f"{len(tables.trials)} trials, {recipes} recipes: {path.stat().st_size / 1e6:.1f} MB")
        print(f"made in {wall:.1f} s ({cpu:.1f} s of CPU time)")
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
            times = [opening(browser, path) for _ in range(options.repeats)]
            browser.close()
    for step in times[0]:
        each = [time[step] for time in times]
        print(f"{step}: {median(each):.2f} s (least {min(each):.2f})")


if __name__ == "__main__":
    main()
