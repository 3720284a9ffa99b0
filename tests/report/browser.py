"""A real Chromium for the tests of the page: Debian's, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dse.record.tables import StudyTables
from dse.report.page.page import write_page
from dse.report.shown import Shown

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}


def start_chromium() -> Iterator[Any]:
    """Start it once for all tests; they are skipped where it or Playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, tables: StudyTables, folder: Path, address: str = "", **view: Any) -> Iterator[Any]:
    """Open a study's report as a file; nothing may be requested, and no error may be written.

    Args:
        browser: A started Chromium.
        tables: The study.
        folder: Where the page is written.
        address: What stands after the file's name, from ``#``.
        view: Options of a browser's context: width, colour scheme, touch.
    """
    path = folder / "report.html"
    if not path.exists():
        write_page(Shown(tables), path)
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}} | view)
    page, wrong = context.new_page(), []
    page.on("console", lambda line: wrong.append(f"console: {line.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: None if request.url.startswith("file:") else wrong.append(request.url))
    page.goto(path.as_uri() + address)
    page.wait_for_selector("#front .scatterlayer")
    yield page
    context.close()
    assert wrong == []


def wait_until(page: Any, script: str) -> None:
    """Wait until a script gives true; Playwright's own way is refused by the page's security policy."""
    for _ in range(100):
        if page.evaluate(script):
            return
        page.wait_for_timeout(100)
    raise AssertionError(script)
