"""The command line as tests call it."""

from __future__ import annotations

from click.testing import CliRunner, Result

from dse.cli import commands


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def explore(*arguments: object) -> Result:
    """Explore the space in ``space.yaml`` of the present folder, on the processor."""
    return run("explore", "space.yaml", "--results", "results", "--device", "cpu", *arguments)
