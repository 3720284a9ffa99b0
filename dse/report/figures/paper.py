"""What figures are printed on: widths of a page's columns, forms of files, and the style of all. Draws nothing."""

from __future__ import annotations

from typing import Any

# In inches, so that figures go in unscaled: one and both columns of a journal's page.
COLUMN, PAGE = "column", "page"
WIDTHS = {COLUMN: 3.5, PAGE: 7.16}
# Without dates, versions and random ids: the same study gives the same files.
FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 300, "metadata": {"Software": None}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
}
# Sizes in points, for print in the size that it is drawn.
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
    "pdf.fonttype": 42,  # the font goes into the file, as text
    "svg.fonttype": "none",  # text, not outlines
    "svg.hashsalt": "dse",
}
