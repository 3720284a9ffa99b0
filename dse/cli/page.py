"""``dse report`` and ``dse open``: a study's page."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from dse.cli.options import results_option, study_argument
from dse.cli.terminal import say


@click.command()
@study_argument
@results_option
def report(study: str, results: Path) -> None:
    """Make a study's report, figures and CSV files again.

    STUDY is a name below --results, or a folder. Works while the study is still running, and on a
    published folder of CSV files.
    """
    from dse.api import write_views
    from dse.study.folders import find_study

    for path in write_views(find_study(study, results)):
        say(path)


@click.command("open")
@study_argument
@results_option
def open_page(study: str, results: Path) -> None:
    """Open a study's report in the browser; it is made if it is not there, or older than the study.

    STUDY is a name below --results, or a folder. Where there is no browser, the path is all that there is to say.

    \b
    Examples:
      dse open quickstart
    """
    from dse.study.folders import DATABASE, TRIALS_FILE, find_study

    page = find_study(study, results) / "report.html"
    recorded = [page.with_name(name) for name in (DATABASE, TRIALS_FILE)]
    changed = max((path.stat().st_mtime for path in recorded if path.exists()), default=0.0)
    if not page.exists() or page.stat().st_mtime < changed:
        from dse.report.page.page import write_page
        from dse.report.shown import Shown
        from dse.study.load import load_study

        write_page(Shown(load_study(page.parent)), page)
    opened = webbrowser.open(page.resolve().as_uri())
    say(page if opened else f"No browser was found here. Open this file with one: {page.resolve()}")
