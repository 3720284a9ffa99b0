"""The report: one self-contained HTML page that opens without a network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from dse.record.tables import StudyTables, write_view
from dse.report.encoding import Encoding, choose_encoding
from dse.report.figure_data import curve_data, front_data
from dse.report.hypervolume import hypervolume_growth, reference_text
from dse.report.page.facts import definitions, study_facts
from dse.report.page.html_parts import facts, legend
from dse.report.page.plots import curves_plot, front_plot, growth_plot
from dse.report.page.tables import all_trials, failures_table, front_table, importance_table
from dse.report.wording import PAPER, chosen_on, value_text
from dse.units import count_text, words


@dataclass(frozen=True)
class Section:
    """A part of the page, and the figure in it if it has one."""

    html: str
    plot_id: str = ""
    plot: go.Figure | None = None


def write_page(tables: StudyTables, path: Path) -> None:
    """Write the report of a study; an elder one is replaced only when the new one is whole.

    Raises:
        StudyError: The folder cannot be written to.
    """
    write_view(path, page_html(tables, get_plotlyjs()))


def page_html(tables: StudyTables, plotly_js: str) -> str:
    """Make the report's HTML.

    Args:
        tables: The study.
        plotly_js: The library that draws the figures, embedded as it is.
    """
    encoding = choose_encoding(tables.trials)
    sections = [
        front_section(tables, encoding),
        Section(_section("Time saved, accuracy gained", front_table(tables))),
        curves_section(tables, encoding),
        growth_section(tables),
        Section(_section("Which choices matter", importance_table(tables))),
        Section(_section("What failed, and why", failures_table(tables))),
        Section(_section("All trials", all_trials(tables))),
        Section(_section("Terms", definitions(tables))),
    ]
    labels = dict(zip(tables.trials["trial"].astype(int), tables.trials["label"].astype(str), strict=True))
    drawn = {part.plot_id: json.loads(part.plot.to_json()) for part in sections if part.plot is not None}
    caveats = "".join(f"<li>{escape(caveat)}</li>" for caveat in tables.answer.caveats)
    template = Template(files("dse.report.page").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(f"{tables.name}: Pareto report"),
        finding=escape(str(tables.answer)),
        caveats=f'<ul class="caveats">{caveats}</ul>' if caveats else "",
        facts=facts(study_facts(tables)),
        sections="\n".join(part.html for part in sections),
        footer="Made by dse. The same numbers are in trials.csv, curves.csv and front.csv beside this page.",
        plotly=plotly_js,
        plots=_script_json(drawn),
        labels=_script_json({number: escape(label) for number, label in labels.items()}),
    )


def _script_json(content: object) -> str:
    """Write JSON that cannot end the script element that it stands in."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _plot(plot_id: str) -> str:
    return f'<div class="plot" id="{plot_id}"></div>'


def front_section(tables: StudyTables, encoding: Encoding) -> Section:
    """Time against accuracy, with both fronts and the baseline."""
    data = front_data(tables)
    title = "The front"
    if data.points.empty:
        return Section(_section(title, _note("No trial is complete yet, so there is no front.")))
    more = [words(name) for name in tables.objectives if name not in (data.x, data.y)]
    said = ["Numbered trials are on the front: no other trial beats them in every objective."]
    if more:
        said.append(
            f"It trades {', '.join(more)} too, so some of them lie off the line, which joins the best in "
            f"{words(data.x)} and {words(data.y)} alone."
        )
    if data.span.hidden:
        said.append(
            f"{count_text(data.span.hidden, 'trial')} below {value_text(data.y, data.span.low)} "
            "lie outside the figure; double-click shows all."
        )
    lines = [("solid", "trial front")]
    lines += [("dotted", "anytime front")] if len(data.anytime_front) else []
    lines += [("dashed", "baseline")] if data.baseline else []
    how = '<p class="note screen">Hover for a trial\'s values. Drag to zoom, double-click to zoom out.</p>'
    html = _section(title, _note(" ".join(said)), legend(encoding, lines), _plot("front"), how)
    return Section(html, "front", front_plot(data, encoding, tables.protocol))


def curves_section(tables: StudyTables, encoding: Encoding) -> Section:
    """Accuracy against train seconds, a curve each trial."""
    data = curve_data(tables)
    title = "Curves"
    if data.rows.empty:
        return Section(_section(title, _note("No epoch has been trained yet.")))
    said = f"Accuracy on the {chosen_on(tables.protocol)} images after each epoch."
    if tables.protocol == PAPER:
        said += " They also chose the epoch that each trial is judged by."
    if data.span.hidden:
        said += (
            f" {count_text(data.span.hidden, 'epoch')} below {value_text('accuracy', data.span.low)} lie outside the "
            "figure; double-click shows all."
        )
    lines = [("heavy", "on the front"), ("light", "other trials")]
    html = _section(title, _note(said), legend(encoding, lines, markers=False), _plot("curves"))
    return Section(html, "curves", curves_plot(data, encoding, tables.protocol))


def growth_section(tables: StudyTables) -> Section:
    """Hypervolume over trials."""
    growth = hypervolume_growth(tables)
    title = "Hypervolume over trials"
    if growth.rows.empty:
        return Section(_section(title, _note("No trial is complete yet.")))
    note = (
        "How much of the box between a reference point and the best value of each objective the front covers. "
        f"Reference point: {reference_text(growth)}; that is the worst value among the front and the baseline, moved "
        "outwards by a tenth of their distance from the best. It is fixed by the study as it is now. "
        "Times, parameters and operations count in logarithms."
    )
    return Section(_section(title, _note(note), _plot("growth")), "growth", growth_plot(growth))
