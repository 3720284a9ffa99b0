from __future__ import annotations

import time

import pytest

from dse.training.stopwatch import Stopwatch


def test_spans_add_up_and_pauses_do_not(cpu):
    clock = Stopwatch(cpu)
    for _ in range(2):
        with clock:
            time.sleep(0.02)
        time.sleep(0.1)
    assert 0.04 <= clock.seconds < 0.1


def test_a_span_that_fails_counts_too(cpu):
    clock = Stopwatch(cpu)
    with pytest.raises(KeyError), clock:
        raise KeyError
    assert clock.seconds > 0
