"""``dse explore``: run a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import Unpack, override

from dse.cli.completion import space_names, study_names
from dse.cli.options import (
    MachineOptions,
    duration,
    machine,
    machine_options,
    results_option,
    test_share_option,
)
from dse.cli.running import AtWork, check_any_complete, reported
from dse.cli.terminal import console, print_sentence
from dse.record.timing import Timing
from dse.space.samplers import RENAMED_SAMPLERS, SAMPLERS, STOPPINGS

if TYPE_CHECKING:
    from dse.recipe.recipe import Recipe
    from dse.study.watcher import Watcher


class SamplerChoice(click.Choice[str]):
    """Names of samplers; those of version 0.1 are read too."""

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(RENAMED_SAMPLERS.get(value, value), param, ctx)


class ExploreOptions(MachineOptions):
    """All options of ``dse explore``."""

    name: str | None
    results: Path
    dataset: str | None
    test_share: float | None
    trials: int | None
    sampler: str | None
    stopping: str | None
    budget: str | None
    until_stable: int | None
    timing: str | None
    seed: int | None
    workers: int | None
    ray: str | None
    widen: bool
    any_device: bool
    retry_failed: bool
    checkpoints: bool
    storage: str | None
    warm_start: str | None


@click.command()
@click.argument("space", shell_complete=space_names)
@click.option("--name", help="Name of the study. [default: the space's own]")
@results_option
@click.option(
    "--storage",
    metavar="URL",
    help="Keep the study on a server, as in postgresql://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE; its folder "
    "remembers that, without a password. [default: the one that it remembers, else a file in it]",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    help="Trials in all, earlier ones included. [default: the space's]",
)
@click.option(
    "--dataset",
    metavar="NAME|PATH",
    help="Explore on this data set, or on your own images, instead of the space's.",
)
@test_share_option
@machine_options
@click.option(
    "--sampler",
    type=SamplerChoice(list(SAMPLERS)),
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
    callback=duration,
    help="Train seconds of all trials together, earlier ones included, as in 90min or 2h. [default: the space's]",
)
@click.option(
    "--until-stable",
    type=click.IntRange(min=1),
    metavar="N",
    help="No more trials once N have hardly raised the volume of the front. [default: the space's]",
)
@click.option(
    "--timing",
    type=click.Choice([str(each) for each in Timing]),
    help="What train seconds are: measured by the stopwatch; calibrated: what the run's steps take by themselves, "
    "whatever else the machine does; auto: calibrated on a processor, measured on a GPU. [default: the space's]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Train N trials at once, each in a process with its share of the cores, or with a GPU of its own. Trials "
    "that share a machine hold each other up: measured seconds then compare less well than calibrated ones.  "
    "[default: 1; with --ray as many as the cluster has room for]",
)
@click.option(
    "--ray",
    metavar="local|auto|HOST:PORT",
    help="Train on a Ray cluster: one started on this machine, the one that this machine belongs to, or the one "
    "with this address. Needs `pip install 'capsnet-dse[ray]'`.",
)
@click.option(
    "--widen",
    is_flag=True,
    help="Resume a study whose space this one contains: its trials are carried over.",
)
@click.option(
    "--any-device",
    is_flag=True,
    help="Resume a study on a device of another name, although seconds do not compare.",
)
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Train trials that failed again; once they are queued they no longer count.",
)
@click.option(
    "--checkpoints/--no-checkpoints",
    default=True,
    help="After each epoch, keep what its run needs to resume there if it is cut off.  [default: checkpoints]",
)
@click.option(
    "--warm-start",
    metavar="STUDY",
    shell_complete=study_names,
    help="Train the recipes of this study's front first, as far as they are points of the space.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="First training seed, and seed of the sampler. [default: the space's]",
)
def explore(space: str, **options: Unpack[ExploreOptions]) -> None:
    """Train recipes drawn from a search space, and find the front of time against accuracy.

    SPACE is a YAML file, or the name of one that comes with dse (`dse spaces`). Results go to
    results/<name>/: open report.html there. Ctrl-C, SIGTERM and SIGHUP end the study cleanly, with a report; the
    same command resumes it.

    \b
    Examples:
      dse explore quickstart
      dse explore mnist-small --data-dir ~/data --trials 40
      dse explore my-space.yaml --name second-try --sampler tpe
    """
    from dse.api import Start
    from dse.api import explore as run
    from dse.space.beginnings import beginnings_text
    from dse.space.changes import read_space
    from dse.study.folders import find_study
    from dse.study.load import load_study, starting_points
    from dse.study.storage import check_name

    changes = {
        "trials": options["trials"],
        "sampler": options["sampler"],
        "stopping": options["stopping"],
        "budget": options["budget"],
        "until_stable": options["until_stable"],
        "timing": options["timing"],
        "seed": options["seed"],
    }
    if options["test_share"] is not None and options["dataset"] is None:
        raise click.UsageError(
            "--test-share is for the images that --dataset names. In a space's file it is data.test_share."
        )
    parsed = read_space(space, changes, options["dataset"], options["test_share"])
    name = parsed.name if options["name"] is None else options["name"]
    check_name(name)
    output = console()
    if hint := beginnings_text(parsed):
        print_sentence(output, hint)
    first: Sequence[Recipe] = ()
    if options["warm_start"] is not None:
        study = find_study(options["warm_start"], options["results"])
        first = starting_points(load_study(study), parsed)
        output.print(f"Warm start: {len(first)} recipes from the front of {options['warm_start']}.")
    start = Start(
        options["widen"],
        options["any_device"],
        options["retry_failed"],
        options["checkpoints"],
        tuple(first),
        options["storage"],
    )

    def train_all(watcher: Watcher) -> None:
        run(
            parsed,
            folder=options["results"] / name,
            machine=machine(options),
            watcher=watcher,
            start=start,
            workers=options["workers"],
            ray=options["ray"],
        )

    tables = reported(AtWork(parsed, options["results"] / name, options["storage"]), train_all, output)
    check_any_complete(tables, options["results"] / name)
