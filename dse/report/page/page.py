"""The report: one self-contained HTML page that opens without a network.

Python prepares plain data; the templates lay it out, and escape what users wrote.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from dse.record.clock import clock_of, noise_floor_of
from dse.record.front import traded
from dse.record.tables import StudyTables, write_view
from dse.record.timing import Timing
from dse.report.encoding import Encoding
from dse.report.figure_data import CurveData, FrontData
from dse.report.growth import Growth
from dse.report.page.choices import choices_table
from dse.report.page.facts import provenance, study_facts
from dse.report.page.importances import importance_table
from dse.report.page.legend import Group, Mark, line_legend, point_legend
from dse.report.page.plots import growth_plot
from dse.report.page.study_data import study_data
from dse.report.page.tables import (
    baseline_error,
    failures_table,
    front_table,
    recipes_table,
    reproduction_view,
    trials_table,
)
from dse.report.shown import Shown
from dse.report.wording import PAPER, chosen_on, value_text
from dse.units import count_text, words

# In parallel coordinates; the last stands for all further ones.
RANKS = Group(
    "rank", tuple(Mark(text, line=f"rank-{i + 1}") for i, text in enumerate(("1", "2", "3", "later")))
)


@dataclass(frozen=True)
class View:
    """What the page says about a figure.

    Attributes:
        legend: What its signs stand for.
        outside: How many of what lie outside it; empty if nothing does.
        further: Objectives that the front trades and the figure does not show, in words.
        bars: Whether some points are means of several seeds and have bars.
    """

    legend: list[Group]
    outside: str = ""
    further: str = ""
    bars: bool = False


def write_page(shown: Shown, path: Path) -> None:
    """Write the report of a study; an older one is replaced only when the new one is whole.

    Raises:
        StudyError: The folder cannot be written to.
    """
    write_view(path, page_html(shown, get_plotlyjs()))


def page_html(shown: Shown, plotly_js: str) -> str:
    """Make the report's HTML.

    Args:
        shown: The study.
        plotly_js: The library that draws the figures, embedded as it is.
    """
    tables, encoding, front, curves = shown.tables, shown.encoding, shown.front, shown.curves
    study = study_data(tables, encoding, front, curves) if len(tables.points) else None
    plots = _growth_plots(shown)
    states = tables.trials["state"]
    error, floor = baseline_error(tables), noise_floor_of(tables.environment)
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=f"{tables.name}: Pareto report",
            answer=tables.answer,
            facts=study_facts(tables),
            paper=tables.protocol == PAPER,
            calibrated=clock_of(tables.environment) is Timing.CALIBRATED,
            floor="" if floor is None else f"{100 * floor:.1f}",
            images=chosen_on(tables.protocol),
            of_curves=tables.front_of_curves,
            objectives=[words(name) for name in tables.objectives],
            browsable=study is not None,
            study=study,
            axes=study["axes"] if study else {},
            growth="growth" in plots,
            front=_front_view(front, encoding, tables),
            side_by_side=bool(study and study["dimensions"]),
            ranks=[RANKS],
            front_table=front_table(tables),
            reproduction=reproduction_view(tables),
            error="" if error is None else f"{100 * error:.2f}",
            curves=_curves_view(curves, encoding),
            corner=_corner_text(shown.growth),
            importance=importance_table(tables),
            choices=choices_table(tables, encoding.dimensions),
            provenance=provenance(tables),
            failures=failures_table(tables),
            cut_off=[(words(s), n) for s in ("stopped", "interrupted") if (n := int((states == s).sum()))],
            recipes=recipes_table(tables),
            trials=trials_table(tables),
            plots=plots,
            plotly=Markup(plotly_js),
        )
    )


def _growth_plots(shown: Shown) -> dict[str, Any]:
    if shown.growth.rows.empty:
        return {}
    return {"growth": json.loads(growth_plot(shown.growth, shown.spent_seconds).to_json())}


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dse.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    return environment


def _front_view(data: FrontData, encoding: Encoding, tables: StudyTables) -> View:
    lines = [Mark("front", line="solid")]
    if len(data.band) and tables.evidence is not None:
        lines.append(Mark(f"its {100 * tables.evidence.confidence:g} % limits", line="band"))
    if len(data.baseline_curve):
        lines.append(Mark("baseline, as it trains", line="dotted"))
    if data.baseline:
        lines.append(Mark("baseline's best", line="dashed"))
    return View(
        legend=point_legend(encoding, lines),
        outside=_outside(data.span.hidden, "recipe", value_text(data.y, data.span.low)),
        further=", ".join(words(name) for name in traded(tables.objectives) if name not in (data.x, data.y)),
        bars=bool((data.points["seeds"] > 1).any()),
    )


def _curves_view(data: CurveData, encoding: Encoding) -> View:
    lines = [Mark("on the front", line="heavy"), Mark("other recipes", line="light")]
    lines += [Mark("baseline", line="solid")] if data.rows["is_baseline"].any() else []
    outside = _outside(data.span.hidden, "epoch", value_text("accuracy", data.span.low))
    return View(line_legend(encoding, lines), outside)


def _corner_text(growth: Growth) -> str:
    pairs = zip(growth.names, growth.corner, strict=False)
    return ", ".join(f"{words(name)} {value_text(name, value)}" for name, value in pairs)


def _outside(count: int, noun: str, bound: str) -> str:
    return f"{count_text(count, noun)} below {bound}" if count else ""
