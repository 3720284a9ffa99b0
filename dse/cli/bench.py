"""``dse bench``: how fast training is here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

import click
from typing_extensions import Unpack

from dse.cli.options import FiniteRange, device_option, json_option, print_json, threads_option
from dse.cli.terminal import console, plain_table, print_sentence, say

if TYPE_CHECKING:
    from dse.bench.bench import BenchRow
    from dse.bench.contest import Spread


def _batch_sizes(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"{value!r} is not a list of whole numbers from 1 up, as in 128,16,1.")
    return tuple(int(part) for part in parts)


class BenchOptions(TypedDict):
    """All options of ``dse bench``."""

    device: str
    threads: int | None
    batch_sizes: tuple[int, ...]
    preset: Literal["full", "small", "tiny"]
    sharing: Literal["none", "per_type"]
    precision: Literal["float32", "tf32", "bfloat16"]
    peer: Path | None
    seconds: float
    repeats: int
    as_json: bool


@click.command()
@device_option
@threads_option
@click.option(
    "--batch-sizes",
    callback=_batch_sizes,
    default="128,16,1",
    show_default=True,
    metavar="B,B,...",
    help="One row for each.",
)
@click.option(
    "--preset",
    type=click.Choice(["full", "small", "tiny"]),
    default="full",
    show_default=True,
    help="Size of the CapsNet.",
)
@click.option(
    "--sharing",
    type=click.Choice(["none", "per_type"]),
    default="none",
    show_default=True,
    help="Sharing of the class-capsule matrices.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "tf32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Of our engines and the limit; tf32 on a GPU alone.",
)
@click.option(
    "--peer",
    type=click.Path(file_okay=False, path_type=Path),
    help="Measure the authors' public code too: a checkout of github.com/Alexei95/FasTrCaps.",
)
@click.option(
    "--seconds",
    type=FiniteRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="Length of one turn; at least one step is run.",
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="Turns of each contestant."
)
@json_option
def bench(**options: Unpack[BenchOptions]) -> None:
    """Measure training images/s: reference step, fast step, the authors' code, and the limit.

    All run in turns, each in a process of its own, and ratios are taken turn by turn, so a machine whose speed
    drifts favours none. Images are random; nothing is read or written. docs/performance.md says how the
    limit is found. One that fails is named with its reason, the others are measured all the same, and the exit
    status is 1.

    \b
    Examples:
      dse bench
      dse bench --batch-sizes 16 --preset small --sharing per_type
      dse bench --peer ~/FasTrCaps --json
    """
    from dse.bench.bench import bench as measure
    from dse.bench.bench import describe
    from dse.bench.entries import Job
    from dse.training.device import find_device, use_threads

    use_threads(options["threads"])
    device = find_device(options["device"])
    environment = describe(device)
    as_json = options["as_json"]
    if not as_json:
        versions = ", ".join(f"{name} {number}" for name, number in environment["versions"].items())
        say(f"{environment['device']}; {versions}")

    def report(row: BenchRow) -> None:
        for name, reason in row.failures.items():
            say(f"batch {row.job.batch_size}: {name} failed: {reason}", err=True)
        if not as_json:
            say(f"batch {row.job.batch_size}: measured", err=True)

    jobs = [
        Job(size, device, options["preset"], options["sharing"], precision=options["precision"])
        for size in options["batch_sizes"]
    ]
    rows = measure(jobs, options["seconds"], options["repeats"], options["peer"], report)
    if as_json:
        print_json(environment | {"rows": [row.as_dict() for row in rows]})
    else:
        _print_rows(rows)
        print_sentence(
            console(),
            f"Training images/s, then ratios: median (lowest to highest) of {options['repeats']} turns.",
        )
    if any(row.failures for row in rows):
        sys.exit(1)


def _print_rows(rows: list[BenchRow]) -> None:
    from dse.bench.bench import CONTESTANTS, RATIOS

    output = console()
    for names, digits in ((CONTESTANTS, 1), (tuple(RATIOS), 2)):
        shown = [name for name in names if any(name in row.measured for row in rows)]
        table = plain_table("batch", "sharing", "precision", *shown)
        for row in rows:
            cells = [_cell(row.measured.get(name), digits) for name in shown]
            table.add_row(str(row.job.batch_size), row.job.sharing, row.job.precision, *cells)
        output.print(table)
        output.print()


def _cell(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return "-"
    low, high = f"{spread.low:.{digits}f}", f"{spread.high:.{digits}f}"
    return f"{spread.median:.{digits}f} ({low} to {high})"
