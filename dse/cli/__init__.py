"""The command line: each command parses, calls one function, and prints. The only place that knows click.

Heavy libraries are imported inside the command that needs them, so that ``dse --help`` answers at once.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from dse.cli.bench import bench
from dse.cli.calibrate import calibrate
from dse.cli.catalogue import datasets, spaces
from dse.cli.compare import compare
from dse.cli.completion import VARIABLE, completing, completion
from dse.cli.confirm import confirm
from dse.cli.explore import explore
from dse.cli.figures import figures
from dse.cli.options import COMMAND_LINE
from dse.cli.page import open_page, report
from dse.cli.pick import pick
from dse.cli.plan import plan
from dse.cli.recipe import recipe
from dse.cli.replay import replay
from dse.cli.reproduce import reproduce
from dse.cli.signals import exit_status
from dse.cli.studies import front, studies, trials
from dse.cli.terminal import say
from dse.cli.train import train
from dse.cli.verify import verify
from dse.errors import DseError
from dse.units import without_passwords


@contextmanager
def _without_passwords() -> Iterator[None]:
    """Keep a password that stands in an argument out of click's complaints about it."""
    try:
        yield
    except click.ClickException as error:
        vars(error)["message"] = without_passwords(error.message)
        raise


class _Commands(click.Group):
    """A group whose errors are printed without a traceback: exit 2 for bad input, 1 for a failed run."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Keep the arguments: a command that is cut off says how to resume it."""
        given = list(args)
        with _without_passwords():
            context = super().make_context(info_name, args, parent, **extra)
        context.meta[COMMAND_LINE] = shlex.join(["dse", *map(without_passwords, given)])
        return context

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _without_passwords():
                return super().invoke(ctx)
        except DseError as error:
            say(f"Error: {error}", err=True)
            raise click.exceptions.Exit(error.exit_code) from error
        except KeyboardInterrupt as interrupt:
            say("Interrupted.", err=True)
            raise click.exceptions.Exit(exit_status(interrupt)) from None


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="capsnet-dse", prog_name="dse")
def commands() -> None:
    """Find the fastest way to train a CapsNet to the accuracy you need.

    dse searches learning-rate policies, batch schedules and weight sharing together, trains every
    candidate, and shows which ones no other beats in both time and accuracy.

    \b
    Start here:
      dse explore quickstart                a small study on built-in data, minutes on a CPU
      dse front quickstart                  what it found
      dse plan paper/warm_ada_batch         batch sizes and rates of a recipe, without training
      dse train paper/baseline --epochs 1   train one recipe
    """


for command in (
    *(explore, confirm, reproduce, train, plan),
    *(studies, trials, front, pick, compare, recipe, open_page, report, figures, verify, replay),
    *(spaces, datasets, bench, calibrate, completion),
):
    commands.add_command(command)


def main() -> None:
    """Run ``dse``; bad input exits with 2, a failed run with 1, Ctrl-C with 130, SIGTERM with 143, SIGHUP with 129."""
    completing()
    commands(complete_var=VARIABLE)  # under either of its names
