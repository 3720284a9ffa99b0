"""A study's trials in Optuna's storage.

Each Optuna trial keeps ours in its user attributes: ``start`` (recipe, seed, device, and the measures known by then),
one attribute ``epoch N`` for each row of its curve, and ``end`` (outcome and all measures). Each is one write, so
whoever reads beside a running study, or after a kill, finds it whole or not at all. Version 0.1 wrote the content of
``start`` and ``end`` as attributes of their own, one after the other; such trials are read as far as they came.

With ``start`` and ``end``, in the same transaction, goes what optuna-dashboard shows of a trial beside its values:
``about``, a sentence, and the columns ``DASHBOARD`` of trials.csv. Nothing reads them back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from itertools import takewhile
from operator import itemgetter
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from dse.recipe.recipe import Recipe, parse_recipe
from dse.record.clock import stopwatch_measures
from dse.record.environment import engine_name
from dse.record.epoch import EpochRow, parse_rows
from dse.record.run import Outcome, Run
from dse.record.trial import EXPLORE, Trial
from dse.study.bulk import BulkStorage
from dse.study.clock import Reading, by_clock
from dse.study.collector import without_collector
from dse.units import value_text, words

DASHBOARD = ("accuracy", "best_epoch", "measured_seconds")


def read_trials(study: optuna.Study) -> list[Trial]:
    """Read every trial that has been drawn, by the study's clock: its recipe and its seed are known."""
    return read_by_clock(study).trials


@without_collector()
def read_by_clock(study: optuna.Study, records: Iterable[FrozenTrial] | None = None) -> Reading:
    """Read every trial that has been drawn, and say by which clock.

    Args:
        study: The study.
        records: All its trials in Optuna's form; None for those that Optuna reads, and keeps in memory.
    """
    return by_clock(study, _by_stopwatch(study.get_trials(deepcopy=False) if records is None else records))


def _by_stopwatch(records: Iterable[FrozenTrial]) -> list[Trial]:
    recipes: dict[str, Recipe] = {}
    trials = []
    for stored in records:
        if is_drawn(stored):
            # Recipes that come again, with another seed, are one object: it knows its id already.
            content = repr(_record(stored)["recipe"])
            trial = read_trial(stored, recipes.get(content))
            recipes[content] = trial.recipe
            trials.append(trial)
    return trials


def is_drawn(stored: FrozenTrial) -> bool:
    """Tell whether a trial's recipe and seed are recorded."""
    return {"recipe", "seed"} <= _record(stored).keys()


def has_ended(stored: FrozenTrial) -> bool:
    """Tell whether a trial's outcome is recorded, whatever Optuna holds of it."""
    return is_drawn(stored) and _record(stored)["state"] != Outcome.RUNNING


def was_interrupted(stored: FrozenTrial) -> bool:
    """Tell whether a trial was cut off from outside: it says so, or its process died before it could."""
    said = _record(stored)["state"]
    return stored.state is OptunaState.FAIL and said in (Outcome.INTERRUPTED, Outcome.RUNNING)


def has_died(stored: FrozenTrial) -> bool:
    """Tell whether a trial's process died before it could say anything, or its worker did."""
    if stored.state is not OptunaState.FAIL or not is_drawn(stored):
        return False
    if has_ended(stored):
        lost: bool = stored.user_attrs.get("end", {}).get("lost", False)
        return lost
    return not is_shielded(stored)


def is_shielded(stored: FrozenTrial) -> bool:
    """Tell whether a trial is trained by a process of its own: it is not to blame for the driver's end."""
    shielded: bool = stored.user_attrs.get("start", {}).get("shielded", False)
    return shielded


def epochs_reached(stored: FrozenTrial) -> int:
    """Give how many epochs are recorded of a trial."""
    return sum(key.startswith("epoch ") for key in stored.user_attrs)


def has_failed(stored: FrozenTrial) -> bool:
    """Tell whether a trial is recorded as failed."""
    return is_drawn(stored) and _record(stored)["state"] == Outcome.FAILED


def redone_trials(study: optuna.Study) -> frozenset[int]:
    """Give the numbers of trials that others do again, or are queued to."""
    everything = study.get_trials(deepcopy=False)
    return frozenset(
        number for stored in everything if (number := stored.user_attrs.get("redoes")) is not None
    )


def read_trial(stored: FrozenTrial, recipe: Recipe | None = None) -> Trial:
    """Read a trial from Optuna's record of it, by the stopwatch.

    Args:
        stored: The record.
        recipe: What it trains, if that is read already.

    Raises:
        ValueError: The record is damaged.
    """
    record = _record(stored)
    cut_off = was_interrupted(stored)
    contents = [value for key, value in stored.user_attrs.items() if key.startswith("epoch ")]
    contents.sort(key=itemgetter("epoch"))
    try:
        rows = parse_rows(contents)
    except ValueError:
        # Version 0.1 wrote down what a training of the user's own gave, be it NaN: from there on it had diverged.
        rows = parse_rows(list(takewhile(_is_finite, contents)))
        record |= {
            "state": Outcome.DIVERGED,
            "reason": f"epoch {len(rows) + 1} holds what is no finite number",
        }
    trial = Trial(
        number=stored.number,
        recipe=recipe or parse_recipe(record["recipe"], f"trial {stored.number}", recorded=True),
        seed=record["seed"],
        run=Run(
            curve=rows,
            outcome=Outcome.INTERRUPTED if cut_off else Outcome(record["state"]),
            reason=record.get("reason", "") or ("the process ended before the trial did" if cut_off else ""),
            setup_seconds=record.get("setup_seconds"),
            engine=engine_name(record.get("engine", "")),
            resumed_epochs=record.get("resumed_epochs", 0),
        ),
        measures=record.get("measures", {}),
        started=stored.datetime_start.astimezone(UTC).isoformat(timespec="seconds")
        if stored.datetime_start
        else "",
        device=record.get("device", ""),
        possible_accuracy=record.get("possible_accuracy"),
        possible_seconds=record.get("possible_seconds"),
        attempt=record.get("attempt", 1),
        purpose=record.get("purpose", EXPLORE),
    )
    trial.check()
    return trial


def recorded_seed(stored: FrozenTrial) -> int | None:
    """Give the seed that a trial was queued or started with; None if its process died before it had one."""
    return _record(stored).get("seed")


def recorded_attempt(stored: FrozenTrial) -> int:
    """Give how often a trial was begun, with those that it does again."""
    attempt: int = _record(stored).get("attempt", 1)
    return attempt


def recorded_purpose(stored: FrozenTrial) -> str:
    """Give what a trial is for."""
    purpose: str = _record(stored).get("purpose", EXPLORE)
    return purpose


def _record(stored: FrozenTrial) -> dict[str, Any]:
    attrs: dict[str, Any] = stored.user_attrs
    return {"state": str(Outcome.RUNNING), **attrs.get("start", {}), **attrs, **attrs.get("end", {})}


def _is_finite(content: Mapping[str, Any]) -> bool:
    return all(math.isfinite(value) for value in content.values() if isinstance(value, float))


def trial_attributes(trial: Trial) -> dict[str, Any]:
    """Give the attributes that keep a trial that has ended."""
    epochs = {f"epoch {row.epoch}": row.stored() for row in trial.run.curve}
    return {"start": _start(trial), **epochs, "end": _end(trial), **_shown(trial)}


def write_start(asked: optuna.Trial, trial: Trial, *, shielded: bool = False) -> None:
    """Record what is known of a trial before it trains, and whether it has a process of its own."""
    start = _start(trial) | ({"shielded": True} if shielded else {})
    _write(asked.storage, asked._trial_id, {"start": start, **_shown(trial)})


def write_epoch(asked: optuna.Trial, row: EpochRow) -> None:
    """Record one row of a running trial's curve, and which images were right."""
    asked.set_user_attr(f"epoch {row.epoch}", row.stored())


def write_end(asked: optuna.Trial, trial: Trial, *, lost: bool = False) -> None:
    """Record how a trial ended, and whether its worker died; its curve is recorded already."""
    end = _end(trial) | ({"lost": True} if lost else {})
    _write(asked.storage, asked._trial_id, {"end": end, **_shown(trial)})


def write_end_afterwards(study: optuna.Study, stored: FrozenTrial, trial: Trial) -> None:
    """Record how a trial ended whose process is gone."""
    # Optuna's own Trial would ask the sampler for a point.
    _write(study._storage, stored._trial_id, {"end": _end(trial), **_shown(trial)})


def _write(storage: BaseStorage, trial_id: int, attributes: Mapping[str, Any]) -> None:
    ours = getattr(storage, "_backend", storage)  # Optuna puts a cache before it
    if isinstance(ours, BulkStorage):
        ours.set_trial_user_attrs(trial_id, attributes)
    else:
        for key, value in attributes.items():
            storage.set_trial_user_attr(trial_id, key, value)


def _shown(trial: Trial) -> dict[str, Any]:
    about = f"{trial.recipe.label}, seed {trial.seed}: {words(str(trial.state))}"
    if trial.state is Outcome.RUNNING:
        return {"about": about}
    if not trial.run.curve:
        return {"about": f"{about}; {trial.run.reason}"}
    best = trial.run.best
    about += f", {value_text(best.accuracy, 'share')} in epoch {best.epoch}; {trial.run.reason}"
    values = (best.accuracy, best.epoch, trial.run.measured_seconds)
    return {"about": about.removesuffix("; "), **dict(zip(DASHBOARD, values, strict=True))}


def _start(trial: Trial) -> dict[str, Any]:
    return {
        "recipe": trial.recipe.model_dump(mode="json"),
        "seed": trial.seed,
        "device": trial.device,
        "measures": dict(trial.measures),
        "attempt": trial.attempt,
        "purpose": trial.purpose,
        "resumed_epochs": trial.run.resumed_epochs,
    }


def _end(trial: Trial) -> dict[str, Any]:
    end = {
        "state": str(trial.state),
        "reason": trial.run.reason,
        "measures": stopwatch_measures(trial),
        "setup_seconds": trial.run.setup_seconds,
        "engine": trial.run.engine,
    }
    if trial.state is Outcome.STOPPED:
        end |= {"possible_accuracy": trial.possible_accuracy, "possible_seconds": trial.possible_seconds}
    return end


def report_end(study: optuna.Study, trial: Trial, objectives: Sequence[str]) -> None:
    """Report to Optuna's sampler how a trial ended."""
    if trial.complete:
        values = [trial.measures[name] for name in objectives]
        study.tell(trial.number, [float(value) for value in values if value is not None])
    elif trial.state is Outcome.STOPPED:
        # Its values are those of another, shorter recipe. Samplers count a pruned trial as a bad one.
        study.tell(trial.number, state=OptunaState.PRUNED)
    else:
        study.tell(trial.number, state=OptunaState.FAIL)
