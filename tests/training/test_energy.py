"""Energy is metered around what is timed, and refused where it cannot be. But for one test meters are fakes."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import dse
from dse.errors import DeviceError
from dse.record.epoch import EpochRow
from dse.record.run import Run
from dse.training.energy import Meter, find_meter, nvml_meter
from dse.training.stopwatch import Stopwatch

DATA = dse.DataChoice(images=50, validation_images=20, test_images=20)
RECIPE = dse.Recipe(model=dse.CnnModel(filters=4), epochs=2, batch_size=dse.Constant(size=10))


def reading(*joules: float | None) -> Meter:
    """A meter that stands at these values, one after the other."""
    left: Iterator[float | None] = iter(joules)
    return lambda: next(left)


def trained(meter: Meter | None, folder: Path | None = None, **how: Any) -> Run:
    def find(device: torch.device) -> Meter:
        if meter is None:
            raise DeviceError("none here")
        return meter

    trainer = dse.Trainer(dse.Machine("cpu"), DATA, folder, find_meter=find)
    return trainer.train(trainer.plan(RECIPE), 0, **how)


def joules_of(run: Run) -> list[float | None]:
    return [row.energy_joules for row in run.curve]


def test_spans_add_up_and_what_lies_between_them_does_not(cpu: torch.device) -> None:
    clock = Stopwatch(cpu, meter=reading(100, 130, 500, 512), joules=7.0)
    for _ in range(2):
        with clock:
            pass
    assert clock.joules == 7 + 30 + 12


def test_reading_the_meter_takes_no_time_that_counts(cpu: torch.device) -> None:
    read: list[str] = []

    def told(name: str) -> Callable[[], float]:
        return lambda: float(bool(read.append(name)))

    with Stopwatch(cpu, clock=told("clock"), meter=told("meter"), joules=0.0):
        read.append("work")
    assert read == ["meter", "clock", "work", "clock", "meter"]


def test_epochs_have_their_energy_without_that_of_evaluations() -> None:
    run = trained(reading(1000, 1030, 1100, 1120))
    assert joules_of(run) == [30, 50]
    assert run.energy_joules == 50


@pytest.mark.parametrize("readings", [(0, None, 100, 120), (0, 30, None, 120)])
def test_a_reading_that_fails_costs_the_energy_and_not_the_run(readings: tuple[float | None, ...]) -> None:
    run = trained(reading(*readings))
    assert len(run.curve) == 2
    assert run.energy_joules is None


def test_without_a_meter_nothing_is_recorded() -> None:
    assert joules_of(trained(None)) == [None, None]
    assert "energy_joules" not in trained(None).curve[0].stored()


def test_a_run_that_resumes_adds_to_what_it_had(tmp_path: Path) -> None:
    stopped = trained(reading(0, 30), tmp_path, on_epoch=lambda row: "enough")
    assert joules_of(stopped) == [30]
    assert joules_of(trained(reading(500, 540), tmp_path)) == [30, 70]


def test_what_was_not_metered_from_the_start_is_not_known(tmp_path: Path) -> None:
    trained(None, tmp_path, on_epoch=lambda row: "enough")
    assert joules_of(trained(reading(500, 540), tmp_path)) == [None, None]


def test_a_row_survives_its_storage() -> None:
    row = trained(reading(1000, 1030, 1100, 1120)).curve[1]
    assert EpochRow.parse(row.stored()) == row
    for wrong in (-1.0, float("inf"), "5", True):
        with pytest.raises(ValueError, match="energy_joules=.* of epoch 2 is no finite number from 0 up"):
            EpochRow.parse(row.stored() | {"energy_joules": wrong})


class NVMLError(Exception):
    """As of the module that is faked."""


def nvml(millijoules: Callable[[str], int]) -> SimpleNamespace:
    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: f"handle of {uuid}",
        nvmlDeviceGetTotalEnergyConsumption=millijoules,
    )


def test_nvml_counts_millijoules_of_the_gpu_with_this_identity() -> None:
    asked: list[str] = []

    def consumption(handle: str) -> int:
        asked.append(handle)
        return 1500 * len(asked)

    meter = nvml_meter(nvml(consumption), "GPU-7")
    assert [meter(), meter()] == [3.0, 4.5]
    assert set(asked) == {"handle of GPU-7"}


def test_a_gpu_that_is_lost_to_nvml_for_a_while_has_no_reading() -> None:
    answers = iter([1000, NVMLError("GPU is lost"), 3000])

    def consumption(handle: str) -> int:
        answer = next(answers)
        if isinstance(answer, NVMLError):
            raise answer
        return answer

    meter = nvml_meter(nvml(consumption), "GPU-7")
    assert [meter(), meter()] == [None, 3.0]


def test_a_gpu_without_a_meter_is_refused_with_the_reason() -> None:
    def refused(handle: str) -> int:
        raise NVMLError("Not Supported")

    with pytest.raises(
        DeviceError, match=r"no meter of GPU-7 \(Not Supported\); GPUs before Volta have none"
    ):
        nvml_meter(nvml(refused), "GPU-7")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_the_real_library_says_that_no_driver_is_here() -> None:
    pynvml = pytest.importorskip("pynvml")
    with pytest.raises(DeviceError, match="NVML reads no meter of GPU-0"):
        nvml_meter(pynvml, "GPU-0")


@pytest.mark.gpu
def test_a_gpus_own_meter_rises_while_it_works(gpu: torch.device) -> None:
    pytest.importorskip("pynvml")
    meter = find_meter(gpu)
    before = meter()
    matrix = torch.rand(4096, 4096, device=gpu)
    for _ in range(200):  # longer than the meter takes to move
        torch.mm(matrix, matrix)
    torch.cuda.synchronize(gpu)
    after = meter()
    assert before is not None
    assert after is not None
    assert 0 < after - before < 1e5


def test_a_trainer_takes_its_way_to_a_meter_along() -> None:
    trainer = dse.Trainer(dse.Machine("cpu"), DATA)
    assert pickle.loads(pickle.dumps(trainer)).find_meter is find_meter
    assert trainer.keeping_in(Path("elsewhere")).find_meter is find_meter
