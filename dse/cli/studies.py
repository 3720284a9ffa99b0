"""``dse studies``, ``dse trials`` and ``dse front``: looking at studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dse.cli.options import json_option, json_rows, print_json, results_option, study_argument
from dse.cli.terminal import console, format_value, plain_table, print_sentence, say
from dse.units import count_text

if TYPE_CHECKING:
    from dse.cli.listing import Listing
    from dse.record.tables import StudyTables


@click.command()
@results_option
@json_option
def studies(results: Path, as_json: bool) -> None:
    """List the studies below --results: data, trials, and the answer.

    The answer is the least train seconds in which a recipe reaches the baseline's best accuracy, beside those of the
    baseline; their share says how much of the time is left.

    \b
    Examples:
      dse studies
      dse studies --json
    """
    from dse.study.listing import list_studies

    found = list_studies(results)
    if as_json:
        print_json([study.as_dict() for study in found])
        return
    if not found:
        say(f"There is no study in {results}/. `dse explore quickstart` makes one.")
        return
    table = plain_table("study", "data", "trials", "share", "answer")
    for study in found:
        share = None if study.answer is None else study.answer.share
        shown = "" if share is None else f"{share:.2f}"
        table.add_row(study.name, study.data, str(study.trials), shown, study.finding)
    console().print(table)


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
    from dse.study.folders import find_study
    from dse.study.load import load_study

    tables = load_study(find_study(study, results))
    if as_json:
        print_json(json_rows(tables.trials))
        return
    console().print(trials_table(tables))


@click.command()
@study_argument
@click.option("--markdown", "form", flag_value="markdown", help="Print a Markdown table.")
@click.option(
    "--latex", "form", flag_value="latex", help="Print a LaTeX tabular; needs the package booktabs."
)
@click.option("--csv", "form", flag_value="csv", help="Print the rows of front.csv.")
@results_option
@json_option
def front(study: str, form: str | None, results: Path, as_json: bool) -> None:
    """Show the answer, and the points that no other beats: a recipe, stopped after an epoch.

    STUDY is a name below --results, or a folder. Values are means over a recipe's seeds, with their standard
    deviation. Time saved is against the baseline at the same accuracy; above the baseline's best, the accuracy gained
    stands instead. P(front) is the probability that no other point beats this one; the verdict says what is sure at
    95 %. --json prints an object with the answer, the rows of front.csv and those of its rivals.

    \b
    Examples:
      dse front quickstart
      dse front quickstart --latex > front.tex
    """
    from dse.study.folders import find_study
    from dse.study.load import load_study

    if form is not None and as_json:
        raise click.UsageError(f"--json with --{form}: one form at a time. Leave one out.")
    tables = load_study(find_study(study, results))
    if as_json:
        print_json(front_content(tables))
        return
    if form is not None:
        say(_in_form(tables, form).removesuffix("\n"))
        return
    output = console()
    print_sentence(output, str(tables.answer))
    output.print(front_table(tables))
    if tables.evidence is not None and len(tables.evidence.rivals):
        more = count_text(len(tables.evidence.rivals), "more point")
        print_sentence(output, f"{more} may be on the front; --json lists them.")
    for caveat in tables.answer.caveats:
        print_sentence(output, caveat)


def _in_form(tables: StudyTables, form: str) -> str:
    if form == "csv":
        from dse.record.cells import to_csv

        return to_csv(tables.front)
    from dse.report.front_text import front_text

    text = front_text(tables)
    return text.markdown() if form == "markdown" else text.latex()


def front_content(tables: StudyTables) -> dict[str, object]:
    """Give the answer, the front and its rivals as programs read them."""
    rivals = [] if tables.evidence is None else json_rows(tables.evidence.rivals)
    return {"answer": tables.answer.as_dict(), "front": json_rows(tables.front), "rivals": rivals}


def trials_table(tables: StudyTables) -> Listing:
    """Lay the trials out for the terminal."""
    import pandas as pd

    from dse.cli.listing import Listing

    columns = ("trial", "seed", *tables.objectives, "front", "state")
    table = Listing(columns, ("recipe", "reason"), left=("state",))
    for row in tables.trials.to_dict("records"):
        state = row["state"] + (", disturbed" if row["disturbed"] is True else "")
        values = [format_value(name, row[name]) for name in tables.objectives]
        mark = "baseline" if row["is_baseline"] else ""
        if row["on_front"] and pd.notna(row["best_epoch"]):
            mark = f"● {mark}".rstrip()
        cells = (str(row["trial"]), str(row["seed"]), *values, mark, state)
        table.add_row(cells, (row["label"], "" if row["reason"] == row["state"] else row["reason"]))
    return table


def front_table(tables: StudyTables) -> Listing:
    """Lay the front out for the terminal, the answer in bold."""
    from dse.cli.listing import Listing
    from dse.report.front_text import front_text, is_words

    text = front_text(tables)
    columns = text.columns[:-1]
    table = Listing(columns, [text.columns[-1]], left=[name for name in columns if is_words(name)])
    for number, row in enumerate(text.rows):
        table.add_row(row[:-1], row[-1:], "bold" if number == text.answer else "")
    return table
