"""The page's figure of the search, drawn by plotly; colours of text, lines and grid are set by the page's style."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dse.report.growth import Growth

# The page replaces it by the colour of its light or dark style.
INK = "var(--ink)"


def growth_plot(growth: Growth, spent: Sequence[float]) -> go.Figure:
    """Draw the volume of the front over the train seconds that had been spent when a trial ended."""
    figure = _figure(height=300)
    figure.add_scatter(
        x=spent,
        y=100 * growth.rows["share"],
        customdata=growth.rows["trial"].tolist(),
        mode="lines+markers" if growth.has_few else "lines",
        line={"color": INK, "width": 2, "shape": "hv"},
        hovertemplate="after trial %{customdata}, %{x:.3~s} s: %{y:.1f} %<extra></extra>",
    )
    figure.update_xaxes(title="train time of all trials (s)", rangemode="tozero")
    figure.update_yaxes(title="volume (% of that now)", rangemode="tozero")
    return figure


def _figure(height: int) -> go.Figure:
    figure = go.Figure(layout={"template": "none"})
    figure.update_layout(
        height=height,
        showlegend=False,
        margin={"l": 64, "r": 16, "t": 12, "b": 52},
        hovermode="closest",
        dragmode="zoom",
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(automargin=True, tickangle=0, zeroline=False, ticks="outside", ticklen=4)
    figure.update_yaxes(automargin=True, zeroline=False, ticks="outside", ticklen=4)
    return figure
