"""Options that several commands share."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click

from dse.cli.completion import recipe_names, study_names
from dse.cli.terminal import say
from dse.training.engines import engine_choices

if TYPE_CHECKING:
    import pandas as pd

    from dse.data.choice import DataChoice
    from dse.training.machine import Machine


class FiniteRange(click.FloatRange):
    """A range of numbers: nan and inf, which compare as if they lay in it, are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a number, or say why it is none."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number.", param, ctx)
        return number


# Where the context keeps the arguments as they were given.
COMMAND_LINE = "dse.command_line"

results_option = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder of all studies.",
)
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Where data sets are looked for and downloaded to; or a folder that holds the idx files, plain or .gz.",
)
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="auto|cpu|cuda|cuda:N",
    help="What trains; auto takes the first GPU if there is one.",
)
engine_option = click.option(
    "--engine",
    type=click.Choice(list(engine_choices())),
    default="fast",
    show_default=True,
    help="What runs the steps. "
    + "; ".join(f"{name}: {description}" for name, description in engine_choices().items())
    + ".",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads of the processor that compute. [default: torch's own choice]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
dataset_option = click.option(
    "--dataset",
    default="digits",
    show_default=True,
    metavar="NAME|PATH",
    help="A data set by its name (`dse datasets` lists them), or your own images: a folder with a folder for each "
    "class, an .npz file, or a folder of idx files.",
)
test_share_option = click.option(
    "--test-share",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    help="Of your own images: the share of each class that becomes the test part, where they have none.",
)
images_option = click.option(
    "--images",
    type=click.IntRange(min=1),
    help="Train on this many images, drawn class by class. [default: all]",
)
protocol_option = click.option(
    "--protocol",
    type=click.Choice(["holdout", "paper"]),
    default="holdout",
    show_default=True,
    help="holdout: a validation split chooses the best epoch; paper: the test set does.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Train N runs at once, as `dse explore` does. [default: 1]",
)
study_argument = click.argument("study", shell_complete=study_names)
recipe_argument = click.argument("recipe", shell_complete=recipe_names)


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Check an option that is a duration."""
    from dse.units import parse_duration

    try:
        if value is not None:
            parse_duration(value)
    except ValueError as reason:
        raise click.BadParameter(str(reason)) from None
    return value


class DataOptions(TypedDict):
    """What ``data_options`` gives a command."""

    dataset: str
    test_share: float | None
    images: int | None
    protocol: str


class MachineOptions(TypedDict):
    """What ``machine_options`` gives a command."""

    device: str
    engine: str
    threads: int | None
    data_dir: Path


Command = Callable[..., None]


def data_options(command: Command) -> Command:
    """Give a command the options that say which images are trained on."""
    return dataset_option(test_share_option(images_option(protocol_option(command))))


def machine_options(command: Command) -> Command:
    """Give a command the options that say what trains."""
    return data_dir_option(device_option(engine_option(threads_option(command))))


def data_choice(options: DataOptions) -> DataChoice:
    """Give the images that were asked for."""
    from dse.data.choice import DataChoice, named_data
    from dse.data.datasets import Protocol

    return DataChoice(
        **named_data(options["dataset"], options["test_share"]),
        images=options["images"],
        protocol=Protocol(options["protocol"]),
    )


def machine(options: MachineOptions) -> Machine:
    """Give the machine that was asked for."""
    from dse.training.machine import Machine

    return Machine(options["device"], options["engine"], options["threads"], options["data_dir"])


def print_json(content: Any) -> None:
    """Print JSON for programs: UTF-8, indented, no NaN."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    # JSON itself writes those below a space out; these too may be obeyed by a terminal.
    say(
        re.sub(
            "[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]", _escaped, text
        )
    )


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def json_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a frame into a list of objects, what is missing into null."""
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", double_precision=15))
    return rows
