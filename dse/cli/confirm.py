"""``dse confirm``: fresh seeds where they decide most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from typing_extensions import Unpack

from dse.cli.options import (
    FiniteRange,
    MachineOptions,
    duration,
    json_option,
    machine,
    machine_options,
    print_json,
    results_option,
    study_argument,
    workers_option,
)
from dse.cli.running import AtWork, reported
from dse.cli.studies import front_content
from dse.cli.terminal import console

if TYPE_CHECKING:
    from dse.study.watcher import Watcher


class ConfirmOptions(MachineOptions):
    """All options of ``dse confirm``."""

    results: Path
    budget: str | None
    trials: int | None
    confidence: float
    margin: float | None
    width: float | None
    fewest: int
    workers: int | None
    as_json: bool


@click.command()
@study_argument
@results_option
@click.option(
    "--budget",
    metavar="DURATION",
    callback=duration,
    help="Train seconds of the runs of this call, as in 30min. [default: until nothing is open]",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    help="Runs of this call. [default: until nothing is open]",
)
@click.option(
    "--confidence",
    type=FiniteRange(0.5, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="How sure a verdict has to be.",
)
@click.option(
    "--margin",
    type=FiniteRange(0, 100),
    metavar="POINTS",
    help="Recipes are tied if they differ by less, in percentage points. [default: one standard error of the "
    "baseline's accuracy]",
)
@click.option(
    "--width",
    type=FiniteRange(0, min_open=True),
    metavar="SHARE",
    help="The answer is open until its interval is no wider, as in 0.1. [default: until it is sure whether it saves "
    "time]",
)
@click.option(
    "--fewest",
    type=click.IntRange(min=2),
    default=2,
    show_default=True,
    metavar="N",
    help="Fresh runs of the answer's recipe and of the baseline before anything is said of them; more make the "
    "answer's interval narrower, and its recipe less picked by luck.",
)
@machine_options
@workers_option
@json_option
def confirm(study: str, **options: Unpack[ConfirmOptions]) -> None:
    """Train again, with fresh seeds, what decides a study's answer and front.

    What was chosen from many is too good by the luck of the seed that made it be chosen. Fresh seeds chose nothing:
    a recipe that has some is judged by these alone. The answer's recipe and the baseline come first, then the points
    of the front that count (at most twice the baseline's time and errors), each time the recipe whose next run decides
    most a second. It ends when all have a verdict, and says after each run what is still open; what only more images
    can settle is given up.

    STUDY is a name below --results, or a folder with a database. Machine, engine and threads are to be the study's.
    The same command goes on where it was cut off. --json prints whether all is settled, what is open, and the object of
    `dse front --json`; what happens meanwhile goes to standard error.

    \b
    Examples:
      dse confirm mnist-small --budget 30min
      dse confirm mnist-small --trials 10 --confidence 0.95 --width 0.1
      dse confirm mnist-small --trials 5 --json
    """
    from dse.api import confirm as run
    from dse.evidence.confirm import Aim
    from dse.study.confirm import Effort
    from dse.study.decide import still_open
    from dse.study.folders import find_study
    from dse.study.kept import confirmable
    from dse.units import parse_duration

    folder = find_study(study, options["results"])
    margin, budget = options["margin"], options["budget"]
    aim = Aim(
        options["confidence"], None if margin is None else margin / 100, options["width"], options["fewest"]
    )
    effort = Effort(options["trials"], None if budget is None else parse_duration(budget))

    space = confirmable(folder)

    def train_all(watcher: Watcher) -> None:
        run(folder, aim, effort, machine=machine(options), watcher=watcher, workers=options["workers"])

    tables = reported(AtWork(space, folder), train_all, console(errors=options["as_json"]))
    if options["as_json"]:
        left = still_open(folder, aim)
        print_json({"settled": left.recipe is None, "open": left.open} | front_content(tables))
