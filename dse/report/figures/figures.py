"""A study's figures as PNG, SVG and PDF files for papers and slides."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from dse.errors import StudyError
from dse.files import refuse_link
from dse.record.tables import StudyTables, write_view
from dse.report.encoding import choose_encoding
from dse.report.figure_data import curve_data, front_data
from dse.report.figures.curves import draw_curves
from dse.report.figures.front import draw_front, draw_front_3d

# Without dates, versions and random ids: the same study gives the same files.
FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 300, "metadata": {"Software": None}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
}
# Sizes in points at the width of a journal's column, 3.5 inches, so that figures go in unscaled.
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.5,
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "#777777",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.color": "#777777",
    "ytick.color": "#777777",
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 6.5,
    "legend.title_fontsize": 6.5,
    "text.parse_math": False,  # a $ in a name is a $
    "pdf.fonttype": 42,
    "svg.hashsalt": "dse",
}


def write_figures(tables: StudyTables, folder: Path) -> list[Path]:
    """Write the front, the front with parameters, and the curves, each as PNG, SVG and PDF.

    Args:
        tables: The study.
        folder: Where to; made if missing.

    Returns:
        The files.

    Raises:
        StudyError: The folder cannot be written to, or is a link to elsewhere.
    """
    return save_figures(lambda: make_figures(tables), folder)


def save_figures(make: Callable[[], Mapping[str, Figure]], folder: Path) -> list[Path]:
    """Draw figures in the style of all, and write each as PNG, SVG and PDF.

    Args:
        make: Draws each figure, by the name of its file.
        folder: Where to; made if missing.

    Raises:
        StudyError: The folder cannot be written to, or is a link to elsewhere.
    """
    refuse_link(folder, StudyError)
    written = []
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a figure must not depend on its maker's own settings
        matplotlib.rcParams.update(STYLE)
        for name, figure in make().items():
            for ending, settings in FORMATS.items():
                content = io.BytesIO()
                figure.savefig(content, format=ending, **settings)
                path = folder / f"{name}.{ending}"
                write_view(path, content.getvalue())
                written.append(path)
    return written


def make_figures(tables: StudyTables) -> dict[str, Figure]:
    """Draw each figure, by the name of its file."""
    encoding = choose_encoding(tables)
    front = front_data(tables)
    return {
        "front": draw_front(front, encoding, tables.protocol),
        "front_3d": draw_front_3d(front, encoding, tables.protocol),
        "curves": draw_curves(curve_data(tables), encoding, tables.protocol),
    }
