"""``dse explore``: run a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dse.cli.options import data_dir_option, device_option, results_option


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
@click.option(
    "--sampler",
    type=click.Choice(["auto", "tpe", "nsga2", "gp", "random", "grid"]),
    help="How recipes are picked. [default: the space's]",
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
    sampler: str | None,
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
    from dse.errors import SpaceError
    from dse.space.load import find_space, parse_space
    from dse.yaml_file import read_yaml

    path = find_space(space)
    content: Any = read_yaml(path, SpaceError)
    if isinstance(content, dict):
        given = {"trials": trials, "sampler": sampler, "seed": seed}
        content |= {key: value for key, value in given.items() if value is not None}
        if dataset is not None:
            content["data"] = {**(content.get("data") or {}), "name": dataset}
    parsed = parse_space(content, str(path))
    _explore(parsed, name or parsed.name, results, data_dir, device, f"dse explore {space}")


def _explore(parsed: Any, name: str, results: Path, data_dir: Path, device: str, command: str) -> None:
    import optuna
    from rich.console import Console

    from dse.cli.progress import make_watcher
    from dse.cli.studies import front_table, write_views
    from dse.environment import describe_environment
    from dse.errors import RunError
    from dse.study.explore import explore as run_study
    from dse.study.load import load_study
    from dse.study.storage import check_name, opened
    from dse.training.data import load_images
    from dse.training.device import device_title, find_device, thread_count
    from dse.training.train import train_recipe

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    check_name(name)
    chosen = find_device(device)
    section = parsed.data
    images = load_images(
        section.name,
        parsed.protocol,
        data_dir,
        images=section.images,
        validation_images=section.validation_images,
        test_images=section.test_images,
        split_seed=section.split_seed,
    ).to(chosen)
    environment = describe_environment(device_title(chosen), chosen.type, thread_count(), images.fingerprint)
    console = Console()
    folder = results / name
    interrupted = False
    with opened(results, name, parsed, environment) as study:
        watcher = make_watcher(console, parsed)
        try:
            with watcher:
                run_study(
                    study,
                    parsed,
                    lambda plan, seed, on_epoch: train_recipe(plan, images, seed, chosen, on_epoch),
                    trials=parsed.trials,
                    sampler=parsed.sampler,
                    device=device_title(chosen),
                    watcher=watcher,
                )
        except KeyboardInterrupt:
            interrupted = True
    console.print(f"Writing tables and report to {folder}/ ...")
    write_views(folder)
    tables = load_study(folder)
    console.print(front_table(tables))
    console.print(f"Report: {folder / 'report.html'}")
    if interrupted:
        console.print(f"Stopped. To go on: {command} with the same options.")
        raise click.Abort
    if not (tables.trials["state"] == "complete").any():
        reasons = "; ".join(tables.trials["reason"].drop_duplicates().head(3))
        raise RunError(f"no trial of {folder} is complete: {reasons}. `dse trials {folder}` lists them.")
