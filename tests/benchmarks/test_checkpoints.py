from __future__ import annotations

from pathlib import Path

from benchmarks.checkpoints import cost
from dse.training.machine import Machine
from dse.training.trainer import Trainer
from tests.small import FEW_DIGITS


def test_each_epochs_checkpoint_is_timed_and_none_is_left(tmp_path: Path) -> None:
    share = cost(Trainer(Machine(device="cpu"), FEW_DIGITS, tmp_path / "kept"), batch_size=50, epochs=2)
    assert 0 < share.low <= share.median <= share.high
    assert list(tmp_path.iterdir()) == []
