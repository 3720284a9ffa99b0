"""``dse completion``: what a shell offers at the Tab key. Names are told by files' names; nothing heavy is imported."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from dse.cli.terminal import say

VARIABLE = "_DSE_COMPLETE"
# Has a shell complete the distribution's own name as it does dse; the scripts themselves know one name.
SECOND_NAME = {
    "bash": "complete -o nosort -F _dse_completion capsnet-dse",
    "zsh": "(( $+functions[compdef] )) && compdef _dse_completion capsnet-dse",
    "fish": 'complete --no-files --command capsnet-dse --arguments "(_dse_completion)";',
}
# What is typed into a command line as it stands: no other name is offered, a shell would take it apart.
_PLAIN = re.compile(r"[\w.][\w.+-]*")
# Beyond this the trials of a study are not read at a key's stroke.
LARGEST_TRIALS = 20_000_000

Items = list[CompletionItem]


class ColonBash(BashComplete):
    """Bash, which takes STUDY:TRIAL for three words: the line itself is read, and the part before the colon cut off."""

    source_template = r"""%(complete_func)s() {
    local IFS=$'\n' line="${COMP_LINE:0:COMP_POINT}" completion type value
    for completion in $(env COMP_LINE="$line" %(complete_var)s=bash_complete "$1"); do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done
    local word="${line##*[[:space:]]}"
    if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${word%%:*}:"}")
    fi
    [[ ${COMPREPLY[0]} == *: ]] && compopt -o nospace
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Give the words before the one that is typed, and that one."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        incomplete = "" if not words or line[-1:].isspace() else words.pop()
        return words[1:], incomplete


def completing() -> None:
    """Have bash's own line read where a shell asks what to offer."""
    if VARIABLE in os.environ:
        add_completion_class(ColonBash)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script by which a shell completes commands, options, and names of studies, spaces and recipes.

    \b
    Examples:
      eval "$(dse completion bash)"                                   in ~/.bashrc
      eval "$(dse completion zsh)"                                    in ~/.zshrc, after compinit
      dse completion fish > ~/.config/fish/completions/dse.fish       once
    """
    kind = ColonBash if shell == "bash" else get_completion_class(shell)
    assert kind is not None
    command = click.get_current_context().find_root().command
    say(kind(command, {}, "dse", VARIABLE).source().strip("\n"))
    say(SECOND_NAME[shell])


def study_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer the studies below --results, or folders."""
    from dse.study.folders import study_names as names

    return _starting(names(_results(ctx)), incomplete) or [CompletionItem(incomplete, type="dir")]


def space_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer the spaces that come with dse, or files."""
    from dse.space.shipped import shipped_spaces

    names = [path.stem for path in shipped_spaces()]
    return _starting(names, incomplete) or [CompletionItem(incomplete, type="file")]


def recipe_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer the paper's recipes, and the trials of studies once one is named; or files."""
    from dse.study.folders import study_names as names

    results = _results(ctx)
    study, colon, _ = incomplete.partition(":")
    if colon:
        trials = _trials(results / study / "trials.csv") if _PLAIN.fullmatch(study) else {}
        return [
            CompletionItem(f"{study}:{trial}", help=label)
            for trial, label in trials.items()
            if f"{study}:{trial}".startswith(incomplete)
        ]
    found = _starting([f"{name}:" for name in names(results) if _PLAIN.fullmatch(name)], incomplete)
    if incomplete[:6] == "paper/"[: len(incomplete[:6])]:
        from dse.recipe.paper import PAPER_RECIPES  # a fifth of a second

        found += [CompletionItem(name) for name in PAPER_RECIPES if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def _results(ctx: click.Context) -> Path:
    return Path(ctx.params.get("results") or "results")


def _starting(names: Iterable[str], incomplete: str) -> Items:
    return [
        CompletionItem(name)
        for name in names
        if name.startswith(incomplete) and _PLAIN.fullmatch(name.removesuffix(":"))
    ]


def _trials(path: Path) -> dict[str, str]:
    """Give the numbers of a study's trials with their labels, as far as they can be read at once."""
    try:
        if path.stat().st_size > LARGEST_TRIALS:
            return {}
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(row.get("trial") or "", row.get("label") or "") for row in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error):
        return {}  # a shell that asks has no place for an error
    return {trial: label for trial, label in rows if trial.isdigit()}
