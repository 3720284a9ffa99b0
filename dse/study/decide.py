"""What a study confirms next: the rule of ``dse.evidence.confirm``, by what is recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import optuna

from dse.evidence.confirm import Aim, next_run
from dse.evidence.sample import Studied
from dse.record.answer import complete_runs, find_answer
from dse.record.clock import clock_of
from dse.record.courses import by_course
from dse.record.noise import choosing_images
from dse.record.right import ReadRight, Right, RightImages
from dse.record.timing import Timing
from dse.record.trial import CONFIRM, Trial
from dse.space.search_space import SearchSpace
from dse.study.confirm import Decide, Decision
from dse.study.kept import confirmable
from dse.study.right import kept_right
from dse.study.shared import open_study, where_kept
from dse.study.trials import read_trials


def by_evidence(study: optuna.Study, space: SearchSpace, where: object, aim: Aim) -> Decide:
    """Make the rule that settles a study's answer and front.

    Args:
        study: The study.
        space: What it explores.
        where: It is kept, for the errors' texts.
        aim: What is to be settled.
    """
    baseline_id = space.baseline_recipe.id
    read = _remembered(kept_right(study, where))
    images = choosing_images(space.dump(), space.protocol)
    calibrated = clock_of(study.user_attrs["environment"]) is Timing.CALIBRATED

    def decide(ended: Sequence[Trial], at_work: Sequence[Trial]) -> Decision:
        recipes, baseline = by_course(ended, space.objectives), complete_runs(ended, baseline_id)
        answer = find_answer(recipes, baseline, images=images, protocol=space.protocol)
        known = Studied(recipes, baseline, answer, tuple(space.objectives), images, read, calibrated)
        fresh = Counter(trial.recipe.id for trial in (*ended, *at_work) if trial.purpose == CONFIRM)
        found = next_run(known, fresh, aim)
        if found.recipe_id is None:
            return Decision(None, found.open)
        # The baseline is compared by its own whole runs, whatever else passes through its epochs.
        is_baseline = found.recipe_id == baseline_id
        recipe = space.baseline_recipe if is_baseline else recipes[found.recipe_id].first.recipe
        return Decision(recipe, found.open)

    return decide


def still_open(folder: Path, aim: Aim) -> Decision:
    """Say what is still to be decided of a study as it stands.

    Args:
        folder: The study's folder.
        aim: What is to be settled.

    Raises:
        InputError: There is no study that can be written to.
    """
    study = open_study(folder)
    return by_evidence(study, confirmable(folder), where_kept(folder), aim)(read_trials(study), [])


def _remembered(read: ReadRight) -> ReadRight:
    """Read each trial once: decisions ask for the same ones again and again."""
    known: dict[tuple[int, int], Right] = {}
    asked: set[int] = set()

    def read_new(numbers: Collection[int]) -> RightImages:
        known.update(read(sorted(set(numbers) - asked)))
        asked.update(numbers)
        return known

    return read_new
