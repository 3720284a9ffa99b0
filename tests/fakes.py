"""Fakes that tests share: studies drawn by hand, a training that trains nothing, images out of a generator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import InMemoryStorage

from dse.data.datasets import find_dataset
from dse.recipe.batch_size import AdaBatch, Constant, Stage, Stages
from dse.recipe.learning_rate import ExponentialDecay, Fixed, OneCycle, WarmRestarts
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.plan import Plan, compile_plan
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.record.epoch import EpochRow
from dse.record.objectives import measure
from dse.record.run import Outcome, Run, Training
from dse.record.tables import StudyTables, make_tables
from dse.record.trial import Trial
from dse.runners.inline import Inline
from dse.search.progress import PlanSummary, Progress
from dse.space.load import parse_space
from dse.space.search_space import SearchSpace
from dse.study.explore import explore
from dse.study.quiet import quiet_optuna
from dse.study.storage import opened
from dse.study.studies import new_study
from dse.study.trainer import Trainer
from dse.study.watcher import Standing, Watcher

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
    state: Outcome = Outcome.COMPLETE,
    reason: str = "",
    validation: bool = True,
    target: float | None = None,
) -> Trial:
    """A trial with these (train seconds, accuracy) pairs as its curve."""
    curve = tuple(epoch_row(i + 1, *pair, validation=validation) for i, pair in enumerate(epochs))
    plan = compile_plan(recipe, find_dataset("digits").shape, 1200)
    run = Run(curve, state, reason, 1.0)
    return Trial(
        number=number,
        recipe=recipe,
        seed=seed,
        run=run,
        measures=measure(run, plan, target),
        started="2026-01-02T03:04:05+00:00",
        device="a test",
    )


def make_study(
    trials: Sequence[Trial], name: str = "by-hand", baseline: Recipe = BASELINE, **space: Any
) -> StudyTables:
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
        "cores": 2,
        "python": "3.11",
        "versions": {"torch": "2.9", "optuna": "5.0"},
    }
    return make_tables(name, trials, content, baseline.id, environment)


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
            make_trial(5, SHARED, [(9, 0.1)], seed=1, state=Outcome.DIVERGED, reason="loss is nan"),
            make_trial(6, FASTER, [], seed=1, state=Outcome.FAILED, reason="<b>disk</b> & memory"),
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
        state, reason = Outcome.COMPLETE, ""
        if number in (5, 17):
            state, reason, curve = Outcome.DIVERGED, "the loss became NaN in epoch 2, at step 38", curve[:1]
        if number == 23:
            state, curve = Outcome.FAILED, []
            reason = "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
        how = {"seed": number, "state": state, "reason": reason, "validation": protocol == "holdout"}
        trials.append(make_trial(number, recipe, curve, **how))
    space = {"objectives": ["train_seconds", "accuracy", "parameters"], **space}
    return make_study(trials, "quickstart", Recipe(model=TINY, epochs=epochs), **space)


ENVIRONMENT = {"device": "NVIDIA H100", "device_type": "cpu", "threads": 2, "data_fingerprint": "abc"}


# A search space of 36 recipes of 4 epochs, for the studies that train nothing.
SPACE = {
    "name": "fake",
    "data": {"name": "digits"},
    "objectives": ["train_seconds", "accuracy", "parameters"],
    "recipe": {
        "model": {"name": "capsnet", "preset": "tiny", "routing_iterations": 3},
        "learning_rate": [
            {"policy": "fixed", "base_rate": {"choices": [0.001, 0.003]}},
            {"policy": "one_cycle", "base_rate": 0.001},
        ],
        "batch_size": [
            {"schedule": "constant", "size": {"choices": [32, 128]}},
            {"schedule": "adabatch", "start": 16, "period": 2},
        ],
        "weight_sharing": {
            "class_capsules": {"choices": ["none", "per_type"]},
            "decoder": {"choices": ["full", "reduced"]},
        },
        "epochs": 4,
    },
    "baseline": {
        "learning_rate": {"policy": "fixed", "base_rate": 0.001},
        "batch_size": {"schedule": "constant", "size": 128},
        "weight_sharing": {"class_capsules": "none", "decoder": "full"},
    },
}


def make_space(**changes: object) -> SearchSpace:
    return parse_space(SPACE | changes, "test")


class FakeTrainer(Trainer):
    """Trains nothing: seconds and accuracy follow from the plan, and some recipes misbehave."""

    title = "a test"

    def __init__(self) -> None:
        self.trained: list[tuple[str, int]] = []
        self.interrupt_at: int | None = None

    def epochs(self, plan: Plan, seed: int) -> Training:
        self.trained.append((plan.recipe.id, seed))
        sharing = plan.recipe.weight_sharing
        diverges = sharing.decoder == "reduced" and plan.recipe.learning_rate.base_rate == 0.003
        rows = []
        for epoch in plan.epochs[:1] if diverges else plan.epochs:
            seconds = epoch.epoch * (1 + 10 / epoch.batch_size)
            accuracy = 0.8 + 0.02 * epoch.epoch + 0.1 / (5 + epoch.batch_size) + seed * 1e-3
            row = epoch_row(epoch.epoch, seconds, accuracy, batch_size=epoch.batch_size)
            rows.append(row)
            enough = yield row
            if enough is not None:
                return Run(tuple(rows), Outcome.STOPPED, enough, 0.1, "fake")
            if self.interrupt_at == len(self.trained) and epoch.epoch == 2:
                raise KeyboardInterrupt
        if diverges:
            return Run(tuple(rows), Outcome.DIVERGED, "the loss of epoch 2 is nan", 0.1, "fake")
        if sharing.class_capsules == "per_type" and plan.recipe.learning_rate.policy == "one_cycle":
            raise RuntimeError("out of memory")
        return Run(tuple(rows), Outcome.COMPLETE, "", 0.1, "fake")


class Quiet(Watcher):
    """Keeps what it was called with after each trial and at the end."""

    def __init__(self) -> None:
        self.standings: list[Standing] = []
        self.ending = ""

    def trial_ended(self, trial: Trial, trials: list[Trial], standing: Standing) -> None:
        self.standings.append(standing)

    def study_ended(self, reason: str) -> None:
        self.ending = reason


def run_study(
    folder: Path,
    space: SearchSpace,
    trainer=None,
    *,
    name="s",
    environment=ENVIRONMENT,
    widen=False,
    any_device=False,
    storage=None,
    **how,
) -> list[Trial]:
    """Explore a space into a folder, for what is kept on disk."""
    with opened(
        folder, name, space, environment, widen=widen, any_device=any_device, storage=storage
    ) as study:
        return run_in(study, space, trainer, **how)


def study_in_memory(space: SearchSpace) -> optuna.Study:
    """A study as one on disk, a tenth of its time a trial."""
    with quiet_optuna():
        return new_study(InMemoryStorage(), "s", space, ENVIRONMENT)


def run_in_memory(space: SearchSpace, trainer=None, **how) -> list[Trial]:
    """Explore a space, for what is searched and recorded."""
    return run_in(study_in_memory(space), space, trainer, **how)


def run_in(
    study: optuna.Study,
    space: SearchSpace,
    trainer=None,
    *,
    trials=12,
    sampler=None,
    watcher=None,
    **start,
) -> list[Trial]:
    chosen = space.model_copy(update={"trials": trials, "sampler": sampler or space.sampler})
    with quiet_optuna():
        return explore(study, chosen, Inline(trainer or FakeTrainer()), watcher or Quiet(), **start)


def tables_of(trials: Sequence[Trial], space: SearchSpace) -> StudyTables:
    return make_tables("s", trials, space.dump(), space.baseline_recipe.id, ENVIRONMENT)


EVEN = (0.2, 0.4, 0.6, 0.8, 1.0)


def make_progress(
    accuracies: tuple[float, ...],
    epoch_seconds: float = 1.0,
    parameters: int = 0,
    rate_shares: tuple[float, ...] = EVEN,
    batch_sizes: tuple[int, ...] = (32,) * 5,
) -> Progress:
    seconds = tuple(epoch_seconds * (i + 1) for i in range(len(accuracies)))
    summary = PlanSummary(batch_sizes, rate_shares, total_steps=50, mean_rate=0.001, parameters=parameters)
    return Progress(summary, seconds, accuracies)


# A search space whose trials take a second, for the tests that really train.
SMALL_SPACE = {
    "name": "mini",
    "data": {"name": "digits", "images": 60, "validation_images": 40, "test_images": 40},
    "objectives": ["train_seconds", "accuracy"],
    "recipe": {
        "model": {"name": "capsnet", "preset": "tiny", "routing_iterations": {"choices": [1, 2]}},
        "learning_rate": [
            {"policy": "fixed", "base_rate": 0.001},
            {"policy": "one_cycle", "base_rate": 0.001},
        ],
        "batch_size": {"schedule": "constant", "size": {"choices": [20, 60]}},
        "epochs": 2,
    },
    "baseline": {
        "model": {"routing_iterations": 1},
        "learning_rate": {"policy": "fixed", "base_rate": 0.001},
        "batch_size": {"size": 60},
    },
    "trials": 3,
    "timing": "measured",  # to calibrate takes longer than all of its trials
}
