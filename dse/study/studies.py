"""A study of dse in a storage of Optuna's, new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from dse.record.objectives import directions
from dse.space.search_space import SearchSpace
from dse.study.database import FORMAT


def new_study(
    storage: BaseStorage, name: str, space: SearchSpace, environment: Mapping[str, Any]
) -> optuna.Study:
    """Create a study without trials in a storage of Optuna's: on disk, or in memory."""
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        directions=[
            StudyDirection.MAXIMIZE if maximise else StudyDirection.MINIMIZE
            for maximise in directions(space.objectives)
        ],
    )
    # Names for optuna-dashboard; Optuna still calls the method experimental.
    study.set_metric_names(list(space.objectives))
    study.set_user_attr("format", FORMAT)
    study.set_user_attr("space", space.dump())
    study.set_user_attr("environment", dict(environment))
    return study
