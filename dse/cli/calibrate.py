"""``dse calibrate``: how long each kind of training step takes on this machine."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from typing_extensions import Unpack

from dse.cli.completion import study_names
from dse.cli.options import MachineOptions, json_option, machine, machine_options, print_json, results_option
from dse.cli.terminal import console, plain_table, print_sentence, say

if TYPE_CHECKING:
    from dse.record.calibration import Calibration
    from dse.study.calibrate import KindTime, OnKind


# With less of the processor other programs are likely to have slowed memory down too.
QUIET = 0.8


class CalibrateOptions(MachineOptions):
    """All options of ``dse calibrate``."""

    results: Path
    refresh: bool
    as_json: bool


@click.command()
@click.argument("what", metavar="SPACE|STUDY", shell_complete=study_names)
@results_option
@machine_options
@click.option("--refresh", is_flag=True, help="Measure again what is known.")
@json_option
def calibrate(what: str, **options: Unpack[CalibrateOptions]) -> None:
    """Measure how long a training step takes, for each kind of step: calibrated seconds are made of these.

    Blocks of each kind's steps alternate with blocks of the baseline's, and the median of their ratios counts, so that
    other programs matter little. The table has that ratio, the seconds of a step, the standard error of the ratio
    (of the baseline's step, the first row, the spread of its blocks), how many pairs of blocks were timed, and which
    share of the processor they had: on a machine that others use, steps of small batches come out too slow.

    STUDY is a name below --results, or a folder: what its trials lack is measured, on its own machine with its own
    engine and number of threads, and it is timed by calibrated seconds from then on. A file or another name is a
    SPACE, whose steps are measured for the studies to come.

    \b
    Examples:
      dse calibrate mnist-small --data-dir ~/data
      dse calibrate results/mnist-small --refresh
    """
    rows: list[KindTime] = []

    def on_kind(kind: KindTime) -> None:
        rows.append(kind)
        if not options["as_json"] and kind.fresh:
            say(f"{kind.kind}: {_ratio(kind)}", err=True)

    known = _calibrate(what, options, on_kind)
    if options["as_json"]:
        print_json({"noise_floor": known.noise_floor, "kinds": [dataclasses.asdict(row) for row in rows]})
        return
    table = plain_table("name", "ratio", "ms_a_step", "±", "pairs", "had", title="kinds of steps")
    for row in rows:
        table.add_row(
            *(row.kind, _ratio(row), f"{1000 * row.seconds:.3g}", f"{100 * row.error:.2f} %"),
            *(str(row.pairs), f"{100 * row.share:.0f} %"),
        )
    output = console()
    output.print(table)
    print_sentence(
        output,
        f"Noise floor: {100 * known.noise_floor:.1f} %; smaller differences between two recipes' seconds are within "
        "noise.",
    )
    if known.share < QUIET:
        print_sentence(
            output,
            f"Other programs ran meanwhile: the steps had {100 * known.share:.0f} % of the processor. Steps of small "
            "batches suffer most from that. On a quiet machine, --refresh measures all of them again.",
        )


def _calibrate(what: str, options: CalibrateOptions, on_kind: OnKind) -> Calibration:
    from dse.api import calibrate_space, calibrate_study
    from dse.errors import StudyError
    from dse.space.load import load_space
    from dse.study.folders import keeps_study

    folder = next((each for each in (options["results"] / what, Path(what)) if each.is_dir()), None)
    if folder is None:
        return calibrate_space(
            load_space(what), machine(options), refresh=options["refresh"], on_kind=on_kind
        )
    if not keeps_study(folder):
        raise StudyError(
            f"{folder}: only a study that is kept in a database can be calibrated, and this folder has tables alone."
        )
    context = click.get_current_context()
    for name in ("device", "engine", "threads"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(
                f"--{name} is for a SPACE. {folder} has its own, and is calibrated as it was trained."
            )
    return calibrate_study(folder, options["data_dir"], refresh=options["refresh"], on_kind=on_kind)


def _ratio(kind: KindTime) -> str:
    return f"{kind.ratio:.3f}"
