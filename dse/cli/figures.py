"""``dse figures``: a study's figures for a paper."""

from __future__ import annotations

from pathlib import Path

import click

from dse.cli.options import results_option, study_argument
from dse.cli.terminal import say
from dse.report.figures.paper import COLUMN, FORMATS, WIDTHS


@click.command()
@study_argument
@click.option(
    "--width",
    type=click.Choice(list(WIDTHS)),
    default=COLUMN,
    show_default=True,
    help="How wide: " + ", ".join(f"{name} {inches:g} inches" for name, inches in WIDTHS.items()) + ".",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(list(FORMATS)),
    multiple=True,
    help="Give it again for another. [default: all]",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files. [default: figures/ in the study's, where `dse report` makes them one column wide]",
)
@results_option
def figures(study: str, width: str, formats: tuple[str, ...], out: Path | None, results: Path) -> None:
    """Draw a study's figures for a paper, in the size that they are printed in.

    STUDY is a name below --results, or a folder. The figures: front, front_3d (with the parameters), curves, best
    (accuracy and the epoch of it), hypervolume, plan (of the baseline and of the answer); docs/results.md says what
    each shows. Text stays text, its font is in the PDF, and grey tells apart what colours do.

    \b
    Examples:
      dse figures quickstart
      dse figures quickstart --width page --format pdf --out paper/figures
    """
    from dse.report.figures.figures import write_figures
    from dse.report.shown import Shown
    from dse.study.folders import find_study
    from dse.study.load import load_study

    folder = find_study(study, results)
    # Of the study's own folder a link is refused; where it was named, one is meant.
    to = folder / "figures" if out is None else out.resolve()
    for path in write_figures(Shown(load_study(folder)), to, width, formats or tuple(FORMATS)):
        say(path)
