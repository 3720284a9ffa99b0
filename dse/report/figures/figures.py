"""All figures of a study, for papers and slides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from dse.report.encoding import on_paper
from dse.report.figures.best import draw_best
from dse.report.figures.curves import draw_curves
from dse.report.figures.front import draw_front
from dse.report.figures.front_3d import draw_front_3d
from dse.report.figures.hypervolume import draw_hypervolume
from dse.report.figures.paper import COLUMN, FORMATS, WIDTHS
from dse.report.figures.plans import draw_plans
from dse.report.figures.saving import save_figures
from dse.report.plan_data import plan_data
from dse.report.shown import Shown


def write_figures(
    shown: Shown, folder: Path, width: str = COLUMN, formats: Sequence[str] = tuple(FORMATS)
) -> list[Path]:
    """Write every figure of a study.

    Args:
        shown: The study.
        folder: Where to; made if missing.
        width: Name of one of ``WIDTHS``.
        formats: Names of ``FORMATS``: each figure is a file of each.

    Returns:
        The files.

    Raises:
        StudyError: The folder cannot be written to, or is a link to elsewhere.
    """
    return save_figures(lambda: make_figures(shown, WIDTHS[width]), folder, formats)


def make_figures(shown: Shown, width: float = WIDTHS[COLUMN]) -> dict[str, Figure]:
    """Draw each figure, so many inches wide, by the name of its file."""
    encoding, protocol = on_paper(shown.encoding), shown.tables.protocol
    return {
        "front": draw_front(shown.front, encoding, protocol, width),
        "front_3d": draw_front_3d(shown.front, encoding, protocol, width),
        "curves": draw_curves(shown.curves, encoding, protocol, width),
        "best": draw_best(shown.best, encoding, protocol, width),
        "hypervolume": draw_hypervolume(shown.growth, shown.spent_seconds, width),
        "plan": draw_plans(plan_data(shown.tables), width),
    }
