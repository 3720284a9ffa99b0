"""``dse replay``: what another strategy would have spent on a study."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click
from typing_extensions import Unpack

from dse.cli.options import json_option, print_json, results_option, study_argument
from dse.cli.terminal import console, plain_table, print_sentence, say

if TYPE_CHECKING:
    from dse.replay.compare import Comparison
    from dse.replay.strategies import Strategy


def _words(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(word for part in value.split(",") if (word := part.strip()))


def _durations(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    from dse.units import parse_duration

    try:
        return tuple(parse_duration(word) for word in _words(ctx, param, value))
    except ValueError as reason:
        raise click.BadParameter(str(reason)) from None


class ReplayOptions(TypedDict):
    """All options of ``dse replay``."""

    samplers: tuple[str, ...]
    stopping: tuple[str, ...]
    budgets: tuple[float, ...]
    repeats: int
    seed: int
    processes: int
    out: Path | None
    results: Path
    as_json: bool


@click.command()
@study_argument
@click.option(
    "--samplers",
    callback=_words,
    default="",
    metavar="S,S,...",
    help="What picks the recipes: dse (expected_gain with dominated, what `dse explore --stopping dominated` does), "
    "expected_gain, grid, random, three-step (the paper's own flow); where the study completed every recipe of "
    "its space also tpe, nsga2, gp, optuna-default (plain Optuna). [default: all of these but gp]",
)
@click.option(
    "--stopping",
    callback=_words,
    default="none",
    show_default=True,
    metavar="none,dominated",
    help="With which stopping each sampler (but dse) is replayed.",
)
@click.option(
    "--budgets",
    callback=_durations,
    default="",
    metavar="T,T,...",
    help="Train time at which shares are wanted, as in 5min,1h; the longest is spent. [default: what one run of "
    "every recipe takes]",
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=200, show_default=True, help="Searches by each."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all randomness."
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="the processor's cores",
    help="How many work at it; the result is the same.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for tables and figure. [default: replay/ in the study's]",
)
@results_option
@json_option
def replay(study: str, **options: Unpack[ReplayOptions]) -> None:
    """Search a study's recorded runs again by other strategies, without training.

    STUDY is a name below --results, or a folder, published CSV files included. Its complete runs are searched with
    a simulated clock, again and again, each time with seeds drawn again; docs/search.md says how shares are
    measured. With --json nothing is written unless --out is given.

    \b
    Examples:
      dse replay digits-table
      dse replay digits-table --samplers dse,grid --stopping none,dominated --repeats 1000
      dse replay mnist-table --samplers dse,grid --budgets 30s,2min --json
    """
    from dse.api import replay_study
    from dse.report.figures.replay import write_comparison
    from dse.study.folders import find_study

    folder = find_study(study, options["results"])
    as_json, budgets, out = options["as_json"], options["budgets"], options["out"]

    def report(strategy: Strategy) -> None:
        if not as_json:
            say(f"{strategy.name}: replayed {options['repeats']} times", err=True)

    comparison = replay_study(
        folder,
        samplers=options["samplers"] or None,
        stopping=options["stopping"],
        on_strategy=report,
        repeats=options["repeats"],
        budgets=budgets,
        seed=options["seed"],
        processes=options["processes"],
    )
    if as_json:
        print_json(_json(comparison))
    else:
        _print(comparison, budgets)
    if not as_json or out is not None:
        written = write_comparison(comparison, folder / "replay" if out is None else out.resolve())
        say(f"Figure: {written[-1].with_suffix('.png')}", err=as_json)


def _json(comparison: Comparison) -> dict[str, Any]:
    from dse.cli.options import json_rows

    return {
        "study": comparison.study,
        "budget_seconds": comparison.budget_seconds,
        "repeats": comparison.repeats,
        "recipes": comparison.recipes,
        "recipes_left_out": comparison.recipes_left_out,
        # Infinite, "not reached", becomes null.
        "strategies": json_rows(comparison.strategies),
        "growth": json_rows(comparison.growth),
    }


def _print(comparison: Comparison, budgets: tuple[float, ...]) -> None:
    from dse.units import format_duration

    def cell(row: Mapping[Any, Any], name: str, digits: int, scale: float = 1.0) -> str:
        low, middle, high = (scale * row[name + end] for end in ("_p05", "", "_p95"))
        return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})".replace("inf", "never")

    at = [f"% at {format_duration(budget)}" for budget in budgets]
    table = plain_table(
        "strategy", "s to 90 %", "s to 95 %", "s to 99 %", *at, "% at the end", "s spent", "front points lost"
    )
    growth = comparison.growth.set_index(["name", "seconds"])
    for row in comparison.strategies.to_dict("records"):
        shares = [
            cell(growth.loc[(row["name"], budget)].to_dict(), "hypervolume_share", 1, 100)
            for budget in budgets
        ]
        table.add_row(
            row["name"],
            *(cell(row, f"seconds_to_{share}", 0) for share in (90, 95, 99)),
            *shares,
            cell(row, "final_hypervolume_share", 1, 100),
            cell(row, "seconds_spent", 0),
            cell(row, "front_points_lost", 0),
        )
    output = console()
    output.print(table)
    print_sentence(
        output,
        f"{comparison.study}: medians (5th to 95th percentile) of {comparison.repeats} searches with at most "
        f"{format_duration(comparison.budget_seconds)} of training each; shares are of the hypervolume of "
        f"{comparison.recipes} recipes.",
    )
    if comparison.recipes_left_out:
        print_sentence(
            output,
            f"{comparison.recipes_left_out} recipes of which no run is complete are left out: a run that was stopped "
            "cannot be replayed to its end. A study for replays is recorded with --stopping none.",
        )
