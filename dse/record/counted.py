"""Which runs of a recipe count: one a seed, and of those the ones that say most."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from dse.record.replicates import Replicates
from dse.record.run import Outcome
from dse.record.trial import CONFIRM, Trial

# Not ended by themselves: what a run of this recipe gives is not known from them.
CUT_OFF = frozenset({Outcome.RUNNING, Outcome.INTERRUPTED, Outcome.FAILED})


class Merit(IntEnum):
    """What runs are worth beside others of the same training: only those with the highest count."""

    CUT_OFF = 0
    ENDED = 1
    FRESH = 2


@dataclass(frozen=True)
class Counted:
    """The runs of a recipe that count.

    A run that was cut off (running, interrupted, failed) counts only where its recipe has no other, and of several
    runs with one seed the longest does. Where runs confirm a recipe, they alone count: those that chose it are too
    good by what made them be chosen.

    Attributes:
        merit: What they are worth.
        trials: One a seed, in the order of their numbers.
    """

    merit: Merit
    trials: tuple[Trial, ...]

    @classmethod
    def of(cls, runs: Sequence[Trial], chose: Collection[int] = ()) -> Counted:
        """Choose the runs that count.

        Args:
            runs: Of one recipe, each with a curve.
            chose: Seeds that confirm nothing, since another recipe's runs chose by the same training with them.
        """
        ended = [trial for trial in runs if trial.state not in CUT_OFF]
        fresh = [trial for trial in ended if trial.purpose == CONFIRM and trial.seed not in chose]
        merit = Merit.FRESH if fresh else Merit.ENDED if ended else Merit.CUT_OFF
        by_seed: dict[int, Trial] = {}
        for trial in fresh or ended or runs:
            held = by_seed.get(trial.seed)
            if held is None or len(trial.run.curve) > len(held.run.curve):
                by_seed[trial.seed] = trial
        return cls(merit, tuple(sorted(by_seed.values(), key=lambda trial: trial.number)))

    @cached_property
    def epochs(self) -> int:
        """Epochs that all of them reached."""
        return min(len(trial.run.curve) for trial in self.trials)


def by_recipe(trials: Iterable[Trial]) -> dict[str, Replicates]:
    """Put trials with a curve together by their recipe's id, in the order of the recipes' first trials.

    Which of them count ``Counted`` says.
    """
    grouped: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.run.curve:
            grouped.setdefault(trial.recipe.id, []).append(trial)
    return {recipe_id: Replicates(Counted.of(runs).trials) for recipe_id, runs in grouped.items()}
