"""What every policy and every batch schedule keeps to, as checks that a package's own tests can call."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence

import numpy as np

from dse.errors import RecipeError
from dse.recipe.batch_size import Schedule
from dse.recipe.learning_rate import Policy, Timeline
from dse.recipe.recipe import Recipe
from dse.section import Section

TIMELINES = (
    Timeline((1,), (1,)),
    Timeline((7, 7, 7), (21,)),
    # Batches that grow, and a last stage that reaches past the end of the run.
    Timeline((40, 40, 10, 10, 3), (80, 20, 30)),
)
EPOCHS = (1, 2, 3, 10, 30)
ROUNDING = 1e-12


def check_policy(policy: Policy, timelines: Iterable[Timeline] = TIMELINES) -> None:
    """Check a policy: one finite rate a step within its bounds, always the same; the same when it is written and read.

    >>> import dse
    >>> check_policy(dse.OneCycle(peak_ratio=5))

    Raises:
        AssertionError: It does not keep to one of these; the text says to which.
    """
    low, high = policy.bounds
    _expect(0 <= low <= high <= math.inf, f"bounds={low, high}: the lower one comes first, from 0 on")
    for timeline in timelines:
        rates = policy.rates(timeline)
        what = f"rates({timeline})"
        _expect(rates.shape == (timeline.total_steps,), f"{what} has the shape {rates.shape}, not one a step")
        _expect(bool(np.isfinite(rates).all()), f"{what} holds what is no finite number")
        within = (rates >= low * (1 - ROUNDING)) & (rates <= high * (1 + ROUNDING))
        _expect(bool(within.all()), f"{what} gives {rates[~within][:1]}, out of bounds={low, high}")
        _expect(np.array_equal(rates, policy.rates(timeline)), f"{what} gives others when called again")
    _check_section(policy, "learning_rate")


def check_schedule(schedule: Schedule, epochs: Sequence[int] = EPOCHS) -> None:
    """Check a batch schedule: stages that cover the run, or a ValueError; the same written and read.

    >>> import dse
    >>> check_schedule(dse.AdaBatch(start=16, period=10))

    Raises:
        AssertionError: It does not keep to one of these; the text says to which.
    """
    covered = []
    for count in epochs:
        try:
            schedule.check(count)
        except ValueError:
            continue  # it says that it does not suit the run
        stages = schedule.stages_over(count)
        covered.append(count)
        what = f"stages_over({count})={stages}"
        _expect(bool(stages), f"{what} is empty")
        whole = all(type(size) is int and size >= 1 for _, size in stages)
        _expect(whole, f"{what}: batch sizes are whole numbers from 1 on")
        lasting = all(0 < length < math.inf for length, _ in stages)
        _expect(lasting, f"{what}: a stage lasts a number of epochs, or a part of one, above 0")
        before_last = sum(length for length, _ in stages[:-1])
        _expect(before_last < count, f"{what}: the last stage begins after the end of the run")
        _expect(before_last + stages[-1][0] >= count - ROUNDING * count, f"{what} does not cover the run")
        _expect(stages == schedule.stages_over(count), f"{what} gives others when called again")
        multiples = schedule.rate_multiples(len(stages))
        sound = len(multiples) == len(stages) and all(0 < each < math.inf for each in multiples)
        _expect(sound, f"rate_multiples({len(stages)})={multiples}: one finite number above 0 for each stage")
        _expect(
            schedule.cuts_rate or set(multiples) <= {1.0},
            f"rate_multiples({len(stages)})={multiples}, but cuts_rate is false",
        )
    for count in covered[:1]:
        _check_section(schedule, "batch_size", epochs=count)


def _check_section(section: Section, block: str, **others: object) -> None:
    kind = type(section)
    label = getattr(section, "label", "")
    _expect(bool(label) and "\n" not in label, f"label={label!r}: a few words on one line")
    _expect(bool(kind.__doc__), f"{kind.__name__} has no docstring")
    content = json.loads(section.model_dump_json())
    _expect(kind.parse(content, block) == section, f"{content} reads as another {kind.__name__}")
    try:
        read = getattr(Recipe.parse({block: content, **others}, "recipe"), block)
    except RecipeError as error:
        raise AssertionError(f"no recipe can name it: {error}") from None
    _expect(read == section, f"{content} reads as another {block} of a recipe")


def _expect(holds: bool, text: str) -> None:
    if not holds:
        raise AssertionError(text)
