"""What several tests need: real MNIST where it is, devices, and digits."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from dse.data.choice import DataChoice
from dse.data.images import ImageData, load_images
from dse.training.machine import Machine
from dse.training.trainer import Trainer
from tests.small import FEW_DIGITS

ROOT = Path(__file__).resolve().parents[1]
MNIST = ROOT.parent / "shared" / "data" / "mnist"

# Other programs may have the processor meanwhile: how long an example takes says nothing about it. Recipes are drawn
# key by key, and many of them are refused.
settings.register_profile(
    "dse",
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("dse")


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    if not MNIST.is_dir():
        pytest.skip(f"real MNIST is not in {MNIST}")
    return MNIST


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Keep two threads from waiting for each other where tests share the processor's cores, here and in processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep calibrations out of the user's cache; what one test measures the others know."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def garbage_is_rarely_searched_for() -> None:
    """Spare a tenth of the time: hardly anything here is garbage, least of all what was imported."""
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@pytest.fixture
def cpu() -> torch.device:
    return torch.device("cpu")


@pytest.fixture
def gpu() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return torch.device("cuda", 0)


@pytest.fixture(scope="session")
def digits() -> ImageData:
    return load_images(DataChoice(), Path("unused"))


@pytest.fixture(scope="session")
def few_digits() -> ImageData:
    return load_images(FEW_DIGITS, Path("unused"))


@pytest.fixture
def trainer() -> Trainer:
    return Trainer(Machine(device="cpu"), FEW_DIGITS)
