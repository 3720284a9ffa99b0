"""Python's collector is kept away for as long as it is in the way, and no longer."""

from __future__ import annotations

import gc

import pytest

from dse.study.collector import without_collector


def test_it_is_back_whatever_happens() -> None:
    @without_collector()
    def read() -> None:
        assert not gc.isenabled()
        raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            read()
        assert gc.isenabled()


def test_one_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with without_collector(), without_collector():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
