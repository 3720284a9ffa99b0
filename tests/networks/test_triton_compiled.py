"""The kernels compile for Hopper where no GPU is, with the block sizes of real batches, and hardly spill."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")

COMPILE = """
import sys
from pathlib import Path
import torch, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from dse.networks import triton_routing

batch, size, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
shapes = (batch, 1152, 8), (1152, 8, 10, size), (batch, 10, size)
_, _, sizes = triton_routing._blocks(*(torch.empty(shape, device="meta") for shape in shapes))
warps = sizes.pop("num_warps")
constants = {name: size for name, size in sizes.items() if name not in ("batch", "capsules")}
for name in ("_sum_kernel", "_gradient_kernel"):
    kernel = getattr(triton_routing, name)
    names = kernel.arg_names
    types = dict.fromkeys(names, "*fp32") | {"batch": "i32", "capsules": "i32"} | dict.fromkeys(constants, "constexpr")
    aligned = {(i,): [["tt.divisibility", 16]] for i, each in enumerate(names) if types[each] == "*fp32"}
    source = ASTSource(kernel, types, {(names.index(each),): size for each, size in constants.items()}, aligned)
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": warps})
    (folder / f"{name}.ptx").write_text(compiled.asm["ptx"])
print(Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "ptxas")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("batch", "size"), [(1, 16), (5, 16), (128, 16), (128, 4), (128, 32), (128, 256)])
def test_the_full_capsnets_kernels_compile_for_hopper(batch: int, size: int, tmp_path: Path) -> None:
    # In a process of its own: this one may interpret.
    command = [sys.executable, "-c", COMPILE, str(batch), str(size), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assembler = done.stdout.strip()
    if not Path(assembler).is_file():
        pytest.skip(f"Triton brings no {assembler}")
    for program in tmp_path.glob("*.ptx"):
        command = [assembler, "-v", "--gpu-name=sm_90a", str(program), "-o", str(tmp_path / "cubin")]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        (registers,) = map(int, re.findall(r"Used (\d+) registers", told))
        spilt = sum(map(int, re.findall(r"(\d+) bytes spill", told)))
        # Triton 3.8's take 8 bytes each way at most.
        assert registers <= 255
        assert spilt <= 32, told
