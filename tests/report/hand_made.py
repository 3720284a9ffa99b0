"""Studies for the report: recipes drawn by hand, curves by a formula, no training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dse.data.datasets import find_dataset
from dse.recipe.batch_size import AdaBatch, Constant, Stage, Stages
from dse.recipe.learning_rate import ExponentialDecay, Fixed, OneCycle, WarmRestarts
from dse.recipe.model import CapsNetModel
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.record.objectives import measure
from dse.record.run import EpochRow, Outcome, Run
from dse.record.tables import StudyTables, make_tables
from dse.record.trial import Trial, TrialState

TINY = CapsNetModel(preset="tiny")
BASELINE = Recipe(model=TINY, epochs=5)
DATA = {"name": "digits", "images": None, "validation_images": None, "test_images": None, "split_seed": 0}


def epoch_row(
    epoch: int, seconds: float, accuracy: float, *, batch_size: int = 128, validation: bool = True
) -> EpochRow:
    return EpochRow(
        epoch=epoch,
        batch_size=batch_size,
        steps=10,
        images_seen=1200 * epoch,
        first_rate=0.001,
        last_rate=0.001,
        train_seconds=seconds,
        eval_seconds=0.1 * epoch,
        loss=1.0,
        margin_loss=0.5,
        reconstruction_loss=20.0,
        validation_accuracy=accuracy if validation else None,
        test_accuracy=round(accuracy - 0.01, 4) if validation else accuracy,
    )


def make_trial(
    number: int,
    recipe: Recipe,
    epochs: Sequence[tuple[float, float]],
    *,
    seed: int = 0,
    state: TrialState = TrialState.COMPLETE,
    reason: str = "",
    validation: bool = True,
    target: float | None = None,
) -> Trial:
    """A trial with these (train seconds, accuracy) pairs as its curve."""
    curve = tuple(epoch_row(i + 1, *pair, validation=validation) for i, pair in enumerate(epochs))
    plan = compile_plan(recipe, find_dataset("digits").shape, 1200)
    return Trial(
        number=number,
        recipe=recipe,
        seed=seed,
        state=state,
        reason=reason,
        measures=measure(Run(curve, Outcome.COMPLETE, "", 1.0, "fast"), plan, target),
        curve=curve,
        setup_seconds=1.0,
        started="2026-01-02T03:04:05+00:00",
        device="a test",
    )


def make_study(trials: Sequence[Trial], **space: Any) -> StudyTables:
    content = {
        "objectives": ["train_seconds", "accuracy"],
        "protocol": "holdout",
        "target": None,
        "data": DATA,
        **space,
    }
    environment = {
        "dse": "0.1.0",
        "commit": "0123abc",
        "device": "a processor, 2 threads",
        "device_type": "cpu",
        "platform": "Linux",
        "python": "3.11",
        "versions": {"torch": "2.9", "optuna": "5.0"},
    }
    return make_tables("by-hand", trials, content, BASELINE.id, environment)


FASTER = Recipe(model=TINY, epochs=5, learning_rate=OneCycle())
SHARED = Recipe(model=TINY, epochs=5, weight_sharing=WeightSharing(class_capsules="per_type"))
SMALL_BATCH = Recipe(model=TINY, epochs=5, batch_size=Constant(size=16))


def small_study() -> StudyTables:
    """Baseline with two seeds, one better and faster, one slower and best, one dominated, two failures."""
    return make_study(
        [
            make_trial(0, BASELINE, [(10, 0.80), (20, 0.92), (30, 0.90)]),
            make_trial(1, BASELINE, [(11, 0.82), (22, 0.90), (34, 0.94)], seed=1),
            make_trial(2, FASTER, [(5, 0.70), (10, 0.90), (16, 0.97)]),
            make_trial(3, SMALL_BATCH, [(30, 0.95), (60, 0.985)]),
            make_trial(4, SHARED, [(20, 0.5), (40, 0.91)]),
            make_trial(5, SHARED, [(9, 0.1)], seed=1, state=TrialState.DIVERGED, reason="loss is nan"),
            make_trial(6, FASTER, [], seed=1, state=TrialState.FAILED, reason="<b>disk</b> & memory"),
        ]
    )


def realistic_study(count: int = 40, seed: int = 0, epochs: int = 5, **space: Any) -> StudyTables:
    """A study as ``dse explore`` leaves it, with curves that rise as real ones do."""
    random = np.random.default_rng(seed)
    policies = [
        Fixed(base_rate=0.001),
        Fixed(base_rate=0.003),
        ExponentialDecay(base_rate=0.003, decay_steps=10),
        OneCycle(),
        WarmRestarts(cycle_epochs="per_stage"),
    ]
    schedules = [
        Constant(size=32),
        Constant(size=128),
        Stages(stages=(Stage(epochs=1, size=8), Stage(epochs="rest", size=64))),
        AdaBatch(start=16, growth=2, period=max(2, epochs // 3)),
    ]
    sharings = [
        WeightSharing(class_capsules=c, decoder=d) for c in ("none", "per_type") for d in ("full", "reduced")
    ]
    protocol = space.get("protocol", "holdout")
    trials = []
    for number in range(count):
        p, s, w = (int(random.integers(len(x))) for x in (policies, schedules, sharings))
        recipe = Recipe(
            model=TINY,
            learning_rate=policies[p],
            batch_size=schedules[s],
            weight_sharing=sharings[w],
            epochs=epochs,
        )
        recipe = Recipe(model=TINY, epochs=epochs) if number == 0 else recipe
        p, s, w = (0, 1, 0) if number == 0 else (p, s, w)
        per_epoch = [1.1, 0.7, 1.5, 1.25][s] * [1, 0.95, 0.72, 0.66][w] * math.exp(random.normal(0, 0.04))
        top = (
            0.97
            + [0.0, 0.008, 0.006, 0.012, 0.015][p]
            + [0.004, -0.01, 0.006, 0.004][s]
            - [0, 0.001, 0.009, 0.01][w]
        )
        if number in (7, 21):
            top = 0.3
        speed = [1.4, 0.8, 2.2, 1.6][s]
        curve = [
            (
                per_epoch * (e + 1),
                round(
                    200 * min(1, max(0.08, top - 0.85 * math.exp(-speed * (e + 1)) + random.normal(0, 0.004)))
                )
                / 200,
            )
            for e in range(epochs)
        ]
        state, reason = TrialState.COMPLETE, ""
        if number in (5, 17):
            state, reason, curve = (
                TrialState.DIVERGED,
                "the loss became NaN in epoch 2, at step 38 (rate 0.01)",
                curve[:1],
            )
        if number == 23:
            state, curve = TrialState.FAILED, []
            reason = "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
        trials.append(
            make_trial(
                number,
                recipe,
                curve,
                seed=number,
                state=state,
                reason=reason,
                validation=protocol == "holdout",
            )
        )
    content = {
        "objectives": ["train_seconds", "accuracy", "parameters"],
        "protocol": "holdout",
        "target": None,
        "data": DATA,
        **space,
    }
    environment = {
        "dse": "0.1.0",
        "commit": "0123abc+",
        "device": "Intel Xeon, 2 threads",
        "device_type": "cpu",
        "platform": "Linux-6.1-x86_64",
        "cores": 2,
        "python": "3.11.2",
        "versions": {"torch": "2.9.1", "numpy": "2.3", "optuna": "5.0.0", "pandas": "3.1.0"},
    }
    baseline = Recipe(model=TINY, epochs=epochs)
    return make_tables("quickstart", trials, content, baseline.id, environment)
