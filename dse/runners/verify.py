"""Verifying: the claims of a study trained again on this machine, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable

from dse.errors import StudyError
from dse.evidence.verification import Check, Found, draw_claims, judge
from dse.recipe.kinds import reference_kind
from dse.recipe.plan import Plan
from dse.record.calibration import Calibration, lacking
from dse.record.epoch import EpochRow
from dse.record.tables import StudyTables
from dse.space.load import parse_space
from dse.training.machine import Machine
from dse.training.trainer import Trainer

OnCheck = Callable[[Check], None]


def verify(
    tables: StudyTables, machine: Machine, points: int, seeds: int, pick: int, on_check: OnCheck
) -> list[Check]:
    """Train random points of a study's front with seeds that the study has not used, and judge them.

    Args:
        tables: The study.
        machine: What trains.
        points: How many points; all of the front if it has no more.
        seeds: Fresh runs of each.
        pick: Seed of the choice.
        on_check: Called with each as it is judged.

    Raises:
        StudyError: The study has no point to verify, or no space that says what it trained on.
        InputError: Data or machine cannot be used.
    """
    claims = draw_claims(tables, points, pick)
    if "recipe" not in tables.space:
        raise StudyError(
            f"{tables.name}: has no space.yaml, which says what it was trained on. Publish it with the tables."
        )
    space = parse_space(tables.space, tables.name, recorded=True)
    trainer = Trainer(machine, space.data_choice)
    baseline = trainer.plan(space.baseline_recipe)
    trainer, _ = trainer.settled(baseline)
    plans = [trainer.plan(claim.recipe) for claim in claims]
    wanted = lacking([*plans, baseline], reference_kind(space.baseline_recipe, baseline.image), None)
    assert wanted is not None  # nothing is known yet
    calibration = trainer.calibrate(wanted).added_to(None)
    fresh = int(tables.trials["seed"].max()) + 1
    checks = []
    for claim, plan in zip(claims, plans, strict=True):

        def enough(row: EpochRow, epoch: int = claim.epoch) -> str | None:
            return "verified" if row.epoch >= epoch else None

        runs = [trainer.train(plan, fresh + i, enough) for i in range(seeds)]
        if any(len(run.curve) < claim.epoch for run in runs):
            reason = next(run.reason for run in runs if len(run.curve) < claim.epoch)
            raise StudyError(f"{tables.name}: trial {claim.trial} did not train here: {reason}")
        accuracies = tuple(run.best.accuracy for run in runs)
        found = Found(accuracies, *_time_ratio(calibration, plan, claim.epoch, baseline))
        checks.append(judge(claim, found, 2 * len(claims)))
        on_check(checks[-1])
    return checks


def _time_ratio(calibration: Calibration, plan: Plan, epoch: int, baseline: Plan) -> tuple[float, float]:
    """Give the seconds up to an epoch as a share of the baseline's whole run, and their relative standard error."""
    ours, theirs = calibration.seconds(plan), calibration.seconds(baseline)
    errors = calibration.error(plan), calibration.error(baseline)
    assert ours is not None and theirs is not None  # noqa: PT018 - all kinds were measured
    return float(ours[epoch - 1] / theirs[-1]), math.hypot(*(error or 0.0 for error in errors))
