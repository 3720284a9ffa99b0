"""Search a recorded table by MO-ASHA of Syne Tune; run by search.py, in an environment that has syne-tune.

Reads ``{"runs": [recipe][seed][epoch] -> [train seconds, error], "budget_seconds", "seeds"}`` from standard input.
Writes to standard output, for each seed, a list of ``[recipe, seed, epochs run]``, one for each trial in its order.

Source: Schmucker et al. 2021, "Multi-objective asynchronous successive halving", with the library's own defaults but
for ``max_t``, which is the number of epochs. One worker; recipes are drawn by the scheduler.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

import numpy as np
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice
from syne_tune.optimizer.scheduler import SchedulerDecision
from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA


def search(runs: list[list[list[list[float]]]], budget_seconds: float, seed: int) -> list[list[int]]:
    """Search once, until the budget is spent."""
    np.random.seed(seed)  # the library draws from the global source
    scheduler = MOASHA(
        config_space={"recipe": choice(list(range(len(runs))))},
        metrics=["train_seconds", "error"],
        time_attr="epoch",
        max_t=max(len(curve) for seeds in runs for curve in seeds),
        random_seed=seed,
    )
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(seeds)).tolist() for seeds in runs]
    trials: list[list[int]] = []
    clock = 0.0
    while clock < budget_seconds:
        config = scheduler.suggest().config
        recipe = config["recipe"]
        trial = Trial(trial_id=len(trials), config=config, creation_time=datetime.now())
        scheduler.on_trial_add(trial)
        orders[recipe].append(which := orders[recipe].pop(0))
        curve = runs[recipe][which]
        result: dict[str, Any] = {}
        for epoch, (seconds, error) in enumerate(curve, 1):
            result = {"epoch": epoch, "train_seconds": seconds, "error": error}
            if epoch == len(curve):
                scheduler.on_trial_complete(trial, result)
            elif scheduler.on_trial_result(trial, result) == SchedulerDecision.STOP:
                scheduler.on_trial_remove(trial)
                break
        trials.append([recipe, which, result["epoch"]])
        clock += result["train_seconds"]
    return trials


if __name__ == "__main__":
    task = json.load(sys.stdin)
    found = [search(task["runs"], task["budget_seconds"], seed) for seed in task["seeds"]]
    json.dump(found, sys.stdout)
