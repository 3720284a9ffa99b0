"""``dse pick``: the one point of a study that somebody asks for."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click
from typing_extensions import Unpack

from dse.cli.options import FiniteRange, json_option, print_json, results_option, study_argument
from dse.cli.recipe import recipe_text
from dse.cli.terminal import console, print_sentence, say

if TYPE_CHECKING:
    from dse.decision.pick import Pick
    from dse.record.tables import StudyTables


class PickOptions(TypedDict):
    """All options of ``dse pick``."""

    max_seconds: float | None
    min_accuracy: float | None
    max_parameters: int | None
    as_good_as_baseline: bool
    knee: bool
    save: Path | None
    results: Path
    as_json: bool


def _share(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Read a share, in per cent if it says so."""
    if value is None:
        return None
    try:
        # In decimals: 99.9 / 100 is not 0.999 to a computer.
        share = float(Decimal(value.removesuffix("%")) / (100 if value.endswith("%") else 1))
    except InvalidOperation:
        raise click.BadParameter(f"{value!r} is no number. Give one as in 0.975 or 97.5%.") from None
    if not 0 <= share <= 1:
        raise click.BadParameter(f"{value} is no share between 0 and 1. Give one as in 0.975 or 97.5%.")
    return share


@click.command()
@study_argument
@click.option(
    "--max-seconds", type=FiniteRange(min=0, min_open=True), help="At most this many train seconds."
)
@click.option(
    "--min-accuracy", callback=_share, metavar="SHARE", help="At least this accuracy, as in 0.975 or 97.5%."
)
@click.option("--max-parameters", type=click.IntRange(min=1), help="At most this many trained weights.")
@click.option("--as-good-as-baseline", is_flag=True, help="At least the baseline's best accuracy.")
@click.option(
    "--knee", is_flag=True, help="The knee of the front, beyond which accuracy gets dear; within the limits."
)
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), help="Write its recipe to this YAML file."
)
@results_option
@json_option
def pick(study: str, **options: Unpack[PickOptions]) -> None:
    """Pick one point of a study: the recipe to use, and the epoch to stop it after.

    STUDY is a name below --results, or a folder. Of the points that keep to all limits the fastest is picked where an
    accuracy is asked for, and the most accurate where none is; or the knee. Beside it stand the runner-up, what a
    little more time would buy, and how certain all this is. Where no point keeps to the limits the nearest is named,
    and the exit status is 2. docs/pick.md has the rules.

    \b
    Examples:
      dse pick quickstart --max-seconds 2
      dse pick quickstart --as-good-as-baseline --save best.yaml
      dse pick quickstart --min-accuracy 90% --max-parameters 300000 --json
    """
    from dse.decision.pick import pick as find
    from dse.decision.wish import Wish
    from dse.errors import StudyError
    from dse.study.folders import find_study
    from dse.study.load import load_study

    wish = Wish(
        options["max_seconds"],
        options["min_accuracy"],
        options["max_parameters"],
        options["as_good_as_baseline"],
        options["knee"],
    )
    if wish == Wish():
        raise click.UsageError(
            "nothing is asked for. Give --max-seconds, --min-accuracy, --max-parameters, --as-good-as-baseline or "
            "--knee."
        )
    tables = load_study(find_study(study, options["results"]))
    found = find(tables, wish)
    if options["as_json"]:
        print_json(found.as_dict())
    if found.choice is None:
        raise StudyError(str(found))
    if not options["as_json"]:
        _print(found)
    if options["save"] is not None:
        _save(options["save"], found, tables)
        if not options["as_json"]:
            say(f"Recipe: {options['save']}")


def _print(found: Pick) -> None:
    from rich.text import Text

    output = console()
    for name, text in found.lines():
        if name:
            output.print(Text(name, style="bold"))
        print_sentence(output, text, indent=2 if name else 0)


def _save(path: Path, found: Pick, tables: StudyTables) -> None:
    from dse.errors import InputError
    from dse.files import write_atomically
    from dse.study.recipes import recipe_of

    choice = found.choice
    assert choice is not None
    recipe = recipe_of(tables.trials.set_index("trial"), choice.trial, tables.name)
    remarks = (
        f"picked from {tables.name}: {found.wish}",
        f"{choice.values} after epoch {choice.epoch}; this trains all {recipe.epochs} epochs, as its trials did",
    )
    try:
        write_atomically(path, recipe_text(recipe, *remarks))
    except OSError as reason:
        raise InputError(f"{path}: cannot be written ({reason.strerror}). Choose another file.") from None
