"""The kernels compile for Hopper where no GPU is, with the block sizes of real batches, and hardly spill."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dse.data.datasets import MNIST_SHAPE
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.weight_sharing import WeightSharing

pytest.importorskip("triton")

COMPILE = """
import sys
from pathlib import Path
import torch, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from dse.networks import triton_dots, triton_routing

batch, size, capsules, folder = *map(int, sys.argv[1:4]), Path(sys.argv[4])
dots = sys.argv[5] == "dots"
shapes = (batch, capsules, 8), (capsules, 8, 10, size), (batch, 10, size)
_, _, sizes = triton_routing._blocks(*(torch.empty(shape, device="meta") for shape in shapes), dots)
options = {"num_warps": sizes.pop("num_warps"), "num_stages": sizes.pop("num_stages", 3)}
constants = {name: size for name, size in sizes.items() if name not in ("batch", "capsules")}
kernels = (
    (triton_dots.sum_kernel, triton_dots.gradient_kernel)
    if "number_block" in sizes
    else (triton_routing._sum_kernel, triton_routing._gradient_kernel)
)
for number, kernel in enumerate(kernels):
    names = kernel.arg_names
    types = dict.fromkeys(names, "*fp32") | {"batch": "i32", "capsules": "i32"} | dict.fromkeys(constants, "constexpr")
    aligned = {(i,): [["tt.divisibility", 16]] for i, each in enumerate(names) if types[each] == "*fp32"}
    source = ASTSource(kernel, types, {(names.index(each),): size for each, size in constants.items()}, aligned)
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    (folder / f"{number}.ptx").write_text(compiled.asm["ptx"])
print(Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "ptxas")
"""


PRESETS = {"full": 1152, "small": 288, "tiny": 144}


@pytest.mark.slow
@pytest.mark.parametrize(("batch", "size"), [(1, 16), (5, 16), (128, 16), (128, 4), (128, 32), (128, 256)])
def test_the_full_capsnets_kernels_compile_for_hopper(batch: int, size: int, tmp_path: Path) -> None:
    # Triton 3.8's take 8 bytes each way at most.
    assert spilt(tmp_path, batch, size, PRESETS["full"], "plain") <= 32


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "batch"), [("full", 1), ("full", 16), ("full", 128), ("small", 128), ("tiny", 128)]
)
def test_the_kernels_of_products_compile_for_hopper_and_spill_nothing(
    preset: str, batch: int, tmp_path: Path
) -> None:
    assert spilt(tmp_path, batch, 16, PRESETS[preset], "dots") == 0
    assert all("mma.sync" in program.read_text() for program in tmp_path.glob("*.ptx"))


def test_the_presets_capsules_are_those() -> None:
    sizes = {name: CapsNetModel(preset=name).size(MNIST_SHAPE, WeightSharing()) for name in PRESETS}
    assert {name: size.types * size.positions for name, size in sizes.items()} == PRESETS


def spilt(folder: Path, batch: int, size: int, capsules: int, form: str) -> int:
    """Compile both kernels; give the bytes that they spill. No thread has more than 255 registers."""
    # In a process of its own: this one may interpret.
    command = [sys.executable, "-c", COMPILE, str(batch), str(size), str(capsules), str(folder), form]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assembler = done.stdout.strip()
    if not Path(assembler).is_file():
        pytest.skip(f"Triton brings no {assembler}")
    bytes_spilt = 0
    programs = list(folder.glob("*.ptx"))
    assert len(programs) == 2
    for program in programs:
        command = [assembler, "-v", "--gpu-name=sm_90a", str(program), "-o", str(folder / "cubin")]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        (registers,) = map(int, re.findall(r"Used (\d+) registers", told))
        assert registers <= 255
        bytes_spilt += sum(map(int, re.findall(r"(\d+) bytes spill", told)))
    return bytes_spilt
