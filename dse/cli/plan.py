"""``dse plan``: a recipe's batch sizes, steps and learning rates, before anything is trained."""

from __future__ import annotations

import dataclasses
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click
from typing_extensions import Unpack

from dse.cli.options import (
    dataset_option,
    json_option,
    print_json,
    protocol_option,
    recipe_argument,
    results_option,
    test_share_option,
)
from dse.cli.terminal import console, plain_table, print_sentence

if TYPE_CHECKING:
    from dse.recipe.plan import Plan


class PlanOptions(TypedDict):
    """All options of ``dse plan``."""

    dataset: str
    test_share: float | None
    images: int | None
    protocol: str
    epochs: int | None
    rates: Path | None
    plot: Path | None
    results: Path
    as_json: bool


@click.command()
@recipe_argument
@dataset_option
@click.option(
    "--images",
    type=click.IntRange(min=1),
    help="Plan for this many training images. [default: the data set's]",
)
@test_share_option
@protocol_option
@click.option(
    "--epochs", type=click.IntRange(min=1), help="Plan this many epochs instead of the recipe's own."
)
@click.option(
    "--rates",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every step's learning rate to this .npy file.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw learning rates and batch sizes to this file (.png, .svg or .pdf).",
)
@results_option
@json_option
def plan(recipe: str, **options: Unpack[PlanOptions]) -> None:
    """Show what a recipe does: batch sizes, steps, learning rates and parameters. Needs no data but your own.

    RECIPE is a name (paper/...), a YAML file, or STUDY:TRIAL.

    \b
    Examples:
      dse plan paper/warm_ada_batch --dataset mnist --images 60000
      dse plan quickstart:12 --plot plan.png
    """
    from dse.data.choice import DataChoice, named_data
    from dse.data.datasets import Protocol
    from dse.recipe.plan import compile_plan
    from dse.study.recipes import find_recipe

    data = DataChoice(
        **named_data(options["dataset"], options["test_share"]), protocol=Protocol(options["protocol"])
    )
    count = options["images"] or data.split.train_images
    found = find_recipe(recipe, options["results"], options["epochs"])
    compiled = compile_plan(found, data.dataset.shape, count)
    if compiled.size is None:
        from dse.networks.build import sized_plan  # here alone: it takes a second to import torch

        compiled = sized_plan(compiled)
    if options["rates"] is not None:
        _write_rates(options["rates"], compiled)
    if options["plot"] is not None:
        from dse.report.figures.plans import write_plan

        write_plan(compiled, options["plot"])
    if options["as_json"]:
        print_json(
            {
                "recipe": compiled.recipe.model_dump(mode="json"),
                "parameters": compiled.parameters,
                "total_steps": compiled.total_steps,
                "epochs": [dataclasses.asdict(epoch) for epoch in compiled.epochs],
            }
        )
    else:
        _print_plan(compiled)


def _write_rates(path: Path, compiled: Plan) -> None:
    import numpy as np

    from dse.errors import InputError

    try:
        with path.open("wb") as file:
            np.save(file, compiled.rates)
    except OSError as reason:
        raise InputError(f"{path}: cannot be written ({reason.strerror}). Choose another file.") from None


def _print_plan(compiled: Plan) -> None:
    output = console()
    output.print(compiled.recipe.label, style="bold", end="")
    output.print(f"  (recipe {compiled.recipe.id})")
    print_sentence(
        output,
        f"{compiled.parameters:,} parameters · {compiled.recipe.epochs} epochs of {compiled.images:,} images · "
        f"{compiled.total_steps:,} steps · {compiled.train_flops:.3g} floating-point operations",
    )
    table = plain_table("epochs", "batch size", "steps an epoch", "first learning rate", "last learning rate")
    for segments, group in groupby(compiled.epochs, key=lambda epoch: epoch.segments):
        epochs = list(group)
        sizes = " → ".join(str(segment.batch_size) for segment in segments)
        steps = " + ".join(f"{segment.steps:,}" for segment in segments)
        span = f"{epochs[0].epoch}-{epochs[-1].epoch}" if len(epochs) > 1 else str(epochs[0].epoch)
        table.add_row(span, sizes, steps, f"{epochs[0].first_rate:.3g}", f"{epochs[-1].last_rate:.3g}")
    output.print(table)
