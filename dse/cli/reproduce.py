"""``dse reproduce``: the paper's rows, asked again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from typing_extensions import Unpack

from dse.cli.options import (
    MachineOptions,
    json_option,
    json_rows,
    machine,
    machine_options,
    print_json,
    protocol_option,
    results_option,
    workers_option,
)
from dse.cli.running import AtWork, check_any_complete, reported
from dse.cli.terminal import console, plain_table

if TYPE_CHECKING:
    from dse.cli.listing import Table
    from dse.record.tables import StudyTables
    from dse.study.watcher import Watcher


class ReproduceOptions(MachineOptions):
    """All options of ``dse reproduce``."""

    dataset: str
    preset: str
    images: int | None
    seeds: int
    rows: str | None
    epochs: int
    protocol: str
    name: str | None
    results: Path
    workers: int | None
    as_json: bool


@click.command()
@click.argument("what", type=click.Choice(["paper"]))
@click.option(
    "--dataset",
    type=click.Choice(["mnist", "fashion_mnist"]),
    default="mnist",
    show_default=True,
    help="A data set that the paper has results on.",
)
@click.option(
    "--preset",
    type=click.Choice(["full", "small", "tiny"]),
    default="full",
    show_default=True,
    help="Size of the CapsNet; full is the paper's, and wants a GPU.",
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    help="Train on this many images, drawn class by class. [default: all]",
)
@click.option(
    "--seeds", type=click.IntRange(min=1, max=1000), default=5, show_default=True, help="Runs of each row."
)
@click.option(
    "--rows",
    metavar="NAME,...",
    help="Some of the rows, as in one_cycle,adabatch; the baseline is always among them. [default: all eight]",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Passes over the training images.",
)
@protocol_option
@click.option(
    "--name", help="Name of the study. [default: paper, the data set and the preset, as in paper-mnist-full]"
)
@results_option
@machine_options
@workers_option
@json_option
def reproduce(what: str, **options: Unpack[ReproduceOptions]) -> None:
    """Train the rows of the paper's table of results, and say which of its effects show.

    Every row is trained with several seeds under one protocol; accuracy gained and time to the best epoch are
    judged against the baseline trained beside them. An effect is reproduced where the interval (95 %) holds the
    paper's value and excludes that there is none. It is a study like any other: the same command resumes it, and
    `dse front` and `dse report` show it.

    \b
    Examples:
      dse reproduce paper --data-dir ~/data                            the paper's question, hours of a GPU
      dse reproduce paper --preset tiny --images 10000 --threads 1     scaled down, for a CPU
    """
    from dse.api import Start
    from dse.api import explore as run
    from dse.data.datasets import Protocol
    from dse.recipe.paper import ROWS
    from dse.space.paper import PaperQuestion
    from dse.study.storage import check_name

    question = PaperQuestion(
        rows=ROWS if options["rows"] is None else options["rows"].split(","),
        dataset=options["dataset"],
        images=options["images"],
        protocol=Protocol(options["protocol"]),
        preset=options["preset"],
        epochs=options["epochs"],
        seeds=options["seeds"],
    )
    name = options["name"] or f"paper-{options['dataset'].replace('_', '-')}-{options['preset']}"
    check_name(name)
    space, folder = question.space(name), options["results"] / name

    def train_all(watcher: Watcher) -> None:
        run(
            space,
            folder=folder,
            machine=machine(options),
            watcher=watcher,
            start=Start(widen=True),  # with more rows than before
            workers=options["workers"],
        )

    tables = reported(
        AtWork(space, folder), train_all, console(errors=options["as_json"]), reproduction_table
    )
    check_any_complete(tables, folder)
    if options["as_json"]:
        from dse.evidence.reproduction import reproduction

        found = reproduction(tables)
        print_json({} if found is None else {"scale": found.scale, "rows": json_rows(found.rows)})


def reproduction_table(tables: StudyTables) -> Table:
    """Lay the paper's rows beside ours for the terminal."""
    from dse.evidence.reproduction import reproduction
    from dse.report.reproduction import measure_texts

    found = reproduction(tables)
    table = plain_table("row", "measure", "paper", "ours", "95 % interval", "seeds", "verdict")
    if found is None:
        table.title = "No complete run of the baseline yet, so nothing is compared."
        return table
    table.title = f"Scaled down: smaller than in the paper is {found.scale}." if found.scale else ""
    for line in measure_texts(found):
        table.add_row(*line)
    return table
