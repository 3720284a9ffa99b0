from __future__ import annotations

import re

import pytest
import torch

from dse.errors import DeviceError
from dse.training.device import device_title, find_device, hardware, threads_of, use_threads


def test_the_processor_is_always_there():
    assert find_device("cpu") == torch.device("cpu")


def test_auto_takes_a_gpu_only_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == torch.device("cpu")
    _pretend_gpus(monkeypatch, 2)
    assert find_device("auto") == torch.device("cuda", 0)
    assert find_device("cuda") == torch.device("cuda", 0)
    assert find_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["gpu", "tpu", "", "cuda:", "cuda:x", "cuda:-1", "CPU"])
def test_an_unknown_device_is_refused_by_name(name, monkeypatch):
    _pretend_gpus(monkeypatch, 2)
    with pytest.raises(
        DeviceError, match=re.escape(f"device {name!r} is unknown. Choose one of: auto, cpu, cuda:0")
    ):
        find_device(name)


def test_an_absent_device_is_refused_with_what_there_is(monkeypatch):
    _pretend_gpus(monkeypatch, 1)
    with pytest.raises(
        DeviceError, match=r"'cuda:3' is not here: .* sees 1 GPUs. Choose one of: auto, cpu, cuda:0\."
    ):
        find_device("cuda:3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="auto, cpu, or install a CUDA build"):
        find_device("cuda")


def test_a_title_names_model_and_threads(cpu):
    assert re.fullmatch(r"\S.*, \d+ threads?", device_title(cpu))


@pytest.mark.gpu
def test_a_gpu_has_its_name(gpu):
    assert device_title(gpu) == torch.cuda.get_device_name(0)


def _pretend_gpus(monkeypatch, number):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: number)


def test_threads_are_set_only_where_asked_for():
    before = torch.get_num_threads()
    try:
        use_threads(1)
        assert threads_of(torch.device("cpu")) == torch.get_num_threads() == 1
        use_threads(None)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    assert threads_of(torch.device("cuda", 0)) is None


def test_more_threads_than_cores_are_refused(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with pytest.raises(DeviceError, match="threads: 3, but this machine has 2 cores.*Use at most 2"):
        use_threads(3)


def test_the_record_names_processor_and_what_drives_a_gpu(monkeypatch):
    here = hardware(torch.device("cpu"))
    assert list(here) == ["processor"]
    assert device_title(torch.device("cpu")).startswith(str(here["processor"]))
    told = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs)\nGCC version: 12\n"
    monkeypatch.setattr("dse.training.device.Path.read_text", lambda path: told)
    assert hardware(torch.device("cuda", 0))["gpu_driver"] == "580.65.06"


def test_a_driver_that_says_nothing_is_none(monkeypatch):
    def missing(path):
        raise FileNotFoundError

    monkeypatch.setattr("dse.training.device.Path.read_text", missing)
    assert hardware(torch.device("cuda", 0))["gpu_driver"] is None
