"""``dse train``: train one recipe."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dse.cli.options import (
    data_dir_option,
    dataset_option,
    device_option,
    find_recipe,
    images_option,
    json_option,
    print_json,
    protocol_option,
    results_option,
)

if TYPE_CHECKING:
    from dse.run import EpochRow


@click.command()
@click.argument("recipe")
@dataset_option
@images_option
@protocol_option
@data_dir_option
@device_option
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
    from dse.datasets import Protocol
    from dse.training.data import load_images
    from dse.training.device import find_device

    chosen = find_device(device)
    found = find_recipe(recipe, results, epochs)
    data = load_images(dataset, Protocol(protocol), data_dir, images=images).to(chosen)
    if find_rate:
        _find_rate(found, data, seed, chosen, as_json)
    else:
        _train(found, data, seed, chosen, save, as_json)


def _train(recipe: Any, data: Any, seed: int, device: Any, save: Path | None, as_json: bool) -> None:
    from dse.errors import RunError
    from dse.recipe.plan import compile_plan
    from dse.run import Outcome
    from dse.training.network import build_network
    from dse.training.train import train as train_plan

    plan = compile_plan(recipe, data.dataset.shape, len(data.train.labels))
    network = build_network(recipe, data.dataset.shape, seed, device)
    if not as_json:
        click.echo(f"{recipe.label}  ({plan.parameters:,} parameters, {plan.total_steps:,} steps)")
    run = train_plan(plan, network, data, seed, device, None if as_json else _print_epoch)
    if save is not None and run.outcome is Outcome.COMPLETE:
        from dse.training.weights import save_weights

        save_weights(network, save, recipe, data.dataset, seed)
    if as_json:
        print_json(
            {
                "recipe": recipe.model_dump(mode="json"),
                "seed": seed,
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
            f"evaluation, {run.setup_seconds:.1f} s set-up"
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


def _find_rate(recipe: Any, data: Any, seed: int, device: Any, as_json: bool) -> None:
    from dse.training.rate_finder import find_rate

    found = find_rate(recipe, data, seed, device)
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
