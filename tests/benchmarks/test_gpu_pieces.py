"""Every piece of the GPU program in its small form on the processor, and what the tables say of it."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
MACHINE = {"device": "GPU", "commit": None, "code": "abc", "versions": {"torch": "2.11", "pandas": None}}
CURVE = [
    {"epoch": 1, "train_seconds": 2.0, "test_accuracy": 0.98},
    {"epoch": 2, "train_seconds": 4.0, "test_accuracy": 0.995},
]
SMALL = (
    "--device",
    "cpu",
    "--dataset",
    "digits",
    "--preset",
    "tiny",
    "--repeats",
    "2",
    "--turn-seconds",
    "0",
)


@pytest.fixture
def gpu_program(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    import gpu

    return gpu


@pytest.fixture
def measures(gpu_program: Any, tmp_path: Path) -> Any:
    import gpu_measures

    return gpu_measures.Bench(gpu_program._settings(options(gpu_program, tmp_path, *SMALL)))


def options(program: Any, folder: Path, *arguments: str) -> Any:
    return program._parser().parse_args(["--out", str(folder), *arguments])


def refuse(found: dict[str, Any]) -> None:
    raise AssertionError("nothing is told before the end")


def table_of(program: Any, folder: Path, part: str, measured: dict[str, Any]) -> str:
    """Record a part's first piece; give what the tables say."""
    piece = next(piece for piece in program.plan(options(program, folder, *SMALL)) if piece.part == part)
    program.Results(folder, MACHINE).record(piece, "done", 1.0, measured)
    return (folder / "gpu.md").read_text()


@pytest.mark.parametrize(
    ("batch_size", "precision"),
    [pytest.param(1, "float32", marks=pytest.mark.slow), (16, "bfloat16"), (128, "float32")],
)
def test_smoke_compares_the_engines(
    gpu_program: Any, measures: Any, tmp_path: Path, batch_size: int, precision: str
) -> None:
    corner = {"sharing": "per_type", "batch_size": batch_size, "precision": precision}
    told: list[Any] = []
    measured = measures.measure("smoke", corner, 60.0, told.append)
    assert told == [measured]
    assert measured["engines"].keys() == {"fast"}
    assert measured["engines"]["fast"]["difference"] <= measured["tolerance"]
    assert "| none | 128 | float32 | fast |" in table_of(gpu_program, tmp_path, "smoke", measured)


@pytest.mark.parametrize("spoil", [lambda loss: loss * 1.01, lambda loss: loss * float("nan")])
def test_smoke_fails_where_an_engine_loses_otherwise(measures: Any, monkeypatch: Any, spoil: Any) -> None:
    import gpu_steps

    real, calls = gpu_steps._lost, []

    def lost(*arguments: Any) -> tuple[torch.Tensor, float]:
        calls.append(arguments)
        losses, seconds = real(*arguments)
        return (spoil(losses) if len(calls) == 2 else losses), seconds

    monkeypatch.setattr(gpu_steps, "_lost", lost)
    told: list[Any] = []
    corner = {"sharing": "none", "batch_size": 64, "precision": "float32"}
    with pytest.raises(RuntimeError, match="fast: the losses differ from the reference's by more than 0.005"):
        measures.measure("smoke", corner, 60.0, told.append)
    assert told[0]["engines"].keys() == {"fast"}


def test_a_profile_lists_what_takes_the_time(gpu_program: Any, measures: Any, tmp_path: Path) -> None:
    corner = {"sharing": "none", "batch_size": 16, "precision": "float32"}
    measured = measures.measure("profile", corner, 60.0, refuse)
    by_name = {row["name"]: row for row in measured["rows"]}
    assert by_name["aten::convolution_backward"]["calls"] == pytest.approx(2)
    times = [row["microseconds"] for row in measured["rows"]]
    assert times == sorted(times, reverse=True)
    assert sum(times) <= measured["busy_microseconds"]
    text = table_of(gpu_program, tmp_path, "profile", measured)
    assert "#### none, 128, float32\n\n| what for |" in text
    assert "\n| convolutions | " in text
    assert "| `aten::convolution_backward` | 2.0 |" in text


@pytest.mark.slow
def test_alternatives_take_turns(gpu_program: Any, measures: Any, tmp_path: Path) -> None:
    corner = {"sharing": "none", "batch_size": 1, "precision": "float32"}
    measured = measures.measure("alternatives", corner, 60.0, refuse)
    assert list(measured["speed_over_fast"]) == ["fast", "plain", "unfold", "channels_last"]
    assert measured["speed_over_fast"]["fast"]["median"] == 1
    assert measured["failures"] == {}
    measured["failures"] = {"fused": "Traceback\nno | kernel"}
    text = table_of(gpu_program, tmp_path, "alternatives", measured)
    assert "| none | 128 | float32 | fast | 1.00 (1.00 to 1.00) |" in text
    assert "| fused | failed | no \\| kernel |" in text


@pytest.mark.slow
def test_bench_rows_and_epochs(gpu_program: Any, measures: Any, tmp_path: Path) -> None:
    corner = {"sharing": "per_type", "batch_size": 64, "precision": "float32"}
    row = measures.measure("bench", corner | {"peer": False}, 60.0, refuse)
    assert row["failures"] == {}
    assert row["fast_over_reference"] > 0
    epoch = measures.measure("epoch", corner, 4.0, refuse)
    assert epoch["images_of_an_epoch"] == measures.trainer.data.split.train_images
    table_of(gpu_program, tmp_path, "bench", row)
    assert "fast |" in table_of(gpu_program, tmp_path, "epoch", epoch)


def test_the_tables_say_what_is_partial_and_extrapolated(gpu_program: Any, tmp_path: Path) -> None:
    pieces = gpu_program.plan(options(gpu_program, tmp_path))
    results = gpu_program.Results(tmp_path, MACHINE)
    first = {piece.part: piece for piece in reversed(pieces)}
    reached = {"curve": CURVE, "outcome": "target reached", "setup_seconds": 1.0,
               "peak_allocated_bytes": 2**30, "peak_reserved_bytes": 2**31}  # fmt: skip
    epoch = {"epoch_seconds": [20.0], "images_measured": 6000, "images_of_an_epoch": 60000, "extrapolated": True,
             "engine": "fast", "setup_seconds": 2.0}  # fmt: skip
    row = {name: 2.0 for name in ("reference", "fast", "limit", "fast_over_reference", "fast_over_limit")}
    row |= {"spread": {name: [1.0, 3.0] for name in row}, "repeats": 5}
    row["engine"] = {"fast": {"name": "fast", "setup_seconds": 3.0}}
    results.record(first["tests"], "done", 1.0, {"counts": {"passed": 7}})
    results.record(first["bench"], "done", 1.0, row)
    results.record(first["epoch"], "done", 1.0, epoch)
    results.record(first["target"], "done", 1.0, reached)
    results.record(first["accuracy"], "partial", 1.0, reached | {"outcome": "stopped"}, "stopped")
    text = (tmp_path / "gpu.md").read_text()
    for line in (
        "7 passed",
        "| none | 128 | float32 | 2 (1 to 3) | 2 (1 to 3) | - | - | 2 (1 to 3) | 2.00 (1.00 to 3.00) | - |",
        "20.00 (20.00 to 20.00) | extrapolated from 10.0 % of an epoch | fast |",
        "| paper/one_cycle | float32 | 1 of 1 | 0 | 4.0 (4.0 to 4.0) | 2 (2 to 2) | 99.50 (99.50 to 99.50) |",
        "1.00 (2.00 reserved)",
        "| paper/baseline | float32 | 0 of 1 | - | - | - |",
        "| partial | stopped |",
    ):
        assert line in text


def test_a_row_without_the_fast_engine_keeps_the_others(gpu_program: Any, tmp_path: Path) -> None:
    piece = gpu_program.plan(options(gpu_program, tmp_path, "--parts", "bench"))[0]
    row = {"reference": 2.0, "spread": {"reference": [1.0, 3.0]}, "repeats": 5, "engine": {}}
    gpu_program.Results(tmp_path, MACHINE).record(piece, "failed", 1.0, row, "RuntimeError: fast: no capture")
    text = (tmp_path / "gpu.md").read_text()
    assert "| none | 128 | float32 | 2 (1 to 3) | - |" in text
    assert "| failed | - | - | 5 |" in text
    assert "| failed | RuntimeError: fast: no capture |" in text


def test_the_doctests_of_the_tables(gpu_program: Any) -> None:
    import gpu_kernels
    import gpu_tables

    assert doctest.testmod(gpu_tables) == (0, 2)
    assert doctest.testmod(gpu_kernels) == (0, 3)


def test_kernels_of_hopper_are_told_apart(gpu_program: Any) -> None:
    from gpu_kernels import kind_of

    names = {
        "void cudnn::cnn::wgrad2d_grouped_direct_kernel<float>": "convolutions",
        "void cutlass::Kernel2<cutlass_80_simt_sgemm_256x128_8x4_nn_align1>": "products",
        "nvjet_tst_128x64_64x8_2x1_v_bz_TNN": "products",
        "void gemvNSP_kernel<float, float, float, float, 1, 32>": "products",
        "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<FusedAdamMathFunctor>": "optimizer",
        "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>": "element by element",
        "void (anonymous namespace)::softmax_warp_forward<float, float, float, 4, false>": "softmax",
        "void at::native::(anonymous namespace)::CatArrayBatchedCopy<unsigned int, 128, 1>": "gathering and copying",
        "Memcpy DtoD (Device -> Device)": "copies to and fro",
        "_gradient_kernel": "fused routing",
    }
    assert {name: kind_of(name) for name in names} == names


def test_the_ways_that_win_are_named_first(gpu_program: Any) -> None:
    from gpu_tables import _faster

    speeds = {"fast": (1, 1), "a": (1.2, 1.1), "b": (1.5, 0.9), "c": (1.3, 1.01)}
    found = {name: {"median": median, "low": low} for name, (median, low) in speeds.items()}
    assert _faster(found) == "c 1.30, a 1.20"
    assert _faster({"fast": found["fast"]}) == "none"
