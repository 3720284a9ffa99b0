"""A surrogate for training: what a model of the runs so far expects each recipe to add to the front.

The model is a Gaussian process over the recipes of a space. Two recipes are alike by the choices that they share and
by how many steps at what mean rate their plans hold. From the runs it has seen it expects, with an uncertainty, the
error and the seconds of every other recipe along its run; what these curves would add to the front, for each second
that the run takes, is the recipe's expected gain.

Source of the idea: Rasmussen & Williams 2006, eq. 2.25-2.26 (the process); Snoek, Larochelle & Adams 2012 (expected
gain per second).

Dimensions: N recipes, R of them asked about, K runs recorded (or recipes that have some), E parts of a run, S instants
of the clock, D deviates of an error, Q of them the nodes of a quadrature.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.search.history import History
from dse.search.progress import Floats, PlanSummary, Progress
from dse.search.volume import LEAST_SECONDS, Reference
from dse.space.assignment import Scalar

PARTS = 10
INSTANTS = 32
DRAWS = 32
# Variances of a logarithm: of the level of all runs, of each choice, of each trait of the plan, and of a repetition.
# Chosen on results/digits-table.
LEVEL, CHOICE, PLAN, NOISE = 0.1, 0.15, 0.3, 0.05
# Distance, as a share of a number's range in the space, over which two values are alike.
LENGTH = 0.5
# So many runs are learned from together, in one factorisation.
MANY = 100
# A Gauss-Hermite quadrature of three nodes, in standard deviations: the expectation over an error's uncertainty.
NODES_Q = (-(3**0.5), 0.0, 3**0.5)
WEIGHTS_Q = (1 / 6, 2 / 3, 1 / 6)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recipe that may be run.

    Attributes:
        choices: The values that make it a point of its space.
        summary: Its plan.
    """

    choices: Mapping[str, Scalar]
    summary: PlanSummary


class Surrogate:
    """Learns from runs, and says which of the candidates comes next.

    Args:
        candidates: Every recipe that may be asked about, at most a few thousand.
        history: The runs so far; what it knows of front and reference is always up to date.

    Attributes:
        level_E: Logarithms of the first run's errors along its parts, then of its seconds; None without a run.
        mean_NE: What each candidate's logarithms are expected to differ from these.
        variance_N: How uncertain that is; the same for all of a candidate's logarithms.
    """

    def __init__(self, candidates: Sequence[Candidate], history: History) -> None:
        self._history = history
        self._parameters_N = np.array([candidate.summary.parameters for candidate in candidates])
        self._prior_NN = similarity(candidates)
        self._whitened_KN = np.empty((1, len(candidates)))
        self._recorded = 0
        self._pending: list[tuple[int, Floats]] = []
        self._counts_N = np.zeros(len(candidates), dtype=int)
        self._sums_NE = np.zeros((len(candidates), 2 * PARTS))
        self.variance_N = np.diagonal(self._prior_NN).copy()
        self.mean_NE = np.zeros((len(candidates), 2 * PARTS))
        self.level_E: Floats | None = None
        self._expected_M3: Floats = np.empty((0, 3))

    def record(self, row: int, run: Progress) -> None:
        """Learn from a run that has ended.

        Of epochs that it did not run the error is taken to stay as it was: a run is only stopped where that changes
        no front.

        Args:
            row: Which candidate was run.
            run: Its epochs, at least one.
        """
        missing = run.summary.epochs - len(run.seconds)
        errors = np.append(run.errors, np.full(missing, run.errors[-1]))
        seconds = np.maximum(LEAST_SECONDS, (*run.seconds, *self._history.seconds_to_come(run)))
        at = _parts(run.summary.epochs)
        seen_E = np.log(np.concatenate([errors[at], seconds[at]]))
        if self.level_E is None:
            self.level_E = seen_E
        self._pending.append((row, seen_E - self.level_E))
        self._counts_N[row] += 1
        self._sums_NE[row] += seen_E - self.level_E

    @contextmanager
    def expecting(self, rows: Sequence[int]) -> Iterator[None]:
        """Take runs of candidates that are at work for what is expected of them, as long as the context lasts.

        Source: Ginsbourger, Le Riche & Carraro 2010, "kriging believer".
        """
        self.learn()
        recorded, variance_N = self._recorded, self.variance_N.copy()
        try:
            if self.level_E is not None:
                for row in rows:
                    self._condition(row, self.mean_NE[row].copy())
                self._expected_M3 = self._points(rows)
            yield
        finally:
            self._recorded, self.variance_N = recorded, variance_N
            self._expected_M3 = np.empty((0, 3))

    def _points(self, rows: Sequence[int]) -> Floats:
        """Give what the candidates are expected to add to the front, in its columns."""
        errors_RE, seconds_RE = np.split(np.exp(self._expected(np.array(rows, dtype=int))), 2, axis=1)
        parameters_RE = np.broadcast_to(self._parameters_N[rows, None], errors_RE.shape)
        return np.stack([seconds_RE, errors_RE, parameters_RE], axis=2).reshape(-1, 3)

    def best(self, rows: Sequence[int]) -> int:
        """Choose the candidate with the largest expected gain per second; among equals the cheapest.

        The gain is the area between the front and a recipe's expected curve, over ln(seconds) and accuracy; where
        parameters are weighed, the front is that of runs with no more of them. Without a reference or a recorded
        run nothing can be expected, and the first row is chosen.
        """
        if self._history.reference is None or self.level_E is None:
            return rows[0]
        self.learn()
        rows_R = np.array(rows)
        seconds_R = np.exp(self._expected(rows_R)[:, -1])
        _, gains_QRS = self._gains(rows_R, np.outer(NODES_Q, np.ones(len(rows))))
        expected_R = WEIGHTS_Q @ np.stack([gains_RS.sum(axis=1) for gains_RS in gains_QRS])
        return rows[int(np.lexsort((seconds_R, -expected_R / seconds_R))[0])]

    def remaining_gain(self, rows: Sequence[int]) -> float | None:
        """Expect by what share the front's volume grows if all of these candidates are run too.

        Returns:
            None without a reference or a recorded run.
        """
        if self._history.reference is None or self.level_E is None:
            return None
        if not rows:
            return 0.0
        self.learn()
        deviates = np.random.default_rng(0).standard_normal((DRAWS, len(rows)))
        covered_RS, gains_DRS = self._gains(np.array(rows), deviates)
        gained = np.mean([gains_RS.max(axis=0).sum() for gains_RS in gains_DRS])
        covered = covered_RS.max(axis=0).sum()
        return float(gained / covered) if covered > 0 else math.inf

    def _expected(self, rows_R: NDArray[np.int64]) -> Floats:
        """Give the expected logarithms of the candidates' errors and seconds; shape (R, 2 E)."""
        assert self.level_E is not None
        expected_RE: Floats = self.mean_NE[rows_R] + self.level_E
        return expected_RE

    def _gains(self, rows_R: NDArray[np.int64], deviates_DR: Floats) -> tuple[Floats, Iterator[Floats]]:
        """Give the error that the front is below the reference at each instant, and what candidates take off it.

        Args:
            rows_R: The candidates.
            deviates_DR: By how many standard deviations each candidate's error differs from what is expected.

        Returns:
            Shape (R, S), and the same for each deviate, one after the other: all at once would leave the cache.
        """
        reference = self._history.reference
        assert reference is not None
        errors_RE, clocks_RE = np.split(self._expected(rows_R), 2, axis=1)
        start = min(clocks_RE[:, 0].min(), np.log(max(self._history.front[:, 0].min(), LEAST_SECONDS)))
        instants_S = np.linspace(start, np.log(reference.seconds), INSTANTS, endpoint=False)
        parameters_R = self._parameters_N[rows_R]
        front_M3 = np.concatenate([self._history.front, self._expected_M3])
        front_RS = np.empty((len(rows_R), INSTANTS))
        for parameters in np.unique(parameters_R):
            front_RS[parameters_R == parameters] = _least_errors(front_M3, instants_S, parameters, reference)
        passed_RS = np.count_nonzero(clocks_RE[:, :, None] <= instants_S, axis=1)
        # Before its first part is through, a run has nothing to show.
        best_RE = np.full((len(rows_R), PARTS + 1), np.inf)
        best_RE[:, 1:] = np.exp(np.minimum.accumulate(errors_RE, axis=1))
        best_RS = best_RE[np.arange(len(rows_R))[:, None], passed_RS]
        factor_DR = np.exp(deviates_DR * np.sqrt(np.maximum(self.variance_N[rows_R], 0)))
        gains_DRS = (np.maximum(0, front_RS - factor_R[:, None] * best_RS) for factor_R in factor_DR)
        return 1 - reference.accuracy - front_RS, gains_DRS

    def learn(self) -> None:
        """Take in what was recorded: run by run, or all runs again where that is faster."""
        pending, self._pending = self._pending, []
        if len(pending) > MANY or self._recorded + len(pending) > 2 * len(self._counts_N) + MANY:
            self._learn_all()
            return
        for row, seen_E in pending:
            self._condition(row, seen_E)

    def _learn_all(self) -> None:
        """Update mean and variance from all runs: those of one candidate are one row, their mean with less noise."""
        seen_K = np.flatnonzero(self._counts_N)
        counts_K = self._counts_N[seen_K]
        noise_KK = np.diag(NOISE / counts_K)
        factor_KK = np.linalg.cholesky(self._prior_NN[np.ix_(seen_K, seen_K)] + noise_KK)
        means_KE = self._sums_NE[seen_K] / counts_K[:, None]
        both = np.linalg.solve(factor_KK, np.concatenate([self._prior_NN[seen_K], means_KE], axis=1))
        self._whitened_KN, whitened_KE = both[:, : len(self._counts_N)].copy(), both[:, len(self._counts_N) :]
        self._recorded = len(seen_K)
        self.mean_NE = self._whitened_KN.T @ whitened_KE
        self.variance_N = np.diagonal(self._prior_NN) - (self._whitened_KN**2).sum(axis=0)

    def _condition(self, row: int, seen_E: Floats) -> None:
        """Update mean and variance: one more row of the Cholesky factor's inverse times the prior."""
        if self._recorded == len(self._whitened_KN):
            self._whitened_KN = np.concatenate([self._whitened_KN, np.empty_like(self._whitened_KN)])
        earlier_KN = self._whitened_KN[: self._recorded]
        covariance_N = self._prior_NN[row] - earlier_KN[:, row] @ earlier_KN
        scale = np.sqrt(covariance_N[row] + NOISE)
        whitened_N = covariance_N / scale
        self._whitened_KN[self._recorded] = whitened_N
        self._recorded += 1
        self.mean_NE += np.outer(whitened_N, (seen_E - self.mean_NE[row]) / scale)
        self.variance_N -= whitened_N**2


def _least_errors(front_M3: Floats, instants_S: Floats, parameters: int, reference: Reference) -> Floats:
    """Give the least error that runs with no more parameters reached by each instant, at most the reference's."""
    points = front_M3[front_M3[:, 2] <= parameters]
    points = points[np.argsort(points[:, 0])]
    errors = np.minimum.accumulate(np.append(1 - reference.accuracy, points[:, 1]))
    return errors[np.searchsorted(points[:, 0], np.exp(instants_S), side="right")]


def similarity(candidates: Sequence[Candidate]) -> Floats:
    """Give the prior covariance of the candidates' logarithms; shape (N, N)."""
    names = dict.fromkeys(name for candidate in candidates for name in candidate.choices)
    total_NN = np.full((len(candidates), len(candidates)), LEVEL)
    for name in names:
        total_NN += CHOICE * _alike([candidate.choices.get(name) for candidate in candidates])
    total_NN += PLAN * _near(np.log([candidate.summary.total_steps for candidate in candidates]))
    total_NN += PLAN * _near(np.log([candidate.summary.mean_rate for candidate in candidates]))
    return total_NN


def _alike(values: Sequence[Scalar]) -> Floats:
    """Compare the values of one choice: 1 where they are the same, 0 where one has none."""
    present = np.array([value is not None for value in values])
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if numbers and len(numbers) == present.sum():
        filled = np.array([numbers[0] if value is None else value for value in values], dtype=float)
        alike = _near(np.log(filled) if min(numbers) > 0 else filled)
    else:
        codes = np.array([repr(value) for value in values])
        alike = (codes[:, None] == codes).astype(float)
    return alike * np.outer(present, present)


def _near(numbers_N: Floats) -> Floats:
    """Compare numbers: 1 where they are equal, falling with their distance."""
    width = np.ptp(numbers_N) or 1.0
    distances: Floats = (numbers_N[:, None] - numbers_N) / (LENGTH * width)
    return np.exp(-(distances**2))


def _parts(epochs: int) -> NDArray[np.int64]:
    """Give the index of the epoch that ends each part of a run; shape (E,)."""
    return np.ceil(np.arange(1, PARTS + 1) * epochs / PARTS).astype(int) - 1
