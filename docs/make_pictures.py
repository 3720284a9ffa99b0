"""Take the tutorial's pictures of a study's page: python docs/make_pictures.py results/quickstart."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

import dse

PICTURES = Path(__file__).with_name("pictures")
SIZE = {"width": 1100, "height": 800}


def take(study: Path) -> None:
    """Open the page once as it is, and once with the answer's recipe pinned."""
    fastest = dse.load_study(study).answer.fastest
    pin = f"#pin={fastest.trial}.{fastest.epoch}" if fastest else ""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        address = (study / "report.html").resolve().as_uri()
        page.goto(address)
        page.wait_for_selector("#front .scatterlayer")
        page.locator("section:has(#front)").screenshot(path=PICTURES / "page.png")
        page.goto(address + pin)
        page.reload()
        page.locator("#card").screenshot(path=PICTURES / "card.png")
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
