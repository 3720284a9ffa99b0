"""``dse verify``: does a published front hold here?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import Unpack

from dse.cli.options import (
    MachineOptions,
    json_option,
    machine,
    machine_options,
    print_json,
    results_option,
    study_argument,
)
from dse.cli.terminal import console, plain_table, print_sentence
from dse.errors import RunError
from dse.units import value_text

if TYPE_CHECKING:
    from dse.evidence.verification import Check


class VerifyOptions(MachineOptions):
    """All options of ``dse verify``."""

    results: Path
    points: int
    seeds: int
    pick: int
    as_json: bool


@click.command()
@study_argument
@results_option
@click.option(
    "--points",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Points of the front, drawn at random.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Fresh runs of each.")
@click.option(
    "--pick", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the drawing of points."
)
@machine_options
@json_option
def verify(study: str, **options: Unpack[VerifyOptions]) -> None:
    """Train random points of a study's front again here, and say whether they hold.

    STUDY is a name below --results, or a folder; published tables are enough. Each point is trained up to its epoch
    with seeds that the study has not used. Its accuracy holds unless it is lower than another seed explains; the time
    that it takes, as a share of the baseline's, holds if it lies within what both clocks are uncertain by (95 % for
    all checks together). Exits with 1 if something does not hold.
    """
    from dse.api import verify_study
    from dse.evidence.verification import verdict_text
    from dse.study.folders import find_study

    output = console(errors=options["as_json"])
    checks = verify_study(
        find_study(study, options["results"]),
        machine=machine(options),
        points=options["points"],
        seeds=options["seeds"],
        pick=options["pick"],
        on_check=lambda check: print_sentence(output, _line(check)),
    )
    text = verdict_text(checks)
    if options["as_json"]:
        print_json({"sentence": text, "checks": [_content(check) for check in checks]})
    else:
        print_sentence(output, text)
        output.print(_table(checks))
    if not all(check.holds for check in checks):
        raise RunError(f"{study} does not hold here: {text}")


def _line(check: Check) -> str:
    held = {True: "holds", False: "does not hold", None: "is not judged"}
    claim = check.claim
    return (
        f"trial {claim.trial} after epoch {claim.epoch}: accuracy {held[check.accuracy_holds]}, "
        f"time {held[check.time_holds]}"
    )


def _table(checks: list[Check]) -> Any:
    table = plain_table(
        "trial", "epoch", "accuracy", "at_least", "here", "time_of_the_baseline's", "limits", "here", "recipe"
    )
    for check in checks:
        claim, found = check.claim, check.found
        table.add_row(
            str(claim.trial),
            str(claim.epoch),
            value_text(claim.accuracy, "share"),
            value_text(check.lowest, "share"),
            value_text(check.accuracy, "share"),
            _ratio(claim.time_ratio),
            "" if check.time_limits is None else " to ".join(map(_ratio, check.time_limits)),
            _ratio(found.time_ratio),
            claim.recipe.label,
        )
    return table


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _content(check: Check) -> dict[str, Any]:
    claim, found = check.claim, check.found
    accuracy = {
        "stated": claim.accuracy,
        "at_least": check.lowest,
        "here": check.accuracy,
        "holds": check.accuracy_holds,
    }
    time_ratio = {
        "stated": claim.time_ratio,
        "limits": check.time_limits,
        "here": found.time_ratio,
        "holds": check.time_holds,
    }
    about = {"trial": claim.trial, "epoch": claim.epoch, "label": claim.recipe.label}
    return about | {"accuracy": accuracy, "time_ratio": time_ratio}
