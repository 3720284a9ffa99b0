"""What several tests need: real MNIST where it is, and studies that train nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MNIST = ROOT.parent / "shared" / "data" / "mnist"


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    if not MNIST.is_dir():
        pytest.skip(f"real MNIST is not in {MNIST}")
    return MNIST
