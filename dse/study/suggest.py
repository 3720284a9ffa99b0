"""Optuna's samplers without a study on disk: points of a space for whoever has the runs already."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import optuna
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import TrialState as OptunaState

from dse.space.assignment import Assignment
from dse.space.search_space import SearchSpace
from dse.study.quiet import quiet_optuna
from dse.study.sampling import make_sampler

OPTUNA_SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: make_sampler("tpe", seed, 0),
    "nsga2": lambda seed: make_sampler("nsga2", seed, 0),
    "gp": lambda seed: make_sampler("gp", seed, 0),
    # Where a study of several objectives names no sampler, Optuna 5 takes this one.
    "optuna-default": lambda seed: TPESampler(seed=seed),
}


class Suggester:
    """An Optuna study in memory that suggests one point of a space after the other.

    Args:
        space: What is explored.
        name: ``tpe``, ``nsga2`` or ``gp`` as ``dse explore`` has them, the baseline first; or ``optuna-default``, what
            Optuna takes where no sampler is named, from its own first point on.
        seed: Seed of the sampler.
        maximise: For each value that will be told whether more is better.
    """

    def __init__(self, space: SearchSpace, name: str, seed: int, maximise: Sequence[bool]) -> None:
        self._space = space
        with quiet_optuna():
            self._study = optuna.create_study(
                sampler=OPTUNA_SAMPLERS[name](seed),
                directions=[
                    StudyDirection.MAXIMIZE if more else StudyDirection.MINIMIZE for more in maximise
                ],
            )
        if name != "optuna-default":
            self._study.enqueue_trial(space.baseline_assignment)
        self._asked: optuna.Trial | None = None

    def ask(self) -> Assignment:
        """Suggest a point."""
        with quiet_optuna():
            self._asked = self._study.ask()
            self._space.tree.draw(self._asked)
        return dict(self._asked.params)

    def tell(self, values: Sequence[float] | None) -> None:
        """Tell how the point that was suggested last turned out; None if its run was stopped early."""
        assert self._asked is not None
        if values is None:
            self._study.tell(self._asked, state=OptunaState.PRUNED)
        else:
            self._study.tell(self._asked, list(values))
