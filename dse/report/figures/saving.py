"""Figures as PNG, SVG and PDF files, all in one style."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from dse.errors import StudyError
from dse.files import refuse_link
from dse.record.tables import write_view
from dse.report.figures.paper import FORMATS, STYLE


def save_figures(
    make: Callable[[], Mapping[str, Figure]], folder: Path, formats: Sequence[str] = tuple(FORMATS)
) -> list[Path]:
    """Draw figures in the style of all, and write each as a file of each format.

    Args:
        make: Draws each figure, by the name of its file.
        folder: Where to; made if missing.
        formats: Names of ``FORMATS``.

    Raises:
        StudyError: The folder cannot be written to, or is a link to elsewhere.
    """
    refuse_link(folder, StudyError)
    written = []
    with in_style():
        for name, figure in make().items():
            for ending in formats:
                path = folder / f"{name}.{ending}"
                write_view(path, file_content(figure, ending))
                written.append(path)
    return written


@contextmanager
def in_style() -> Iterator[None]:
    """Draw in the style of all figures, whatever the settings of its maker are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def file_content(figure: Figure, ending: str) -> bytes:
    """Give what a figure's file holds."""
    content = io.BytesIO()
    figure.savefig(content, format=ending, **FORMATS[ending])
    return content.getvalue()
