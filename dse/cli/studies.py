"""``dse trials``, ``dse front`` and ``dse report``: looking at a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dse.cli.options import json_option, json_rows, print_json, results_option, study_argument

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from dse.tables import StudyTables


@click.command()
@study_argument
@results_option
@json_option
def trials(study: str, results: Path, as_json: bool) -> None:
    """List a study's trials with their outcome.

    STUDY is a name below --results, or a folder.

    \b
    Examples:
      dse trials quickstart
      dse trials quickstart --json
    """
    from dse.study.load import find_study, load_study

    tables = load_study(find_study(study, results))
    if as_json:
        print_json(json_rows(tables.trials))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("trial", "recipe", "seed", "state", *tables.objectives, "front")
    for row in tables.trials.to_dict("records"):
        outcome = row["state"] if not row["reason"] else f"{row['state']}: {row['reason']}"
        values = [format_value(name, row[name]) for name in tables.objectives]
        mark = "baseline" if row["is_baseline"] else ""
        mark = "●" + (f" {mark}" if mark else "") if row["on_front"] else mark
        table.add_row(str(row["trial"]), row["label"], str(row["seed"]), outcome, *values, mark)
    Console().print(table)


@click.command()
@study_argument
@click.option(
    "--anytime", is_flag=True, help="The front over every epoch of every curve, instead of whole runs."
)
@results_option
@json_option
def front(study: str, anytime: bool, results: Path, as_json: bool) -> None:
    """Show the trials that no other trial beats in every objective.

    STUDY is a name below --results, or a folder. --json prints the rows of front.csv, both fronts marked
    in the column "front"; with --anytime only those of the anytime front.
    """
    from dse.study.load import find_study, load_study

    tables = load_study(find_study(study, results))
    kind = "anytime" if anytime else "trial"
    if as_json:
        print_json(json_rows(tables.front[tables.front["front"] == kind] if anytime else tables.front))
        return
    from rich.console import Console

    console = Console()
    console.print(front_table(tables, kind))
    if not (tables.trials["is_baseline"] & (tables.trials["state"] == "complete")).any():
        console.print("No baseline trial is complete yet, so nothing is compared.")


def front_table(tables: StudyTables, kind: str = "trial") -> Table:
    """Lay a front out for the terminal."""
    from rich.table import Table

    rows: pd.DataFrame = tables.front[tables.front["front"] == kind]
    names = tables.objectives if kind == "trial" else ("train_seconds", "accuracy")
    table = Table("trial", "epoch", "recipe", *names, "time saved", "accuracy gained", title=f"{kind} front")
    for column in table.columns[3:]:
        column.justify = "right"
    for row in rows.to_dict("records"):
        saved, gained = row["time_saved_percent"], row["accuracy_gain"]
        table.add_row(
            str(row["trial"]),
            str(row["epoch"]),
            row["label"],
            *(format_value(name, row[name]) for name in names),
            f"{saved:+.1f} %" if saved == saved else "",
            f"{100 * gained:+.2f} points" if gained == gained else "",
        )
    return table


def format_value(name: str, value: object) -> str:
    """Write an objective's value for a reader: accuracies in per cent, seconds short, counts in groups."""
    import pandas as pd

    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return ""
    number = float(value)  # type: ignore[arg-type]
    if name.endswith("accuracy"):
        return f"{100 * number:.2f} %"
    if "seconds" in name:
        return f"{number:.3g} s" if number < 100 else f"{number:,.0f} s"
    return f"{number:.3g}" if name == "train_flops" else f"{number:,.0f}"


@click.command()
@study_argument
@results_option
def report(study: str, results: Path) -> None:
    """Make a study's report, figures and CSV files anew.

    STUDY is a name below --results, or a folder. Works while the study is still running, and on a
    published folder of CSV files.
    """
    from dse.api import write_views
    from dse.study.load import find_study

    for path in write_views(find_study(study, results)):
        click.echo(path)
