"""What picks recipes and what ends runs, by name. How they do it is written in dse.search and dse.study."""

from __future__ import annotations

SAMPLERS: dict[str, str] = {
    "auto": "`expected_gain` where it can judge the space; else `grid` if `trials` covers a finite space, else `tpe`",
    "expected_gain": "every recipe with each of `seeds` seeds, next the one that is expected to add most to the front "
    "for each second, see below; finite spaces of at most 2,000 recipes",
    "tpe": "Optuna's tree-structured Parzen estimator, over all parameters jointly (Optuna's own default for several "
    "objectives treats them one by one)",
    "nsga2": "Optuna's NSGA-II, an evolutionary search",
    "gp": "Optuna's Gaussian process",
    "random": "recipes at random",
    "grid": "every recipe with each of `seeds` seeds, in a shuffled order",
}

# Names of version 0.1, still read.
RENAMED_SAMPLERS = {"promising": "expected_gain"}

STOPPINGS: dict[str, str] = {
    "none": "every run trains all its epochs",
    "dominated": "a run ends when no continuation of it can add to the front, see below",
}
