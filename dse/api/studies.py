"""What is done with a study that is there: searched again, verified, laid out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from typing_extensions import Unpack

from dse.record.tables import StudyTables
from dse.study.collector import without_collector
from dse.training.machine import Machine

if TYPE_CHECKING:
    from dse.evidence.verification import Check
    from dse.replay.compare import Comparison
    from dse.replay.strategies import Strategy

MACHINE = Machine()


class ReplaySetting(TypedDict, total=False):
    """How a replay compares strategies, see ``dse.replay.compare.Setting``."""

    repeats: int
    budgets: Sequence[float]
    seed: int
    processes: int


def replay_study(
    folder: str | Path,
    *,
    samplers: Sequence[str] | None = None,
    stopping: Sequence[str] = ("none",),
    on_strategy: Callable[[Strategy], None] = lambda strategy: None,
    **setting: Unpack[ReplaySetting],
) -> Comparison:
    """Search a study's recorded runs again by several strategies, with a simulated clock.

    Args:
        folder: The study's folder; its database or its published CSV files.
        samplers: ``dse`` and names of ``dse.replay.strategies.ORDERS``; None: all but ``gp``, Optuna's only if every
            recipe of the space was completed.
        stopping: ``none`` and ``dominated``: with which each of them but ``dse`` is combined.
        on_strategy: Called with each strategy whose searches are done.
        setting: ``repeats``, searches by each strategy; ``budgets``, train seconds at which shares are wanted;
            ``seed`` of all randomness; ``processes``, how many work at it.

    >>> found = replay_study("results/mnist-table", samplers=["grid"], repeats=1)
    >>> found.recipes, found.strategies["name"].tolist()
    (42, ['grid'])

    Raises:
        InputError: A name is unknown, a budget is not above 0, or the study cannot be replayed.
    """
    from dse.replay.compare import Setting, compare_strategies
    from dse.replay.strategies import parse_strategies, usual_samplers
    from dse.replay.table import record_table
    from dse.study.load import load_study

    table = record_table(load_study(folder))
    strategies = parse_strategies(usual_samplers(table) if samplers is None else samplers, stopping)
    return compare_strategies(table, strategies, Setting(**setting), on_strategy)


def verify_study(
    folder: str | Path,
    *,
    machine: Machine = MACHINE,
    points: int = 3,
    seeds: int = 1,
    pick: int = 0,
    on_check: Callable[[Check], None] = lambda check: None,
) -> list[Check]:
    """Train random points of a study's front again here with fresh seeds, and say whether they hold.

    Args:
        folder: The study's folder; its database or its published CSV files.
        machine: What trains.
        points: How many points of the front.
        seeds: Fresh runs of each.
        pick: Seed of the choice of points.
        on_check: Called with each as it is judged.

    Raises:
        InputError: The study has no point to verify, or data or machine cannot be used.
    """
    from dse.runners.verify import verify
    from dse.study.load import load_study

    return verify(load_study(folder), machine, points, seeds, pick, on_check)


@without_collector()
def write_views(folder: str | Path, tables: StudyTables | None = None) -> list[Path]:
    """Write everything that is made from a study: CSV files, report and figures.

    Args:
        folder: The study's folder; of a study that was published as CSV files, these are left as they are.
        tables: The study, if it is loaded already.

    Returns:
        The files.

    Raises:
        StudyError: There is no study, or the folder cannot be written to.
    """
    from dse.evidence.reproduction import reproduction
    from dse.record.cells import to_csv
    from dse.record.tables import write_tables, write_view
    from dse.report.figures.figures import write_figures
    from dse.report.page.page import write_page
    from dse.report.shown import Shown
    from dse.study.folders import keeps_study
    from dse.study.load import load_study

    folder = Path(folder)
    tables = load_study(folder) if tables is None else tables
    written = write_tables(tables, folder) if keeps_study(folder) else []
    found = reproduction(tables)
    if found is not None and keeps_study(folder):
        written.append(folder / "reproduction.csv")
        write_view(written[-1], to_csv(found.rows))
    shown = Shown(tables)
    write_page(shown, folder / "report.html")
    return [folder / "report.html", *written, *write_figures(shown, folder / "figures")]
