"""Which recipe comes next: what the model learns, and that its fast update equals the textbook's."""

from __future__ import annotations

import numpy as np
import pytest

from dse.search.history import History
from dse.search.progress import PlanSummary, Progress
from dse.search.surrogate import NOISE, Candidate, Surrogate, similarity

SHARES = (0.25, 0.5, 0.75, 1.0)


def candidate(policy: str, size: int, parameters: int = 0, rate: float = 0.001) -> Candidate:
    summary = PlanSummary((size,) * 4, SHARES, 4 * 1024 // size, rate, parameters)
    return Candidate({"learning_rate": policy, "batch_size.size": size}, summary)


CANDIDATES = [candidate(policy, size) for policy in ("fixed", "one_cycle") for size in (16, 64, 256)]


def run(row: int, accuracies: tuple[float, ...], epoch_seconds: float = 1.0) -> Progress:
    seconds = tuple(epoch_seconds * (i + 1) for i in range(len(accuracies)))
    return Progress(CANDIDATES[row].summary, seconds, accuracies)


def surrogate_after(*runs: tuple[int, Progress], candidates: list[Candidate] = CANDIDATES) -> Surrogate:
    history = History()
    surrogate = Surrogate(candidates, history)
    for row, one in runs:
        history.record(one)
        history.refer_to(one)
        surrogate.record(row, one)
    return surrogate


def test_without_a_reference_the_first_row_comes_first() -> None:
    surrogate = Surrogate(CANDIDATES, History())
    assert surrogate.best([4, 2, 0]) == 4
    assert surrogate.remaining_gain([4, 2]) is None


def test_recipes_like_a_good_one_are_expected_to_gain_more() -> None:
    baseline = (2, run(2, (0.5, 0.6, 0.7, 0.75)))
    good, poor = run(3, (0.8, 0.9, 0.95, 0.97)), run(3, (0.2, 0.2, 0.3, 0.3))
    # Row 4 shares the policy with row 3, row 1 does not; both share the batch size with neither run.
    assert surrogate_after(baseline, (3, good)).best([1, 4]) == 4
    assert surrogate_after(baseline, (3, poor)).best([1, 4]) == 1


def test_of_two_that_are_equally_good_the_cheaper_one_comes_first() -> None:
    curve = (0.5, 0.6, 0.7, 0.75)
    slow, fast = run(0, curve, epoch_seconds=3.0), run(2, curve, epoch_seconds=1.0)
    # Rows 3 and 5 differ from these two by the policy alone.
    assert surrogate_after((2, fast), (0, slow)).best([3, 5]) == 5


def test_what_is_left_adds_less_and_less() -> None:
    runs = [(row, run(row, (0.5, 0.6, 0.7, 0.75))) for row in range(5)]
    gains = [surrogate_after(*runs[:n]).remaining_gain(list(range(n, 6))) for n in range(1, 6)]
    assert gains == sorted(gains, reverse=True)
    assert surrogate_after(*runs).remaining_gain([]) == 0.0


def test_fewer_parameters_are_a_gain_of_their_own() -> None:
    small, large = candidate("fixed", 64, parameters=10), candidate("fixed", 64, parameters=100)
    candidates = [large, large, small]
    whole = Progress(large.summary, (1.0, 2.0, 3.0, 4.0), (0.9, 0.95, 0.99, 0.999))
    assert surrogate_after((0, whole), candidates=candidates).best([1, 2]) == 2


def test_a_run_that_was_stopped_is_taken_to_stay_as_it_was() -> None:
    baseline = (2, run(2, (0.5, 0.6, 0.7, 0.75)))
    stopped = surrogate_after(baseline, (3, run(3, (0.3,))))
    flat = surrogate_after(baseline, (3, run(3, (0.3, 0.3, 0.3, 0.3))))
    stopped.learn()
    flat.learn()
    np.testing.assert_allclose(stopped.mean_NE, flat.mean_NE)


@pytest.mark.parametrize("many", [100, 3])
def test_the_update_equals_the_textbooks_formula(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rasmussen & Williams 2006, eq. 2.25 and 2.26, all runs at once; a recipe may be run twice."""
    monkeypatch.setattr("dse.search.surrogate.MANY", many)
    rng = np.random.default_rng(0)
    rows = [2, 0, 5, 0]
    runs = [run(row, tuple(rng.uniform(0.3, 0.9, 4)), rng.uniform(1, 3)) for row in rows]
    surrogate = surrogate_after(*zip(rows, runs, strict=True))
    surrogate.learn()
    seen = []
    for one in runs:
        alone = surrogate_after((0, one))
        assert alone.level_E is not None
        seen.append(alone.level_E)
    deviations = np.array(seen) - seen[0]
    prior = similarity(CANDIDATES)
    solved = np.linalg.solve(prior[np.ix_(rows, rows)] + NOISE * np.eye(4), prior[rows])
    np.testing.assert_allclose(surrogate.mean_NE, solved.T @ deviations, atol=1e-12)
    np.testing.assert_allclose(
        surrogate.variance_N, np.diagonal(prior) - (prior[rows] * solved).sum(axis=0), atol=1e-12
    )


def test_similarity_is_a_covariance() -> None:
    mixed = [Candidate({"a": value, "b": i % 2 == 0, "c": 0.5 * i}, CANDIDATES[i].summary) for i, value in
             enumerate(("x", None, "y", "x"))]  # fmt: skip
    for candidates in (CANDIDATES, mixed):
        matrix = similarity(candidates)
        np.testing.assert_array_equal(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix).min() > -1e-12
        assert (np.diagonal(matrix)[:, None] >= matrix - 1e-12).all()


@pytest.mark.parametrize("count", [1, 2])
def test_a_space_of_few_recipes(count: int) -> None:
    surrogate = surrogate_after((0, run(0, (0.5, 0.6, 0.7, 0.75))), candidates=CANDIDATES[:count])
    assert surrogate.best([count - 1]) == count - 1
