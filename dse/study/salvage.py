"""Salvage: what can still be read of a damaged database, as trials of a new study."""

from __future__ import annotations

import json
import sqlite3
import urllib.parse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from dse.errors import DseError
from dse.record.run import Outcome
from dse.record.trial import Trial
from dse.space.search_space import SearchSpace
from dse.study.trials import read_trial
from dse.study.widening import place

# A row of an attribute has more bytes than this.
LEAST_ROW_BYTES = 32


def salvaged_trials(path: Path, space: SearchSpace) -> list[FrozenTrial]:
    """Read the trials of a damaged database that are whole up to some epoch, as trials of a space.

    Numbers are as they were. An empty trial that failed stands for each that is lost, or is no point of the space, and
    one whose end or last epochs are lost counts as interrupted. What was queued is left out: a study queues it again.

    Args:
        path: The database; it is not changed.
        space: The space.
    """
    by_trial: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for trial_id, key, text in _attributes(path):
        with suppress(ValueError, TypeError):
            by_trial[trial_id][key] = json.loads(text)
    # The trials of a study have identifiers from 1 up, none left out.
    numbers = range(max(by_trial, default=0))
    trials = [_salvaged(number, by_trial.get(number + 1, {}), space) for number in numbers]
    while trials and not trials[-1].user_attrs:
        trials.pop()
    return trials


def _attributes(path: Path) -> Iterator[tuple[int, str, str]]:
    """Read trial, name and content of every attribute; where a page is damaged, row by row around it."""
    most = path.stat().st_size // LEAST_ROW_BYTES
    select = "SELECT trial_user_attribute_id, trial_id, key, value_json FROM trial_user_attributes"
    where = f"file:{urllib.parse.quote(str(path.resolve()))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(where, uri=True)) as connection:
        # Without it SQLite refuses every page of a file that is shorter than its header says.
        connection.execute("PRAGMA writable_schema = ON")
        read = 0  # the number of the last row
        try:
            for row in connection.execute(f"{select} ORDER BY trial_user_attribute_id"):
                read = row[0]
                yield from _sound(row[1:], most)
        except sqlite3.Error:
            for number in range(read + 1, most):
                with suppress(sqlite3.Error):
                    rows = connection.execute(f"{select} WHERE trial_user_attribute_id = ?", (number,))
                    for row in rows:
                        yield from _sound(row[1:], most)


def _sound(attribute: Sequence[object], most: int) -> Iterator[tuple[int, str, str]]:
    trial_id, key, text = attribute
    if isinstance(trial_id, int) and 1 <= trial_id <= most and isinstance(key, str) and isinstance(text, str):
        yield trial_id, key, text


def _salvaged(number: int, attributes: Mapping[str, Any], space: SearchSpace) -> FrozenTrial:
    now = datetime.now()
    stored = FrozenTrial(
        number=number, state=OptunaState.FAIL, value=None, values=None, datetime_start=now, datetime_complete=now,
        params={}, distributions={}, user_attrs=dict(attributes), system_attrs={}, intermediate_values={},
        trial_id=number,
    )  # fmt: skip
    trial = _read(stored)
    assignment = None if trial is None else space.assignment_of(trial.recipe)
    if trial is None or assignment is None:
        stored.user_attrs = {}
        return stored
    stored.system_attrs = {
        "fixed_params": assignment
    }  # a trial that does another again counts as queued for that
    place(stored, assignment, space)
    values = [trial.measures.get(name) for name in space.objectives]
    if trial.complete and len(trial.run.curve) == trial.recipe.epochs and None not in values:
        stored.state, stored.values = OptunaState.COMPLETE, [float(value or 0) for value in values]
    elif trial.state is Outcome.STOPPED:
        stored.state = OptunaState.PRUNED
    elif trial.complete:
        for key in ("end", "state"):
            stored.user_attrs.pop(key, None)
    return stored


def _read(stored: FrozenTrial) -> Trial | None:
    with suppress(DseError, ValueError, LookupError, TypeError, AttributeError):
        return read_trial(stored)
    return None
