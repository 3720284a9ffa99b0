"""Write docs/cli.md from the help texts of all commands: python docs/make_cli.py."""

from pathlib import Path

import click

from dse.cli import commands


def reference() -> str:
    """Give the page: every command with its help."""
    parts = ["# Commands\n\nMade from `--help` by `python docs/make_cli.py`.\n"]
    for name in ["", *sorted(commands.commands)]:
        command = commands.commands[name] if name else commands
        path = f"dse {name}".strip()
        context = click.Context(command, info_name=path, terminal_width=100, max_content_width=100)
        context.help_option_names = ["-h", "--help"]
        parts.append(f"## {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(reference(), encoding="utf-8")
