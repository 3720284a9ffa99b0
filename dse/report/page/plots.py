"""The page's figures, drawn by plotly; colours of text, lines and grid are set by the page's style."""

from __future__ import annotations

import html
import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dse.report.encoding import Encoding, looks
from dse.report.figure_data import CurveData, FrontData, Place, Span, pale_opacity, shown_x
from dse.report.growth import Growth
from dse.report.ticks import log_ticks, tick_text
from dse.report.wording import PAPER, TEST_CHOSE, accuracy_title, axis_title, chosen_on, is_share, value_text
from dse.units import count_text, points_text, words

FEW_TRIALS = 10
# The page replaces these by the colours of its light or dark style.
INK, FAINT = "var(--ink)", "var(--faint)"
HOVER_VALUES = ("seconds_to_best", "seconds_to_target", "final_accuracy", "parameters", "train_flops")


def front_plot(data: FrontData, encoding: Encoding, protocol: str) -> go.Figure:
    """Draw the front, the other recipes and the baseline in the plane of time and accuracy."""
    figure = _figure(height=520)
    figure.add_scatter(
        x=data.baseline_curve["x"],
        y=_shown(data.y, data.baseline_curve["y"]),
        mode="lines",
        line={"color": FAINT, "width": 1.8, "dash": "dot", "shape": "hv"},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=data.line["x"],
        y=_shown(data.y, data.line["y"]),
        mode="lines",
        line={"color": INK, "width": 1.5, "shape": "hv"},
        hoverinfo="skip",
    )
    for on_front in (False, True):
        rows = data.points[data.points["on_front"] == on_front]
        _add_bars(figure, rows, data.y, opacity=0.8 if on_front else 0.35)
        _add_points(
            figure, rows, data, encoding, [_hover(row, data, protocol) for row in rows.to_dict("records")]
        )
    if data.baseline:
        _mark_baseline(figure, data)
    if data.answer:
        _annotate(figure, data, data.answer, "answer")
    figure.update_xaxes(_log_axis(data.x, shown_x(data)))
    figure.update_yaxes(title=accuracy_title(data.y, protocol), range=_share_range(data.y, data.span))
    return figure


def _add_points(
    figure: go.Figure, rows: pd.DataFrame, data: FrontData, encoding: Encoding, cards: list[str]
) -> None:
    look = looks(rows, encoding)
    shapes = zip(look["shape"], look["filled"], strict=True)
    figure.add_scatter(
        x=rows["x"],
        y=_shown(data.y, rows["y"]),
        mode="markers+text",
        marker={
            "color": look["colour"].tolist(),
            "symbol": [shape if filled else f"{shape}-open" for shape, filled in shapes],
            # Told apart by size, not by paleness: what is pale has too little contrast.
            "size": [12 if row.on_front or row.is_baseline else 7 for row in rows.itertuples()],
            "line": {"width": 2 if rows["on_front"].any() else 1.3},
        },
        text=_numbers(rows),
        textposition="top left",
        textfont={"size": 11},
        customdata=cards,
        hovertemplate="%{customdata}<extra></extra>",
        cliponaxis=False,
    )


def _numbers(rows: pd.DataFrame) -> list[str]:
    """Number each recipe of the front once, at its best point."""
    last = ~rows.duplicated("recipe_id", keep="last") & rows["on_front"]
    return [str(trial) if named else "" for trial, named in zip(rows["trial"], last, strict=True)]


def _add_bars(figure: go.Figure, rows: pd.DataFrame, y: str, *, opacity: float) -> None:
    """Draw standard deviations, apart from the points, as plotly gives all bars of a trace one colour."""
    several = rows[rows["x_sd"].notna() | rows["y_sd"].notna()]
    bars = {"color": FAINT, "thickness": 1, "width": 0}
    figure.add_scatter(
        x=several["x"],
        y=_shown(y, several["y"]),
        error_x={"array": several["x_sd"].fillna(0).tolist(), **bars},
        error_y={"array": _shown(y, several["y_sd"].fillna(0)).tolist(), **bars},
        mode="markers",
        marker={"size": 1, "color": FAINT},
        opacity=opacity,
        hoverinfo="skip",
    )


def _mark_baseline(figure: go.Figure, data: FrontData) -> None:
    assert data.baseline is not None
    x, y = data.baseline.x, float(_shown(data.y, pd.Series([data.baseline.y])).iloc[0])
    line = {"color": INK, "width": 1, "dash": "4px,3px"}
    lines: dict[str, Any] = {"type": "line", "line": line, "opacity": 0.45, "layer": "below"}
    figure.add_shape(xref="x", yref="y domain", x0=x, x1=x, y0=0, y1=1, **lines)
    figure.add_shape(xref="x domain", yref="y", x0=0, x1=1, y0=y, y1=y, **lines)
    _annotate(figure, data, data.baseline, "baseline's best")


def _annotate(figure: go.Figure, data: FrontData, place: Place, text: str) -> None:
    """Name a place below it, on the side with more room on the logarithmic axis."""
    shown = shown_x(data)
    to_the_left = place.x > math.sqrt(shown.min() * shown.max())
    figure.add_annotation(
        x=math.log10(place.x), y=float(_shown(data.y, pd.Series([place.y])).iloc[0]), text=text,
        showarrow=True, arrowhead=0, arrowwidth=1, arrowcolor=INK, ax=-34 if to_the_left else 34, ay=30,
        standoff=8, xanchor="right" if to_the_left else "left", font={"size": 13}, bgcolor="var(--paper)",
    )  # fmt: skip


def _hover(row: dict[Hashable, Any], data: FrontData, protocol: str) -> str:
    """Write the card of a point; what users wrote is escaped, as plotly reads some tags."""
    stop = f", stopped after epoch {row['epoch']}" if data.of_curves else ""
    seeds = count_text(int(row["seeds"]), "seed")
    name = f"trial {row['trial']}{stop}" + (" · baseline" if row["is_baseline"] else "")
    lines = [f"<b>{html.escape(str(row['label']))}</b>", f"{name} · {seeds}", ""]
    shown = dict.fromkeys((data.x, data.y, *HOVER_VALUES))
    lines += [f"{words(key)}  {value_text(key, row[key])}" for key in shown if value_text(key, row[key])]
    if protocol == PAPER:
        lines.append(TEST_CHOSE)
    else:
        lines.append(f"test accuracy  {value_text('accuracy', row['test_accuracy'])}")
    saved, gain = row["time_saved_percent"], row["accuracy_gain"]
    if math.isfinite(saved):
        lines += ["", f"{saved:.1f} % of the baseline's time saved".replace("-", "−")]
    if math.isfinite(gain):
        lines += ["", f"{points_text(gain)} above the baseline's best"]
    return "<br>".join(lines)


def curves_plot(data: CurveData, encoding: Encoding, protocol: str) -> go.Figure:
    """Draw each recipe's accuracy against its train seconds, those on the front above the others.

    The hover cards name the recipe by its trial: the page fills the labels in, so that they are stored once.
    """
    figure = _figure(height=480)
    pale = pale_opacity(data.rows)
    for on_front in (False, True):
        rows_of = data.rows[data.rows["on_front"] == on_front]
        for colour, rows in rows_of.groupby(looks(rows_of, encoding)["colour"], sort=False):
            lines = _with_gaps(rows)
            figure.add_scatter(
                x=lines["train_seconds"].to_numpy(np.float32),
                y=100 * lines["accuracy"].to_numpy(np.float32),
                customdata=lines[["trial", "epoch", "batch_size"]].fillna(0).astype(int).to_numpy().tolist(),
                mode="lines+markers" if on_front else "lines",
                line={"color": colour, "width": 2.5 if on_front else 1},
                marker={"size": 5},
                opacity=1 if on_front else pale,
                meta="curve",
                hovertemplate=(
                    "%{text}<br>trial %{customdata[0]}, epoch %{customdata[1]}, batch %{customdata[2]}<br>"
                    "%{y:.2f} % after %{x:.3~g} s<extra></extra>"
                ),
            )
    _add_baseline(figure, data.rows[data.rows["is_baseline"]])
    shown = data.rows.loc[data.rows["accuracy"] >= data.span.low, "train_seconds"]
    figure.update_xaxes(_log_axis("train_seconds", shown))
    figure.update_yaxes(
        title=f"{chosen_on(protocol)} accuracy (%)", range=_share_range("accuracy", data.span)
    )
    return figure


def _add_baseline(figure: go.Figure, rows: pd.DataFrame) -> None:
    figure.add_scatter(
        x=rows["train_seconds"],
        y=100 * rows["accuracy"],
        mode="lines",
        line={"color": INK, "width": 1.5},
        hoverinfo="skip",
        meta="baseline",
    )


def _with_gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """Lay curves end to end in one line, with a gap after each: one line draws faster than hundreds."""
    last = rows.groupby("trial")["epoch"].max()
    gaps = pd.DataFrame({"trial": last.index, "epoch": last.to_numpy() + 1})
    together = pd.concat([rows, gaps], ignore_index=True).sort_values(["trial", "epoch"], kind="stable")
    return together.iloc[:-1]


def growth_plot(growth: Growth) -> go.Figure:
    """Draw the volume of the front after each trial."""
    figure = _figure(height=300)
    figure.add_scatter(
        x=growth.rows["trial"],
        y=100 * growth.rows["share"],
        mode="lines+markers" if len(growth.rows) <= FEW_TRIALS else "lines",
        line={"color": INK, "width": 2, "shape": "hv"},
        hovertemplate="after trial %{x}: %{y:.1f} %<extra></extra>",
    )
    trials = growth.rows["trial"]
    figure.update_xaxes(
        title="trial", tickformat="d", range=[float(trials.min()) - 0.5, float(trials.max()) + 0.5]
    )
    if len(trials) <= FEW_TRIALS:
        figure.update_xaxes(dtick=1)
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


def _log_axis(name: str, values: pd.Series) -> dict[str, object]:
    positive = values[values > 0]
    low, high = (math.log10(positive.min()), math.log10(positive.max())) if len(positive) else (0.0, 1.0)
    margin = max(0.05 * (high - low), 0.02)
    ticks = log_ticks(10 ** (low - margin), 10 ** (high + margin))
    return {
        "type": "log",
        "title": axis_title(name),
        "range": [low - margin, high + margin],
        "tickvals": ticks,
        "ticktext": [tick_text(tick) for tick in ticks],
        # For the page's script, which leaves the ticks to plotly once a reader zooms in.
        "tickformat": "~s" if name in ("parameters", "train_flops") else ",~r",
    }


def _share_range(name: str, span: Span) -> list[float]:
    return [float(value) for value in _shown(name, pd.Series([span.low, span.high]))]


def _shown(name: str, values: pd.Series) -> pd.Series:
    return 100 * values if is_share(name) else values
