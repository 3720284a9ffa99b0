"""Calibration: how long each kind of step takes on a machine, measured apart from the runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dse.recipe.kinds import KindSteps, StepKind, kind_steps
from dse.recipe.plan import Plan

Floats = NDArray[np.float64]

# What disturbs a block only ever makes it longer; the very shortest one is luck of its own.
QUANTILE = 0.1
# Of normal noise: standard deviation over median absolute deviation, and standard error of a median over a mean's.
MAD_TO_DEVIATION = 1.4826
MEDIAN_TO_MEAN = math.sqrt(math.pi / 2)
# Two equal values lie within so many standard errors of each other, 95 times of 100.
WITHIN = 1.96
# No clock is better than that, whatever equal repeats say.
LEAST_ERROR = 1e-4


@dataclass(frozen=True, slots=True)
class Reference:
    """The step that others are compared with.

    Attributes:
        id: Of its kind.
        label: Its kind in a few words.
        seconds: Of one step, see ``step_seconds``.
        spread: Relative deviation of one block from another, robust.
        blocks: How many were timed.
        share: Share of the processor that it had meanwhile: 1 where nothing else ran.
    """

    id: str
    label: str
    seconds: float
    spread: float
    blocks: int
    share: float = 1.0

    @classmethod
    def of(cls, kind: StepKind, seconds: Sequence[float], share: float = 1.0) -> Reference:
        """Summarise blocks of steps of this kind; seconds are those of one step."""
        return cls(kind.id, kind.label, step_seconds(seconds), relative_spread(seconds), len(seconds), share)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A duet: how long a step of a kind takes, as a multiple of the reference's.

    Attributes:
        label: The kind in a few words.
        value: Median over the pairs.
        error: Its standard error as a share of it, robust.
        pairs: How many pairs of blocks were timed.
        lasts: Whether it may be kept for other studies.
        share: As of the reference.
    """

    label: str
    value: float
    error: float
    pairs: int
    lasts: bool = True
    share: float = 1.0

    @classmethod
    def of(cls, kind: StepKind, pairs: Sequence[tuple[float, float]], share: float = 1.0) -> Ratio:
        """Summarise pairs of seconds a step: of the kind, and of the reference beside it."""
        value, error = median_ratio(pairs)
        return cls(kind.label, value, error, len(pairs), kind.lasts, share)


def step_seconds(blocks: Sequence[float]) -> float:
    """Give what a step takes where nothing disturbs it: the lower tenth of its blocks.

    Not their median: beside another program that is as much that program's. Not their minimum: the more blocks, the
    lower it falls.

    >>> step_seconds([1.0, 1.02, 1.04, 1.5, 3.0])
    1.008
    """
    return float(np.quantile(blocks, QUANTILE))


def relative_spread(values: Sequence[float]) -> float:
    """Give how far values lie from their median, as a share of it: the standard deviation, if they were normal.

    Of few values the median deviation is too small by about 0.8 / n (Croux & Rousseeuw 1992).

    >>> round(relative_spread([1.0, 1.01, 0.99, 1.02, 7.0]), 4)
    0.0175
    """
    middle, n = statistics.median(values), len(values)
    deviation = statistics.median(abs(value - middle) for value in values)
    return MAD_TO_DEVIATION * n / (n - 0.8) * deviation / middle


def median_ratio(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Divide pair by pair: what disturbs the machine disturbs both (Bulej et al. 2020, duet benchmarking).

    Returns:
        The median, and its standard error as a share of it.

    >>> median_ratio([(2.0, 1.0), (4.0, 2.0), (9.0, 3.0)])[0]
    2.0
    """
    ratios = [a / b for a, b in pairs]
    error = MEDIAN_TO_MEAN * relative_spread(ratios) / math.sqrt(len(ratios))
    return statistics.median(ratios), max(error, LEAST_ERROR)


@dataclass(frozen=True)
class Calibration:
    """What the steps of a study take on its machine.

    Attributes:
        reference: The baseline's step, with its seconds.
        ratios: Of every other kind, by its id.
    """

    reference: Reference
    ratios: Mapping[str, Ratio] = field(default_factory=dict)

    def knows(self, kind: StepKind) -> bool:
        """Whether a kind was measured."""
        return kind.id == self.reference.id or kind.id in self.ratios

    def seconds(self, plan: Plan) -> Floats | None:
        """Give the seconds in the training loop up to the end of each epoch; None if a kind was not measured."""
        counts = kind_steps(plan)
        if not all(self.knows(each.kind) for each in counts):
            return None
        multiples = sum((self._value(each) * each.steps for each in counts), np.zeros(len(plan.segments)))
        seconds: Floats = self.reference.seconds * np.cumsum(multiples)
        return seconds

    def error(self, plan: Plan) -> float | None:
        """Give the relative standard error of a whole run's seconds beside another's; None if a kind was not measured.

        The reference's seconds are a factor of all runs, so what is uncertain of them is left out.
        """
        counts = kind_steps(plan)
        if not all(self.knows(each.kind) for each in counts):
            return None
        parts = [(self._value(each) * int(each.steps.sum()), self._error(each)) for each in counts]
        return math.hypot(*(part * error for part, error in parts)) / sum(part for part, _ in parts)

    @property
    def noise_floor(self) -> float:
        """The share by which one run's calibrated seconds must differ from another's to mean anything.

        That of two kinds of which each is as uncertain as the median one. Of kinds that share their steps it is less.
        """
        errors = [ratio.error for ratio in self.ratios.values()]
        return WITHIN * math.sqrt(2) * (statistics.median(errors) if errors else self._own_error)

    @property
    def share(self) -> float:
        """The share of the processor that the median kind's steps had while they were timed."""
        return statistics.median([self.reference.share, *(ratio.share for ratio in self.ratios.values())])

    def _value(self, each: KindSteps) -> float:
        return 1.0 if each.kind.id == self.reference.id else self.ratios[each.kind.id].value

    def _error(self, each: KindSteps) -> float:
        return 0.0 if each.kind.id == self.reference.id else self.ratios[each.kind.id].error

    @property
    def _own_error(self) -> float:
        return MEDIAN_TO_MEAN * self.reference.spread / math.sqrt(self.reference.blocks)

    def dump(self) -> dict[str, Any]:
        """Give plain values, as JSON holds them."""
        return {
            "reference": asdict(self.reference),
            "ratios": {kind_id: asdict(ratio) for kind_id, ratio in self.ratios.items()},
        }

    @classmethod
    def parse(cls, content: object) -> Calibration:
        """Read what ``dump`` gave.

        Raises:
            ValueError: It is something else.
        """
        if not isinstance(content, dict) or not isinstance(content.get("ratios"), dict):
            raise ValueError("it is no calibration: reference and ratios are missing")
        reference = _parsed(Reference, content.get("reference"), "reference")
        ratios = {
            str(key): _parsed(Ratio, each, f"ratio {key!s:.80}") for key, each in content["ratios"].items()
        }
        return cls(reference, ratios)


# Fields, their types, and what numbers must be.
_KINDS: dict[str, type] = {"id": str, "label": str, "lasts": bool, "blocks": int, "pairs": int}
_MAY_BE_ZERO = {"spread", "error"}


Part = TypeVar("Part", Reference, Ratio)


def _parsed(kind: type[Part], content: object, where: str) -> Part:
    names = {each.name: each.default is MISSING for each in fields(kind)}
    if (
        not isinstance(content, dict)
        or not {name for name, needed in names.items() if needed} <= content.keys()
    ):
        raise ValueError(f"{where}: keys are missing")
    values = {name: content[name] for name in names if name in content}
    for name, value in values.items():
        wanted = _KINDS.get(name)
        if wanted is not None and type(value) is not wanted:
            raise ValueError(f"{where}: {name}={value!r:.80} is no {wanted.__name__}")
        if wanted in (str, bool):
            continue
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"{where}: {name}={value!r:.80} is no finite number")
        if value < 0 or (value == 0 and name not in _MAY_BE_ZERO):
            raise ValueError(f"{where}: {name}={value!r:.80} is not above 0")
    return kind(**values)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured at one go.

    Attributes:
        reference: The baseline's step; None if its seconds were known.
        ratios: Of other kinds, by their ids.
    """

    reference: Reference | None
    ratios: Mapping[str, Ratio]

    def added_to(self, known: Calibration | None) -> Calibration:
        """Add what is not known yet; what is stays, so that all runs of a study have one clock."""
        if known is None:
            assert self.reference is not None
            return Calibration(self.reference, self.ratios)
        return replace(known, ratios={**self.ratios, **known.ratios})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured before a run.

    Attributes:
        reference: The kind that others are compared with.
        kinds: Those that are not known; the reference among them if its seconds are not.
    """

    reference: StepKind
    kinds: tuple[StepKind, ...]


def lacking(plans: Iterable[Plan], reference: StepKind, calibration: Calibration | None) -> Wanted | None:
    """Give what a calibration lacks for these plans; None if nothing."""
    kinds = {each.kind.id: each.kind for plan in plans for each in kind_steps(plan)}
    if calibration is None:
        kinds = {reference.id: reference, **kinds}
    else:
        kinds = {kind_id: kind for kind_id, kind in kinds.items() if not calibration.knows(kind)}
    return Wanted(reference, tuple(kinds.values())) if kinds else None
