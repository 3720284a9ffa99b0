"""``dse train``: train one recipe."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from dse.cli.options import (
    compile_option,
    data_dir_option,
    dataset_option,
    device_option,
    engine_option,
    find_recipe,
    images_option,
    json_option,
    print_json,
    protocol_option,
    results_option,
    threads_option,
)

if TYPE_CHECKING:
    from dse.record.run import EpochRow
    from dse.training.rate_finder import RateSearch


@click.command()
@click.argument("recipe")
@dataset_option
@images_option
@protocol_option
@data_dir_option
@device_option
@engine_option
@compile_option
@threads_option
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of weights, order, shifts."
)
@click.option(
    "--epochs", type=click.IntRange(min=1), help="Train so many epochs instead of the recipe's own."
)
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save the weights to this .safetensors file.",
)
@click.option(
    "--find-rate", is_flag=True, help="Do not train: try rates from 1e-6 up and say which range is usable."
)
@results_option
@json_option
def train(
    recipe: str,
    dataset: str,
    images: int | None,
    protocol: str,
    data_dir: Path,
    device: str,
    engine: Literal["fast", "reference"],
    compiling: Literal["auto", "on", "off"],
    threads: int | None,
    seed: int,
    epochs: int | None,
    save: Path | None,
    find_rate: bool,
    results: Path,
    as_json: bool,
) -> None:
    """Train one recipe and show its curve.

    RECIPE is a name (paper/...), a YAML file, or STUDY:TRIAL.

    \b
    Examples:
      dse train paper/baseline --epochs 2
      dse train quickstart:12 --seed 7 --save net.safetensors
      dse train paper/one_cycle --dataset mnist --find-rate
    """
    from dse.data.datasets import Protocol

    found = find_recipe(recipe, results, epochs)
    if find_rate:
        from dse.api import find_rate as search

        _print_rates(
            search(found, dataset=dataset, protocol=Protocol(protocol), images=images, data_dir=data_dir,
                   device=device, threads=threads, seed=seed),
            as_json,
        )  # fmt: skip
        return

    from dse.api import train as run_recipe
    from dse.errors import RunError
    from dse.record.run import Outcome

    if not as_json:
        click.echo(f"{found.label}, on {dataset}")
    plan, run = run_recipe(
        found,
        dataset=dataset,
        protocol=Protocol(protocol),
        images=images,
        data_dir=data_dir,
        device=device,
        engine=engine,
        compiling=compiling,
        tell=None if as_json else click.echo,
        threads=threads,
        seed=seed,
        save=save,
        on_epoch=None if as_json else _print_epoch,
    )
    if as_json:
        print_json(
            {
                "recipe": found.model_dump(mode="json"),
                "seed": seed,
                "engine": run.engine,
                "outcome": str(run.outcome),
                "reason": run.reason,
                "parameters": plan.parameters,
                "setup_seconds": run.setup_seconds,
                "train_seconds": run.train_seconds,
                "eval_seconds": run.eval_seconds,
                "curve": [dataclasses.asdict(row) | {"accuracy": row.accuracy} for row in run.curve],
            }
        )
    if run.outcome is not Outcome.COMPLETE:
        raise RunError(
            f"the run {run.outcome}: {run.reason}. Try a lower rate; --find-rate shows which are usable."
        )
    if not as_json:
        best = run.best
        click.echo(
            f"best epoch {best.epoch}: accuracy {100 * best.accuracy:.2f} %, test accuracy "
            f"{100 * best.test_accuracy:.2f} %; {run.train_seconds:.1f} s training, {run.eval_seconds:.1f} s "
            f"evaluation, {run.setup_seconds:.1f} s set-up; {plan.parameters:,} parameters"
        )
        if save is not None:
            click.echo(f"weights: {save}")


def _print_epoch(row: EpochRow) -> None:
    validation = (
        "" if row.validation_accuracy is None else f"validation {100 * row.validation_accuracy:6.2f} %  "
    )
    click.echo(
        f"epoch {row.epoch:3d}  batch {row.batch_size:4d}  rate {row.first_rate:.2e} to {row.last_rate:.2e}  "
        f"loss {row.loss:8.4f}  {validation}test {100 * row.test_accuracy:6.2f} %  {row.train_seconds:8.1f} s"
    )


def _print_rates(found: RateSearch, as_json: bool) -> None:
    rows = [
        {"step": step, "rate": float(rate), "loss": float(loss), "smoothed_loss": float(smoothed)}
        for step, (rate, loss, smoothed) in enumerate(
            zip(found.rates, found.losses, found.smoothed, strict=True)
        )
    ]
    if as_json:
        print_json({"suggested_rate": found.suggested_rate, "steps": rows})
        return
    click.echo("      rate   smoothed loss")
    for row in rows[:: max(1, len(rows) // 24)]:
        click.echo(f"  {row['rate']:.2e}   {row['smoothed_loss']:.4f}")
    click.echo(f"suggested base_rate: {found.suggested_rate:.2g}")
