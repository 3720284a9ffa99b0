"""Optuna's samplers without a study on disk: orders for whoever has the runs already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import optuna
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import TrialState as OptunaState

from dse.record.objectives import directions
from dse.search.progress import Progress
from dse.search.surrogate import Candidate
from dse.space.assignment import Scalar
from dse.space.search_space import SearchSpace
from dse.study.quiet import quiet_optuna
from dse.study.sampling import OPTUNA_SAMPLERS, make_sampler

# Where a study of several objectives names no sampler, Optuna 5 takes this one.
OPTUNA_DEFAULT = "optuna-default"


def _default(seed: int) -> BaseSampler:
    return TPESampler(seed=seed)


def _of_a_study(name: str) -> Callable[[int], BaseSampler]:
    return lambda seed: make_sampler(name, seed, 0)


# A random order is one of a replay's own.
SUGGESTING: dict[str, Callable[[int], BaseSampler]] = {
    **{name: _of_a_study(name) for name in OPTUNA_SAMPLERS if name != "random"},
    OPTUNA_DEFAULT: _default,
}


class Suggested:
    """The order in which one of Optuna's samplers suggests the points of a space; one may come again.

    The sampler sees train seconds and best accuracy, and parameters where they are weighed.

    Args:
        space: What is explored.
        candidates: Every point of it.
        name: A sampler as ``dse explore`` has it, the baseline first; or ``optuna-default``, what Optuna takes where
            no sampler is named, from its own first point on.
        seed: Seed of the sampler.
    """

    def __init__(self, space: SearchSpace, candidates: Sequence[Candidate], name: str, seed: int) -> None:
        self._space = space
        self._names = ("train_seconds", "accuracy", *(["parameters"] if space.weighs_parameters else []))
        self._rows = {_key(candidate.choices): row for row, candidate in enumerate(candidates)}
        with quiet_optuna():
            self._study = optuna.create_study(
                sampler=SUGGESTING[name](seed),
                directions=[
                    StudyDirection.MAXIMIZE if more else StudyDirection.MINIMIZE
                    for more in directions(self._names)
                ],
            )
        if name != OPTUNA_DEFAULT:
            self._study.enqueue_trial(space.baseline_assignment)
        self._asked: optuna.Trial | None = None

    def next(self) -> int | None:
        """Give the row that is suggested."""
        with quiet_optuna():
            self._asked = self._study.ask()
            self._space.tree.draw(self._asked)
        return self._rows[_key(self._asked.params)]

    def ended(self, row: int, run: Progress) -> None:
        """Report to the sampler how the point that it suggested last turned out."""
        assert self._asked is not None
        if run.complete:
            values = (run.seconds[-1], max(run.accuracies), float(run.summary.parameters))
            self._study.tell(self._asked, list(values[: len(self._names)]))
        else:
            self._study.tell(self._asked, state=OptunaState.PRUNED)


def _key(choices: Mapping[str, Scalar]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(value)) for name, value in choices.items()))
