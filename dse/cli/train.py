"""``dse train``: train one recipe."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from typing_extensions import Unpack

from dse.cli.options import (
    DataOptions,
    FiniteRange,
    MachineOptions,
    data_choice,
    data_options,
    json_option,
    machine,
    machine_options,
    print_json,
    recipe_argument,
    results_option,
)
from dse.cli.terminal import say

if TYPE_CHECKING:
    from dse.recipe.plan import Plan
    from dse.recipe.recipe import Recipe
    from dse.record.epoch import EpochRow
    from dse.record.run import Run
    from dse.training.rate_finder import RateSearch

SECONDS_BETWEEN_LINES = 5.0


class TrainOptions(DataOptions, MachineOptions):
    """All options of ``dse train``."""

    seed: int
    epochs: int | None
    save: Path | None
    find_rate: bool
    max_seconds: float | None
    results: Path
    as_json: bool


@click.command()
@recipe_argument
@data_options
@machine_options
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of weights, order, shifts."
)
@click.option(
    "--epochs", type=click.IntRange(min=1), help="Train this many epochs instead of the recipe's own."
)
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save the weights to this .safetensors file.",
)
@click.option(
    "--find-rate", is_flag=True, help="Do not train: try rates from 1e-6 up and say which range is usable."
)
@click.option(
    "--max-seconds",
    type=FiniteRange(min=0, min_open=True),
    help="With --find-rate: take no further step after this many seconds. [default: 600]",
)
@results_option
@json_option
def train(recipe: str, **options: Unpack[TrainOptions]) -> None:
    """Train one recipe and show its curve.

    RECIPE is a name (paper/...), a YAML file, or STUDY:TRIAL.

    \b
    Examples:
      dse train paper/baseline --epochs 2
      dse train quickstart:12 --seed 7 --save net.safetensors
      dse train paper/one_cycle --dataset mnist --find-rate
    """
    from dse.study.recipes import find_recipe

    if options["find_rate"] and options["save"] is not None:
        raise click.UsageError(
            "--save with --find-rate: a search trains no network worth saving. Leave one out."
        )
    if options["max_seconds"] is not None and not options["find_rate"]:
        raise click.UsageError("--max-seconds is for --find-rate. Add that, or bound a training by --epochs.")
    found = find_recipe(recipe, options["results"], options["epochs"])
    if options["find_rate"]:
        _find_rate(found, options)
    else:
        _train(found, options)


def _train(recipe: Recipe, options: TrainOptions) -> None:
    from dse.api import train as train_recipe
    from dse.errors import RunError
    from dse.record.run import Outcome
    from dse.training.trainer import Trainer

    as_json, save = options["as_json"], options["save"]
    trainer = Trainer(machine(options), data_choice(options))
    trainer, reason = trainer.settled(trainer.plan(recipe))
    if not as_json:
        say(f"{recipe.label}, on {trainer.data.name}")
        if reason:
            say(reason)
    plan, run = train_recipe(
        recipe,
        trainer.data,
        trainer.machine,
        seed=options["seed"],
        save=save,
        on_epoch=None if as_json else _print_epoch,
    )
    if as_json:
        print_json(_json(plan, run, options["seed"]))
    if run.outcome is not Outcome.COMPLETE:
        raise RunError(
            f"the run {run.outcome}: {run.reason}. Try a lower rate; --find-rate shows which are usable."
        )
    if not as_json:
        best = run.best
        say(
            f"best epoch {best.epoch}: accuracy {100 * best.accuracy:.2f} %, test accuracy "
            f"{100 * best.test_accuracy:.2f} %; {run.train_seconds:.1f} s training, {run.eval_seconds:.1f} s "
            f"evaluation, {run.setup_seconds:.1f} s set-up; {plan.parameters:,} parameters"
        )
        if save is not None:
            say(f"weights: {save}")


def _json(plan: Plan, run: Run, seed: int) -> dict[str, object]:
    return {
        "recipe": plan.recipe.model_dump(mode="json"),
        "seed": seed,
        "engine": run.engine,
        "outcome": str(run.outcome),
        "reason": run.reason,
        "parameters": plan.parameters,
        "setup_seconds": run.setup_seconds,
        "train_seconds": run.train_seconds,
        "eval_seconds": run.eval_seconds,
        "curve": [row.as_dict() | {"accuracy": row.accuracy} for row in run.curve],
    }


def _print_epoch(row: EpochRow) -> None:
    validation = (
        "" if row.validation_accuracy is None else f"validation {100 * row.validation_accuracy:6.2f} %  "
    )
    say(
        f"epoch {row.epoch:3d}  batch {row.batch_size:4d}  rate {row.first_rate:.2e} to {row.last_rate:.2e}  "
        f"loss {row.loss:8.4f}  {validation}test {100 * row.test_accuracy:6.2f} %  {row.train_seconds:8.1f} s"
    )


def _find_rate(recipe: Recipe, options: TrainOptions) -> None:
    from dse.api import find_rate

    found = find_rate(
        recipe,
        data_choice(options),
        machine(options),
        seed=options["seed"],
        max_seconds=options["max_seconds"],
        on_step=_reporter(),
    )
    if options["as_json"]:
        _print_rates_as_json(found)
        return
    say("      rate   smoothed loss")
    for step in found.steps[:: max(1, len(found.steps) // 24)]:
        say(f"  {found.rates[step]:.2e}   {found.smoothed[step]:.4f}")
    say(f"suggested base_rate: {found.suggested_rate:.2g}")
    if found.unreached:
        say(f"{found.unreached}. The best rate may lie above; --max-seconds lets the search go further.")


def _reporter() -> Callable[[int, float, float], None]:
    """Make what prints a line to standard error now and then while a search lasts."""
    last_line = time.monotonic()

    def report(steps: int, rate: float, smoothed_loss: float) -> None:
        nonlocal last_line
        if time.monotonic() - last_line >= SECONDS_BETWEEN_LINES:
            last_line = time.monotonic()
            say(f"step {steps}: rate {rate:.2e}, smoothed loss {smoothed_loss:.4f}", err=True)

    return report


def _print_rates_as_json(found: RateSearch) -> None:
    columns = zip(found.rates.tolist(), found.losses.tolist(), found.smoothed.tolist(), strict=True)
    print_json(
        {
            "suggested_rate": found.suggested_rate,
            "unreached": found.unreached,
            "steps": [
                {"step": step, "rate": rate, "loss": loss, "smoothed_loss": smoothed}
                for step, (rate, loss, smoothed) in enumerate(columns)
            ],
        }
    )
