"""Duets on a simulated machine: what disturbs both sides is told apart from what they take."""

from __future__ import annotations

import numpy as np
import pytest

from dse.record.calibration import median_ratio, step_seconds
from dse.training.turns import Effort, alone, duet, steps_within

QUICK = Effort(
    block_seconds=0.01, error=0.002, least_pairs=7, seconds=1e9, reference_seconds=3.0, patience=1e9
)


class Machine:
    """Steps on it take simulated seconds: all are slower while a stranger works, which changes slowly."""

    def __init__(self, noise: float, stranger: float, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.noise, self.stranger = noise, stranger
        self.clock, self.slow = 0.0, 1.0
        self.order: list[float] = []

    def step(self, seconds: float):
        def timed(steps: int) -> float:
            if self.random.random() < 0.05:  # about every 20th block something else begins or ends
                self.slow = 1 + self.stranger * self.random.random()
            taken = steps * seconds * self.slow * (1 + self.noise * abs(self.random.standard_normal()))
            self.clock += taken
            self.order.append(seconds)
            return taken

        return timed


@pytest.mark.parametrize("ratio", [0.07, 0.9, 1.0, 6.0])
def test_the_ratio_is_found_beside_a_stranger_who_doubles_every_time(ratio: float) -> None:
    machine = Machine(noise=0.02, stranger=1.0)
    pairs = duet(machine.step(0.004 * ratio), machine.step(0.004), QUICK)
    value, error = median_ratio(pairs)
    assert value == pytest.approx(ratio, rel=0.01)
    assert error <= QUICK.error


def test_who_comes_first_takes_turns() -> None:
    machine = Machine(noise=0.1, stranger=0.0)
    pairs = duet(
        machine.step(0.02),
        machine.step(0.03),
        Effort(block_seconds=0.03, error=1e-4, least_pairs=8, seconds=0.5),
    )
    blocks = machine.order[-2 * len(pairs) :]
    assert len(pairs) >= 8
    assert blocks == [0.02, 0.03, 0.03, 0.02] * (len(pairs) // 2) + [0.02, 0.03] * (len(pairs) % 2)


def test_blocks_of_both_take_about_the_same_time() -> None:
    machine = Machine(noise=0.0, stranger=0.0)
    seen: dict[float, list[float]] = {0.001: [], 0.05: []}

    def watched(seconds: float):
        timed = machine.step(seconds)

        def kept(steps: int) -> float:
            seen[seconds].append(timed(steps))
            return seen[seconds][-1]

        return kept

    duet(watched(0.001), watched(0.05), QUICK)
    assert seen[0.001][-1] == pytest.approx(seen[0.05][-1], rel=0.05)


def test_a_noisy_ratio_is_given_up_after_its_seconds() -> None:
    machine = Machine(noise=3.0, stranger=0.0)
    effort = Effort(block_seconds=0.01, error=1e-6, seconds=2.0, patience=1e9)
    pairs = duet(machine.step(0.01), machine.step(0.01), effort)
    assert len(pairs) >= 7
    assert machine.clock < 2.0 + 1.0


def test_steps_that_take_longer_than_all_that_is_allowed_are_timed_three_times() -> None:
    machine = Machine(noise=0.01, stranger=0.0)
    assert len(duet(machine.step(30.0), machine.step(10.0), Effort(patience=1e9))) == 3
    assert len(alone(machine.step(30.0), Effort(patience=1e9))) == 3


def test_on_a_wall_that_does_not_wait_three_pairs_are_enough() -> None:
    machine = Machine(noise=0.5, stranger=0.0)
    assert len(duet(machine.step(1e-9), machine.step(1e-9), Effort(patience=0.0, block_seconds=1e-9))) == 3


def test_the_reference_is_as_fast_as_its_undisturbed_blocks() -> None:
    machine = Machine(noise=0.01, stranger=1.0)
    assert step_seconds(alone(machine.step(0.004), QUICK)) == pytest.approx(0.004, rel=0.2)


def test_a_block_has_whole_steps_and_at_least_one() -> None:
    machine = Machine(noise=0.0, stranger=0.0)
    assert steps_within(machine.step(0.003), 0.03) == 10
    assert steps_within(machine.step(3.0), 0.03) == 1
