"""A study at work under a command: its view, its end by a signal, and its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dse.cli.options import COMMAND_LINE
from dse.cli.signals import ended_by_signals
from dse.cli.terminal import print_sentence, say
from dse.errors import DseError, RunError, TrialsFailedError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from dse.record.tables import StudyTables
    from dse.space.search_space import SearchSpace
    from dse.study.watcher import Watcher


@dataclass(frozen=True, slots=True)
class AtWork:
    """A study that a command has trained.

    Attributes:
        space: What it explores.
        folder: Its folder, whose name is the study's.
        storage: URL of the storage that keeps it, if it was given.
    """

    space: SearchSpace
    folder: Path
    storage: str | None = None


def reported(
    study: AtWork,
    train_all: Callable[[Watcher], None],
    output: Console,
    result: Callable[[StudyTables], RenderableType] | None = None,
) -> StudyTables:
    """Have a study's trials trained, and show and write what came of it, however it ended.

    Args:
        study: The study.
        train_all: Trains, as far as it comes.
        output: Where it is shown.
        result: Makes the table that is shown; that of the front if None.

    Raises:
        KeyboardInterrupt: It was interrupted; the report is made, and the command that resumes it was shown.
        RunError: The same for what ended it otherwise.
        DseError: It could not be begun, or its views not be written.
    """
    from dse.cli.progress import make_view
    from dse.study.folders import keeps_study

    folder = study.folder
    ending: KeyboardInterrupt | RunError | None = None
    with ended_by_signals():
        with make_view(output, folder.name, study.space) as watcher:
            try:
                train_all(watcher)
            except (KeyboardInterrupt, RunError) as reason:
                if not keeps_study(folder):
                    raise
                ending = reason
        try:
            tables = _report(study, output, result)
        except DseError as error:
            if ending is None:
                output.print(f"The study is complete; for its report: dse report {folder}", soft_wrap=True)
                raise
            say(f"No report: {error}", err=True)
    if ending is not None:
        output.print(f"To resume: {_resuming(ending)}", soft_wrap=True)
        raise ending
    return tables


def check_any_complete(tables: StudyTables, folder: Path) -> None:
    """Refuse to call a study done of which no trial is complete.

    Raises:
        RunError: None is.
    """
    if not (tables.trials["state"] == "complete").any():
        reasons = "; ".join(tables.trials["reason"].drop_duplicates().head(3))
        raise RunError(f"no trial of {folder} is complete: {reasons}. `dse trials {folder}` lists them.")


def _report(
    study: AtWork, output: Console, result: Callable[[StudyTables], RenderableType] | None
) -> StudyTables:
    from dse.api import write_views
    from dse.cli.studies import front_table
    from dse.study.load import load_study

    tables = load_study(study.folder, study.storage)
    print_sentence(output, str(tables.answer))
    output.print((result or front_table)(tables))
    write_views(study.folder, tables)
    output.print(f"Report: {study.folder / 'report.html'}", soft_wrap=True)
    return tables


def _resuming(ending: BaseException) -> str:
    """Give the command that resumes the study."""
    command: str = click.get_current_context().find_root().meta[COMMAND_LINE]
    retry = isinstance(ending, TrialsFailedError) and "--retry-failed" not in command
    return command + (" --retry-failed" if retry else "")
