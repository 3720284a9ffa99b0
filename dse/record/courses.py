"""Courses: a recipe and those that begin it. They are the same training, and an epoch is judged by all its runs.

With a fixed learning rate a recipe of 5 epochs is the beginning of the one of 10, seed by seed; of which recipes that
is so ``dse.recipe.plan.begins`` says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence

from dse.errors import RecipeError
from dse.recipe.plan import begins
from dse.recipe.recipe import Recipe
from dse.record.counted import CUT_OFF, Counted
from dse.record.objectives import is_of_curves
from dse.record.replicates import Replicates
from dse.record.trial import EXPLORE, Trial

Runs = Mapping[str, Sequence[Trial]]
"""Trials with a curve, by the id of their recipe; all recipes differ in their epochs alone."""


class Courses:
    """The trials of a study as they come, each judged with those of the same training.

    Args:
        objectives: The study's. Where these are of whole runs, each recipe is judged by itself: a whole run of 5 epochs
            is another point than one of 10.
    """

    def __init__(self, objectives: Sequence[str]) -> None:
        self._of_curves = is_of_curves(objectives)
        self._runs: defaultdict[str, dict[str, list[Trial]]] = defaultdict(dict)
        self._places: dict[str, int] = {}
        self._found: dict[str, list[Replicates]] = {}
        self._begins: dict[Hashable, bool] = {}

    def add(self, trials: Iterable[Trial]) -> None:
        """Add trials; those without a curve judge nothing."""
        changed: dict[str, None] = {}
        for trial in trials:
            if trial.run.curve:
                recipe = trial.recipe
                alike = recipe.but_for_epochs if self._of_curves else recipe.id
                self._runs[alike].setdefault(recipe.id, []).append(trial)
                self._places.setdefault(recipe.id, len(self._places))
                changed[alike] = None
        for alike in changed:
            self._found[alike] = [_pooled(course) for course in self._parted(self._runs[alike])]

    @property
    def recipes(self) -> dict[str, Replicates]:
        """Each training's runs, by the id of the recipe that names it, in the order of the recipes' first trials."""
        found = (runs for each in self._found.values() for runs in each)
        placed = sorted((min(self._places[each] for each in runs.recipes), runs) for runs in found)
        return {runs.first.recipe.id: runs for _, runs in placed}

    def _parted(self, alike: Runs) -> list[Runs]:
        """Part recipes that differ in their epochs alone: each goes to the longest one that it begins."""
        if len(alike) == 1:
            return [alike]
        found: list[tuple[Recipe, dict[str, Sequence[Trial]]]] = []
        for runs in sorted(alike.values(), key=lambda runs: -runs[0].recipe.epochs):
            recipe, images = runs[0].recipe, runs[0].run.curve[0].images_seen
            courses = (course for longest, course in found if self._is_beginning(recipe, longest, images))
            course = next(courses, None)
            if course is None:
                found.append((recipe, course := {}))
            course[recipe.id] = runs
        return [course for _, course in found]

    def _is_beginning(self, recipe: Recipe, longest: Recipe, images: int) -> bool:
        """Tell whether a recipe begins a longer one; of all with the same steps it is found out once."""
        steps = recipe.model_dump_json(include={"learning_rate", "batch_size", "optimizer", "averaging"})
        asked = (steps, recipe.epochs, longest.epochs, images)
        if asked not in self._begins:
            try:
                self._begins[asked] = begins(recipe, longest, images)
            except RecipeError:  # made with a package that is not here: how it trains is not known
                self._begins[asked] = False
        return self._begins[asked]


def by_course(trials: Iterable[Trial], objectives: Sequence[str]) -> dict[str, Replicates]:
    """Put trials of the same training together; see ``Courses``."""
    courses = Courses(objectives)
    courses.add(trials)
    return courses.recipes


def _pooled(course: Runs) -> Replicates:
    """Have every epoch judged by all runs that pass through it, or by the best of them.

    A recipe's runs count as in ``Counted``, and only as far as all of them reached: what is known beyond is known of
    the luckier ones. Of those that reach an epoch the ones with the highest merit judge it.
    """
    if len(course) == 1:
        ((runs,),) = (course.values(),)
        return Replicates(Counted.of(runs).trials)
    parts = [Counted.of(runs, _chose(course, but=recipe_id)) for recipe_id, runs in course.items()]
    judging: dict[tuple[int, int], tuple[Trial, tuple[int, int]]] = {}
    # One seed has the same run in all of them: the recipe that comes furthest has the most of it.
    for part in sorted(parts, key=lambda part: part.epochs):
        start = max((each.epochs for each in parts if each.merit > part.merit), default=0)
        if start < part.epochs:
            judging |= {(part.merit, each.seed): (each, (start, part.epochs)) for each in part.trials}
    trials, spans = zip(*sorted(judging.values(), key=lambda each: each[0].number), strict=True)
    return Replicates(trials, spans, tuple(Replicates(Counted.of(runs).trials) for runs in course.values()))


def _chose(course: Runs, *, but: str) -> set[int]:
    """Give the seeds by which the other recipes of a course were chosen."""
    return {
        trial.seed
        for recipe_id, runs in course.items()
        for trial in runs
        if recipe_id != but and trial.purpose == EXPLORE and trial.state not in CUT_OFF
    }
