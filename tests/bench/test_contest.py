"""The benchmark: turns, statistics, the limit's counting, and the authors' code where a checkout is given."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from dse.bench import bench as module
from dse.bench.bench import CONTESTANTS, RATIOS, BenchRow, bench
from dse.bench.contest import Contestant, Spread, ratio, summarise, take_turns
from dse.bench.entries import Job, check_memory, engine_entry, limit_entry, random_images
from dse.bench.limit import (
    ADAM_TRANSFERS,
    COPIED_BYTES,
    MATRIX_SIDE,
    StepCost,
    activation_floats,
    kernel_run,
    limit_seconds,
    rate_runs,
    step_cost,
)
from dse.bench.peer import Peer, endless_loader, import_peer
from dse.bench.worker import Entry, Worker, explained, peak_memory
from dse.errors import DeviceError, InputError, RunError
from dse.recipe.recipe import Precision

CPU = torch.device("cpu")
TINY = Job(batch_size=4, device=CPU, preset="tiny", images=8)
SHARED = Job(batch_size=4, device=CPU, preset="tiny", sharing="per_type", images=8)


def test_turns_alternate_and_last_as_long_as_wanted() -> None:
    turns: list[tuple[str, int]] = []

    def timed(name: str, step_seconds: float, steps: int) -> float:
        turns.append((name, steps))
        return step_seconds * steps

    contestants = [
        Contestant("quick", partial(timed, "quick", 0.01)),
        Contestant("slow", partial(timed, "slow", 3.0)),
    ]
    taken = take_turns(contestants, 1.0, 3, on_failure=lambda name, error: None)
    assert turns[-6:] == [("quick", 100), ("slow", 1)] * 3
    assert [turn["slow"] for turn in taken] == [3.0] * 3
    assert [turn["quick"] for turn in taken] == pytest.approx([0.01] * 3)


@pytest.mark.parametrize("good_calls", [0, 1, 2, 3])
def test_one_that_fails_is_left_out_and_the_others_are_measured(good_calls: int) -> None:
    """It warms up, calibrates and takes two turns; it may fail at any of these."""
    calls: list[int] = []

    def failing(steps: int) -> float:
        calls.append(steps)
        if len(calls) > good_calls:
            raise RunError("no capture")
        return 1.0

    contestants = [Contestant("fast", failing), Contestant("reference", float)]
    failures: dict[str, str] = {}
    turns = take_turns(contestants, 1.0, 2, lambda name, error: failures.update({name: str(error)}))
    assert turns == [{"reference": 1.0}] * 2
    assert failures == {"fast": "no capture"}
    assert len(calls) == good_calls + 1


@pytest.mark.slow
def test_a_failing_engine_leaves_the_others_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "engine_entry", fast_fails)
    (row,) = bench([TINY], seconds=0.01, repeats=1)
    assert set(row.throughputs) == {"reference", "limit"}
    assert row.ratios == {}
    assert row.as_dict()["failures"] == {"fast": "no capture"}
    assert row.as_dict()["fast"] is None
    assert set(row.engines) == {"reference"}


def fast_fails(job: Job, name: str) -> Entry:
    if name == "fast":
        raise DeviceError("no capture")
    return engine_entry(job, "reference")


def test_ratios_are_taken_turn_by_turn() -> None:
    # The machine slows down to a tenth for both: the ratio of medians would be 2 as well, the spread would not.
    assert ratio([100.0, 10.0, 50.0], [50.0, 5.0, 25.0]) == Spread(2.0, 2.0, 2.0)
    assert summarise([4.0]) == Spread(4.0, 4.0, 4.0)


def test_a_row_has_every_key_whoever_ran() -> None:
    row = BenchRow(TINY, 1, {"fast": Spread(2.0, 1.0, 3.0)}, {}, {"fast": {"name": "fast"}}).as_dict()
    assert set(CONTESTANTS) | set(RATIOS) <= set(row)
    assert (row["fast"], row["peer"], row["fast_over_peer"]) == (2.0, None, None)
    assert row["spread"] == {"fast": [1.0, 3.0]}
    assert row["precision"] == "float32"


@pytest.mark.parametrize("job", [TINY, SHARED], ids=["none", "per_type"])
def test_the_limit_multiplies_what_a_step_must(job: Job) -> None:
    """On the meta device, where products are counted and not computed."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        kernel_run(job.size, 3, job.batch_size)(1)
    size = job.size
    # The first convolution has no gradient to its images; the sums over capsules are left out of the kernels.
    capsules, outputs = size.types * size.positions, size.image.classes * size.class_size
    per_capsule = outputs if job.sharing == "none" else size.primary_size * size.image.classes
    routing = 5 * capsules * per_capsule
    first = size.filters * size.convolved[0] * size.convolved[1] * 81
    products = 3 * (size.multiplications - routing) - first
    assert counter.get_total_flops() == 2 * products * job.batch_size


def test_the_cost_of_a_step_is_counted_as_documented() -> None:
    size = Job(batch_size=1, device=CPU).size
    features, capsules, votes, classes, decoder = 256 * 400, 1152 * 8, 1152 * 160, 160, 160 + 512 + 1024 + 784
    activations = 784 + features + capsules + votes + classes + decoder
    assert activation_floats(size) == activations
    cost = step_cost(size, batch_size=2)
    assert cost.operations == 2 * 6 * size.multiplications
    assert cost.bytes == 4 * (ADAM_TRANSFERS * 8_215_728 + 2 * 2 * activations)


def test_bfloat16_halves_the_activations_and_nothing_else() -> None:
    size = Job(batch_size=1, device=CPU).size
    float32, tf32, bfloat16 = (step_cost(size, 128, name) for name in ("float32", "tf32", "bfloat16"))
    # By hand: 784 + 102,400 + 9,216 + 184,320 + 160 + 2,480 = 299,360 numbers an image, written and read once.
    adam, activations = 32 * 8_215_728, 2 * 128 * 299_360
    assert (adam, activations) == (262_903_296, 76_636_160)
    assert float32 == tf32
    assert float32.bytes == 262_903_296 + 4 * 76_636_160 == 569_447_936
    assert bfloat16.bytes == 262_903_296 + 2 * 76_636_160 == 416_175_616
    assert bfloat16.operations == float32.operations


def test_a_faster_product_lowers_the_limit_until_the_bytes_are_it() -> None:
    cost = step_cost(Job(batch_size=1, device=CPU).size, 128, "bfloat16")
    # 800 TFLOP/s and 3 TB/s: 6 x 203 million x 128 operations take 0.2 ms, 416 MB take 0.14 ms.
    rates = {"matrix_product": 2 * MATRIX_SIDE**3 / 800e12, "copy": 2 * COPIED_BYTES / 3e12}
    assert limit_seconds(cost, rates) == pytest.approx(cost.operations / 800e12)
    assert limit_seconds(cost, rates | {"matrix_product": rates["matrix_product"] / 2}) == pytest.approx(
        416_175_616 / 3e12
    )


def test_the_limit_is_the_larger_bound() -> None:
    product, copied = 2 * MATRIX_SIDE**3, 2 * COPIED_BYTES
    taken = {"matrix_product": 2.0, "copy": 5.0}
    assert limit_seconds(StepCost(product, copied), taken) == 5.0
    assert limit_seconds(StepCost(4 * product, copied), taken) == 8.0
    assert limit_seconds(StepCost(product, copied), {"limit": 7.0}) == 7.0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_rates_can_be_measured(precision: Precision) -> None:
    entry = Entry(rate_runs(CPU, precision, side=16, copied_bytes=1024), CPU)
    assert all(entry.timed(name, 2) > 0 for name in ("matrix_product", "copy"))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["reference", "fast"])
def test_engines_and_the_limit_run(name: str, precision: Precision) -> None:
    entry = engine_entry(replace(TINY, precision=precision), name)  # type: ignore[arg-type]
    assert entry.timed(name, 2) > 0
    assert entry.details["setup_seconds"] > 0
    assert limit_entry(replace(SHARED, precision=precision)).timed("limit", 2) > 0


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_a_row_on_a_gpu(gpu: torch.device, precision: Precision) -> None:
    job = Job(batch_size=16, device=gpu, preset="tiny", images=64, precision=precision)
    (row,) = bench([job], seconds=0.01, repeats=1)
    assert set(row.throughputs) == {"reference", "fast", "limit"}
    assert row.engines["fast"]["peak_reserved_bytes"] >= row.engines["fast"]["peak_allocated_bytes"] > 0


def test_what_the_device_would_round_otherwise_is_refused() -> None:
    with pytest.raises(DeviceError, match="tf32 has no effect on device 'cpu'"):
        bench([replace(TINY, precision="tf32")], seconds=0.01, repeats=1)


def test_memory_is_told_of_gpus_alone() -> None:
    assert peak_memory(CPU) == {}


def test_the_peers_loader_passes_over_all_images_again_and_again() -> None:
    images = random_images(6, TINY.size.image, CPU)
    images.labels.copy_(torch.arange(6))
    loader = iter(endless_loader(images, batch_size=4, pinned=False))
    # Three batches are two passes: the second one is both the end of the first and the start of the next.
    labels = torch.cat([next(loader)[1] for _ in range(3)])
    assert sorted(labels[:6].tolist()) == sorted(labels[6:].tolist()) == list(range(6))


def test_images_are_the_same_each_time() -> None:
    first, second = (random_images(5, TINY.size.image, CPU) for _ in range(2))
    assert torch.equal(first.pixels, second.pixels)
    assert first.pixels.shape == (5, 1, 28, 28)


def test_what_does_not_fit_in_memory_names_the_batch_size() -> None:
    with pytest.raises(MemoryError, match="activations alone") as raised:
        check_memory(Job(batch_size=10**9, device=CPU))
    for error in (
        raised.value,
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ):
        told = explained(error, 512)
        assert isinstance(told, InputError)
        assert "batch size 512 does not fit" in str(told)
        assert "--batch-sizes" in str(told)
    assert isinstance(explained(RuntimeError("shapes differ"), 512), RunError)


def no_runs(signal_number: int) -> Entry:
    if signal_number:
        os.kill(os.getpid(), signal_number)
    raise InputError("no such thing")


@pytest.mark.slow
def test_a_process_passes_its_errors_on() -> None:
    with Worker(partial(no_runs, 0), 4) as worker, pytest.raises(InputError, match="no such thing"):
        worker.contestants()
    with (
        Worker(partial(no_runs, signal.SIGKILL), 4) as worker,
        pytest.raises(InputError, match="batch size 4"),
    ):
        worker.contestants()


@pytest.mark.slow
def test_a_whole_row() -> None:
    rows = bench([TINY], seconds=0.01, repeats=2)
    assert set(rows[0].throughputs) == {"reference", "fast", "limit"}
    assert set(rows[0].ratios) == {"fast_over_reference", "fast_over_limit"}
    assert rows[0].engines["reference"]["name"] == "reference"


def test_a_folder_that_is_no_peer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"src/model/layers.py, src/utils.py is missing. .*git clone"):
        import_peer(tmp_path)
    (tmp_path / "src" / "model").mkdir(parents=True)
    (tmp_path / "src" / "utils.py").write_text("import a_library_that_is_not_here")
    (tmp_path / "src" / "model" / "layers.py").write_text("CapsNet = 1")
    with pytest.raises(InputError, match="cannot be imported.*a_library_that_is_not_here"):
        import_peer(tmp_path)
    (tmp_path / "src" / "utils.py").write_text(
        "import sys\nsys.path.append('x')\none_hot_encode = accuracy = 1"
    )
    with pytest.raises(InputError, match="src.model.layers has no loss_func"):
        import_peer(tmp_path)


def test_importing_the_peer_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "src" / "model").mkdir(parents=True)
    (tmp_path / "src" / "utils.py").write_text(
        "import sys\nsys.path.append('x')\none_hot_encode = accuracy = 1"
    )
    (tmp_path / "src" / "model" / "layers.py").write_text("CapsNet = loss_func = 1")
    path = sys.path.copy()
    assert import_peer(tmp_path).layers.CapsNet == 1
    assert sys.path == path
    assert not any(name.split(".")[0] == "src" for name in sys.modules)
    assert not list(tmp_path.rglob("__pycache__"))


@pytest.mark.parametrize("job", [TINY, SHARED], ids=["none", "per_type"])
def test_the_peer_trains_with_and_without_its_loader(job: Job) -> None:
    folder = os.environ.get("FASTRCAPS")
    if folder is None:
        pytest.skip("FASTRCAPS does not name a checkout of github.com/Alexei95/FasTrCaps")
    images = random_images(8, job.size.image, CPU)
    peer = Peer(import_peer(Path(folder)), job.size, 3, images, job.batch_size, CPU)
    assert sum(weight.numel() for weight in peer.model.parameters()) == job.size.parameters
    before = peer.model.digit.weight.detach().clone()
    peer.run(3)  # more than one pass over the images
    between = peer.model.digit.weight.detach().clone()
    peer.run_without_loader(1)
    assert not torch.equal(before, between)
    assert not torch.equal(between, peer.model.digit.weight)
