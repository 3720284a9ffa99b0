"""``dse explore``: run a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dse.cli.options import (
    data_dir_option,
    device_option,
    engine_option,
    results_option,
    threads_option,
)
from dse.cli.terminal import console
from dse.space.samplers import SAMPLERS, STOPPINGS

if TYPE_CHECKING:
    from dse.recipe.recipe import Recipe
    from dse.space.search_space import SearchSpace


@click.command()
@click.argument("space")
@click.option("--name", help="Name of the study. [default: the space's own]")
@results_option
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    help="Trials in all, earlier ones included. [default: the space's]",
)
@click.option("--dataset", help="Explore on this data set instead of the space's.")
@data_dir_option
@device_option
@engine_option
@threads_option
@click.option(
    "--sampler",
    type=click.Choice(list(SAMPLERS)),
    help="How recipes are picked. [default: the space's]",
)
@click.option(
    "--stopping",
    type=click.Choice(list(STOPPINGS)),
    help="dominated: end a run when no continuation of it can add to the front. [default: the space's]",
)
@click.option(
    "--budget",
    metavar="DURATION",
    help="Train seconds of all trials together, earlier ones included, as in 90min or 2h. [default: the space's]",
)
@click.option(
    "--until-stable",
    type=click.IntRange(min=1),
    metavar="N",
    help="No more trials once N have hardly raised the volume of the front. [default: the space's]",
)
@click.option(
    "--widen",
    is_flag=True,
    help="Go on with a study whose space this one contains: its trials are carried over.",
)
@click.option(
    "--warm-start",
    metavar="STUDY",
    help="Train the recipes of this study's front first, as far as they are points of the space.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="First training seed, and seed of the sampler. [default: the space's]",
)
def explore(
    space: str,
    name: str | None,
    results: Path,
    trials: int | None,
    dataset: str | None,
    data_dir: Path,
    device: str,
    engine: str,
    threads: int | None,
    sampler: str | None,
    stopping: str | None,
    budget: str | None,
    until_stable: int | None,
    widen: bool,
    warm_start: str | None,
    seed: int | None,
) -> None:
    """Train recipes drawn from a search space, and find the front of time against accuracy.

    SPACE is a YAML file, or the name of one that comes with dse (`dse spaces`). Results go to
    results/<name>/: open report.html there. Ctrl-C ends the study cleanly; the same command goes on with it.

    \b
    Examples:
      dse explore quickstart
      dse explore mnist-small --data-dir ~/data --trials 40
      dse explore my-space.yaml --name second-try --sampler tpe
    """
    from dse.api import Start, read_space, write_views
    from dse.api import explore as run
    from dse.cli.progress import make_watcher
    from dse.cli.studies import front_table
    from dse.errors import RunError
    from dse.study.load import load_study
    from dse.study.storage import check_name
    from dse.training.machine import Machine

    changes = {
        "trials": trials,
        "sampler": sampler,
        "stopping": stopping,
        "budget": budget,
        "until_stable": until_stable,
        "seed": seed,
    }
    parsed = read_space(space, changes, dataset)
    name = parsed.name if name is None else name
    check_name(name)
    output = console()
    first = [] if warm_start is None else _front_of(warm_start, results, parsed)
    folder = results / name
    interrupted = False
    with make_watcher(output, parsed) as watcher:
        try:
            run(
                parsed,
                folder=folder,
                machine=Machine(device, engine, threads, data_dir),
                watcher=watcher,
                start=Start(widen, tuple(first)),
            )
        except KeyboardInterrupt:
            interrupted = True
    if interrupted and not folder.is_dir():
        raise KeyboardInterrupt
    output.print(f"Writing tables and report to {folder}/ ...")
    write_views(folder)
    tables = load_study(folder)
    output.print(front_table(tables))
    output.print(f"Report: {folder / 'report.html'}", soft_wrap=True)
    if interrupted:
        output.print("The same command goes on where the study stopped.")
        raise KeyboardInterrupt
    if not (tables.trials["state"] == "complete").any():
        reasons = "; ".join(tables.trials["reason"].drop_duplicates().head(3))
        raise RunError(f"no trial of {folder} is complete: {reasons}. `dse trials {folder}` lists them.")


def _front_of(study: str, results: Path, space: SearchSpace) -> list[Recipe]:
    from dse.errors import StudyError
    from dse.study.load import find_study, front_recipes, load_study

    recipes = front_recipes(load_study(find_study(study, results)))
    found = [recipe for recipe in recipes if space.assignment_of(recipe) is not None]
    if not found:
        raise StudyError(
            f"--warm-start {study}: none of the {len(recipes)} recipes on its front is a point of the space "
            f"{space.name}. Leave the option out, or open the space for them."
        )
    click.echo(f"Warm start: {len(found)} of the {len(recipes)} recipes on the front of {study}.")
    return found
