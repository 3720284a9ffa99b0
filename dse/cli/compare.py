"""``dse compare``: whose front is better, where, and by how much."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dse.cli.completion import study_names
from dse.cli.options import json_option, print_json, results_option
from dse.cli.terminal import console, plain_table, print_sentence

if TYPE_CHECKING:
    from dse.decision.comparison import StudyComparison


@click.command()
@click.argument("first", metavar="STUDY", shell_complete=study_names)
@click.argument("second", metavar="STUDY", shell_complete=study_names)
@results_option
@json_option
def compare(first: str, second: str, results: Path, as_json: bool) -> None:
    """Compare the fronts of two studies: which is better, where, and by how much.

    Each STUDY is a name below --results, or a folder. Volumes are measured from twice the baselines' seconds and
    errors. Where the machines differ, time is counted in epochs of each study's own baseline.

    \b
    Examples:
      dse compare quickstart second-try
      dse compare quickstart ~/other/results/quickstart --json
    """
    from dse.decision.comparison import compare_studies
    from dse.study.folders import find_study
    from dse.study.load import load_study

    found = compare_studies(*(load_study(find_study(name, results)) for name in (first, second)))
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)


def _print(found: StudyComparison) -> None:
    from dse.units import value_text

    output = console()
    print_sentence(output, str(found))
    table = plain_table("study", "volume", "covers", "best", "answer")
    for side in (found.first, found.second):
        share = "" if side.answer_share is None else f"{side.answer_share:.2f} of the time"
        best = value_text(side.best_accuracy, "share")
        table.add_row(side.name, f"{side.volume:.4f}", f"{100 * side.covers:.0f} %", best, share)
    output.print(table)
    output.print()

    def moment(time: float) -> str:
        if math.isinf(time):
            return ""
        return value_text(time, "s") if found.in_seconds else f"{time:.3g} epochs"

    table = plain_table("from", "to", "better", "by at most", "in the end", "")
    for stretch in found.stretches:
        lead = "has no other" if stretch.lead is None else f"{100 * stretch.lead:.2f} pt"
        final = "" if stretch.final_lead is None else f"{100 * stretch.final_lead:.2f} pt"
        noise = "within noise" if stretch.clear is False and stretch.better else ""
        table.add_row(
            moment(stretch.begin), moment(stretch.end), stretch.better or "neither", lead, final, noise
        )
    output.print(table)
    for caveat in found.caveats:
        print_sentence(output, caveat)
