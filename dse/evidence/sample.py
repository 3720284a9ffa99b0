"""A study's recipes as curves, with all that their uncertainty is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dse.evidence.crossing import judge_share
from dse.evidence.curve import Curve
from dse.evidence.draws import Noise
from dse.evidence.front import Limits, may_matter
from dse.record.answer import Answer
from dse.record.evidence import ShareInterval
from dse.record.noise import standard_error
from dse.record.objectives import is_of_curves
from dse.record.replicates import Replicates
from dse.record.right import ReadRight

# Recipes whose images are read at a time: those of all would take gigabytes.
RECIPES_AT_A_TIME = 100


@dataclass(frozen=True)
class Studied:
    """What is judged of a study.

    Attributes:
        recipes: Every recipe's runs, by its id; at least one.
        baseline: The complete runs of the baseline.
        answer: What they say.
        objectives: What the study trades.
        images: How many images choose, if known.
        right: Reads which images were right.
        calibrated: Whether seconds are those of a calibrated clock.
    """

    recipes: Mapping[str, Replicates]
    baseline: Replicates | None
    answer: Answer
    objectives: tuple[str, ...]
    images: int | None
    right: ReadRight
    calibrated: bool

    @property
    def usual_margin(self) -> float:
        """One standard error of the baseline's accuracy or, without a baseline, of the best one; 0 if unknown."""
        if self.images is None:
            return 0.0
        reached = self.answer.baseline
        best = max(float(runs.accuracies[-1]) for runs in self.recipes.values())
        return standard_error(best if reached is None else reached.accuracy, self.images)


@dataclass(frozen=True)
class Sample:
    """A study's recipes as curves, those that matter with their images.

    Attributes:
        ids: Of the recipes, in their places.
        curves: Of the recipes.
        baseline: The baseline up to the epoch that is to be matched; None where there is no answer.
        fastest: Place of the answer's recipe; None where there is none.
        noise: How uncertain they are.
        images: How many images choose, if known.
    """

    ids: tuple[str, ...]
    curves: tuple[Curve, ...]
    baseline: Curve | None
    fastest: int | None
    noise: Noise
    images: int | None

    @classmethod
    def of(cls, studied: Studied) -> Sample:
        """Lay a study out, and read the images of what matters to front and answer."""
        weighed = "parameters" in studied.objectives
        ids = tuple(studied.recipes)
        curves = [Curve.of(runs, studied.images, weighed=weighed) for runs in studied.recipes.values()]
        named, reference = studied.answer.fastest, studied.answer.baseline
        matter: set[int] = set()
        if is_of_curves(studied.objectives):
            matter |= set(may_matter(curves, Noise.fitted(curves)).tolist())
        fastest = None if named is None else ids.index(named.recipe_id)
        if fastest is not None:
            matter.add(fastest)
        wanted = {r: (curves[r], studied.recipes[ids[r]]) for r in sorted(matter)}
        if reference is not None and studied.baseline is not None and fastest is not None:
            curve = Curve.of(studied.baseline, studied.images)
            wanted[-1] = (curve.at(np.flatnonzero(curve.epoch_P <= reference.epoch)), studied.baseline)
        found = _with_images(wanted, studied.right)
        baseline = found.pop(-1, None)
        for r, curve in found.items():
            curves[r] = curve
        noise = Noise.fitted(curves, _stated_errors(studied))
        return cls(ids, tuple(curves), baseline, fastest, noise, studied.images)

    def share(self, limits: Limits) -> ShareInterval | None:
        """Judge the answer; None where there is none."""
        if self.fastest is None or self.baseline is None:
            return None
        return judge_share(self.curves[self.fastest], self.baseline, self.noise, limits, self.fastest)

    @property
    def without_seeds(self) -> Sample:
        """As if there were no end of seeds: what is left is what images and the clock make."""
        return dataclasses.replace(self, noise=dataclasses.replace(self.noise, seeds=None))


def _with_images(wanted: Mapping[int, tuple[Curve, Replicates]], read: ReadRight) -> dict[int, Curve]:
    """Add the images to curves, some at a time."""
    rng, found, places = np.random.default_rng(0), {}, list(wanted)
    for start in range(0, len(places), RECIPES_AT_A_TIME):
        part = places[start : start + RECIPES_AT_A_TIME]
        right = read(sorted({trial.number for r in part for trial in wanted[r][1].trials}))
        for r in part:
            curve, runs = wanted[r]
            found[r] = curve.on_images(runs, right, rng)
    return found


def _stated_errors(studied: Studied) -> dict[int, float]:
    """Give what a calibrated clock says of its own exactness, by place of the recipe: runs agree, whatever it errs."""
    if not studied.calibrated:
        return {}
    errors = [[trial.calibration_error for trial in runs.trials] for runs in studied.recipes.values()]
    return {r: max(known) for r, each in enumerate(errors) if (known := [e for e in each if e is not None])}
