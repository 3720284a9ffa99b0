"""Optuna's storage, with its reading, copying and rewriting of many trials done in a few statements.

Optuna makes an object of every attribute of every trial when it reads, and looks every trial up again for each
attribute that it copies: a study of 10,000 trials of 30 epochs took a minute to open, and half an hour to widen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import optuna
import sqlalchemy as sql
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from pydantic_core import from_json
from sqlalchemy.orm import InstrumentedAttribute
from typing_extensions import override

from dse.record.epoch import RIGHT
from dse.study.collector import without_collector
from dse.study.dialects import ON_CONFLICT

TRIALS = models.TrialModel
PARAMS = models.TrialParamModel
VALUES = models.TrialValueModel
USER_ATTRIBUTES = models.TrialUserAttributeModel
SYSTEM_ATTRIBUTES = models.TrialSystemAttributeModel
STUDY_ATTRIBUTES = models.StudyUserAttributeModel

# What the names of the attributes begin with that keep an epoch.
EPOCH = "epoch "
# SQLite takes some thousands of values in one statement.
FEW = 500


def upsert(on_conflict: str) -> sql.Insert:
    """Give the statement that sets an attribute of a trial that has not ended.

    Args:
        on_conflict: How it ends, for an attribute that is there.
    """
    key, value = sql.bindparam("key", type_=sql.String), sql.bindparam("value_json", type_=sql.Text)
    not_ended = TRIALS.state.in_([TrialState.RUNNING, TrialState.WAITING])
    row = sql.select(TRIALS.trial_id, key, value).where(
        TRIALS.trial_id == sql.bindparam("trial_id"), not_ended
    )
    attribute = sql.insert(USER_ATTRIBUTES.__table__)
    return attribute.from_select(["trial_id", "key", "value_json"], row.suffix_with(on_conflict))


class BulkStorage(RDBStorage):
    """The storage of Optuna, faster for many trials.

    Intermediate values are not read, as no study of ours has any, and of an epoch not its images, which ``epochs``
    reads: of 10,000 trials they may take a gigabyte.
    """

    _upsert = upsert(ON_CONFLICT)

    @override
    @without_collector()
    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        wanted = [number for number in included_trial_ids if number <= trial_id_greater_than]
        if len(wanted) > FEW:
            return super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)

        asked = sql.select(TRIALS.trial_id).where(
            TRIALS.study_id == study_id,
            sql.or_(TRIALS.trial_id > trial_id_greater_than, TRIALS.trial_id.in_(wanted)),
        )
        return [trial for trial in self._read(asked) if states is None or trial.state in states]

    def read_trials(self, study_id: int) -> Iterator[FrozenTrial]:
        """Read all trials of a study one by one: all their epochs together would take twice the memory."""
        return self._read(sql.select(TRIALS.trial_id).where(TRIALS.study_id == study_id))

    def _read(self, asked: sql.Select[tuple[int]]) -> Iterator[FrozenTrial]:
        distribution = lru_cache(maxsize=None)(json_to_distribution)
        with self.engine.connect() as connection:
            trials = connection.execute(
                asked.add_columns(
                    TRIALS.number, TRIALS.state, TRIALS._datetime_start_utc, TRIALS._datetime_complete_utc
                ).order_by(TRIALS.trial_id)
            ).all()
            ids = [row.trial_id for row in trials] if len(trials) <= FEW else asked

            def grouped(
                model: Any, order: InstrumentedAttribute[Any], *columns: InstrumentedAttribute[Any]
            ) -> dict[int, list[tuple[Any, ...]]]:
                asked = sql.select(model.trial_id, order, *columns).where(model.trial_id.in_(ids))
                # Asked to sort, SQLite reads whole tables in that order to find the rows of one trial.
                rows = sorted(connection.execute(asked).all(), key=itemgetter(0, 1))
                return {number: [row[2:] for row in some] for number, some in groupby(rows, itemgetter(0))}

            params = grouped(
                PARAMS, PARAMS.param_id, PARAMS.param_name, PARAMS.param_value, PARAMS.distribution_json
            )
            values = grouped(VALUES, VALUES.objective, VALUES.value, VALUES.value_type)
            user = grouped(USER_ATTRIBUTES, USER_ATTRIBUTES.trial_user_attribute_id, USER_ATTRIBUTES.key,
                           USER_ATTRIBUTES.value_json)  # fmt: skip
            system = grouped(SYSTEM_ATTRIBUTES, SYSTEM_ATTRIBUTES.trial_system_attribute_id, SYSTEM_ATTRIBUTES.key,
                             SYSTEM_ATTRIBUTES.value_json)  # fmt: skip
        for trial_id, number, state, started, completed in trials:
            drawn = [(name, value, distribution(text)) for name, value, text in params.get(trial_id, ())]
            yield FrozenTrial(
                number=number,
                state=state,
                value=None,
                values=[VALUES.stored_repr_to_value(*each) for each in values.get(trial_id, ())] or None,
                datetime_start=_local(started),
                datetime_complete=_local(completed),
                params={name: kind.to_external_repr(value) for name, value, kind in drawn},
                distributions={name: kind for name, _, kind in drawn},
                user_attrs=_without_images({key: parsed(text) for key, text in user.pop(trial_id, ())}),
                system_attrs={key: parsed(text) for key, text in system.get(trial_id, ())},
                intermediate_values={},
                trial_id=trial_id,
            )

    def epochs(self, study_id: int, numbers: Collection[int]) -> Iterator[tuple[int, Any]]:
        """Read all that is kept of each epoch, of the trials with these numbers; gives them with their trial's.

        Epochs that were recorded without their images are left out.
        """
        selected = (
            sql.select(TRIALS.number, USER_ATTRIBUTES.value_json)
            .join(USER_ATTRIBUTES, USER_ATTRIBUTES.trial_id == TRIALS.trial_id)
            .where(TRIALS.study_id == study_id, USER_ATTRIBUTES.key.startswith(EPOCH))
            .where(USER_ATTRIBUTES.value_json.contains(json.dumps(RIGHT)))
        )
        with self.engine.connect() as connection:
            ordered = sorted(numbers)
            for start in range(0, len(ordered), FEW):
                some = selected.where(TRIALS.number.in_(ordered[start : start + FEW]))
                for number, text in connection.execute(some):
                    yield number, parsed(text)

    @override
    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        # Optuna's own way takes four statements; every epoch of every trial comes through here.
        self.set_trial_user_attrs(trial_id, {key: value})

    def set_trial_user_attrs(self, trial_id: int, attributes: Mapping[str, Any]) -> None:
        """Write some user attributes of a trial: all of them, or none."""
        with self.engine.begin() as connection:
            written = [
                connection.execute(
                    self._upsert, {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
                ).rowcount
                for key, value in attributes.items()
            ]
        if not all(written):
            super().set_trial_user_attr(trial_id, *next(iter(attributes.items())))  # says why not

    def copy_trials(self, study_id: int, trials: Sequence[FrozenTrial]) -> None:
        """Fill a study that has no trials yet, in the trials' order, as ``study.add_trials`` would."""
        with self.engine.begin() as connection:
            first = 1 + (connection.execute(sql.select(sql.func.max(TRIALS.trial_id))).scalar() or 0)
            numbered = list(enumerate(trials, start=first))
            for model, rows in (
                (TRIALS, _trial_rows(numbered, study_id, first)),
                (PARAMS, _param_rows(numbered)),
                (VALUES, _value_rows(numbered)),
                (USER_ATTRIBUTES, _attribute_rows(numbered, lambda trial: trial.user_attrs)),
                (SYSTEM_ATTRIBUTES, _attribute_rows(numbered, lambda trial: trial.system_attrs)),
            ):
                for some in _in_parts(rows):
                    connection.execute(sql.insert(model.__table__), some)

    def rewrite_trials(
        self, study_id: int, trials: Sequence[FrozenTrial], attributes: Mapping[str, Any]
    ) -> None:
        """Give a study's trials other parameters, states and system attributes: all of it, or nothing.

        Args:
            study_id: The study.
            trials: All its trials, as they are to be. Values, user attributes and starts stay.
            attributes: User attributes of the study to replace.
        """
        numbered = [(trial._trial_id, trial) for trial in trials]
        states = [
            {"id": trial_id, "state": trial.state, "datetime_complete": _utc(trial.datetime_complete)}
            for trial_id, trial in numbered
        ]
        with self.engine.begin() as connection:
            ours = sql.select(TRIALS.trial_id).where(TRIALS.study_id == study_id)
            for model, rows in (
                (PARAMS, _param_rows(numbered)),
                (SYSTEM_ATTRIBUTES, _attribute_rows(numbered, lambda trial: trial.system_attrs)),
            ):
                connection.execute(sql.delete(model.__table__).where(model.trial_id.in_(ours)))
                for some in _in_parts(rows):
                    connection.execute(sql.insert(model.__table__), some)
            if states:
                changed = sql.update(TRIALS.__table__).where(TRIALS.trial_id == sql.bindparam("id"))
                connection.execute(changed, states)
            for key, value in attributes.items():
                named = (STUDY_ATTRIBUTES.study_id == study_id, STUDY_ATTRIBUTES.key == key)
                replaced = sql.update(STUDY_ATTRIBUTES.__table__).where(*named)
                connection.execute(replaced.values(value_json=json.dumps(value)))


def storage_of(study: optuna.Study) -> BulkStorage:
    """Give the storage of a study, without the cache that Optuna puts before it."""
    cached: Any = study._storage
    storage: BulkStorage = cached._backend
    return storage


Numbered = Sequence[tuple[int, FrozenTrial]]
Rows = Iterator[dict[str, Any]]


def _trial_rows(trials: Numbered, study_id: int, first: int) -> Rows:
    for trial_id, trial in trials:
        yield {
            "trial_id": trial_id,
            "number": trial_id - first,
            "study_id": study_id,
            "state": trial.state,
            "datetime_start": _utc(trial.datetime_start),
            "datetime_complete": _utc(trial.datetime_complete),
        }


def _param_rows(trials: Numbered) -> Rows:
    texts: dict[BaseDistribution, str] = {}
    for trial_id, trial in trials:
        for name, value in trial.params.items():
            kind = trial.distributions[name]
            if kind not in texts:
                texts[kind] = distribution_to_json(kind)
            inner = kind.to_internal_repr(value)
            yield {
                "trial_id": trial_id,
                "param_name": name,
                "param_value": inner,
                "distribution_json": texts[kind],
            }


def _value_rows(trials: Numbered) -> Rows:
    for trial_id, trial in trials:
        for objective, value in enumerate(trial.values or ()):
            stored, kind = VALUES.value_to_stored_repr(value)
            yield {"trial_id": trial_id, "objective": objective, "value": stored, "value_type": kind}


def _attribute_rows(trials: Numbered, attributes: Callable[[FrozenTrial], dict[str, Any]]) -> Rows:
    for trial_id, trial in trials:
        for key, value in attributes(trial).items():
            yield {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}


def _in_parts(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(rows)
    while part := list(islice(iterator, 10_000)):
        yield part


def _without_images(attributes: dict[str, Any]) -> dict[str, Any]:
    for key, content in attributes.items():
        if key.startswith(EPOCH) and isinstance(content, dict):
            content.pop(RIGHT, None)
    return attributes


def parsed(text: str) -> Any:
    """Read JSON as ``json.loads`` does, in a quarter of its time, and with one object for each key that comes again."""
    try:
        return from_json(text, cache_strings="keys")
    except ValueError:
        return json.loads(text)  # which takes half of a surrogate pair, as in the name of a file


def _local(stored: datetime | None) -> datetime | None:
    # Optuna stores UTC and gives local times, both without saying so.
    return None if stored is None else stored.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)


def _utc(local: datetime | None) -> datetime | None:
    return None if local is None else local.astimezone(UTC).replace(tzinfo=None)
