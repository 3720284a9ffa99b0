"""What a GPU's kernels are for, told by their names."""

from __future__ import annotations

import re

# Names of templates run over pages.
NAME_CHARACTERS = 100
# What every such name begins with or repeats, and says nothing.
EMPTY_WORDS = re.compile(r"^void |at::native::|at::|c10::|std::|\(anonymous namespace\)::|<unnamed>::")
# What a kernel is for, by what its name contains; the first that fits. A convolution's may be a product of matrices.
KINDS = {
    "copies to and fro": ("memcpy", "memset"),
    "optimizer": ("adam", "multi_tensor", "multitensor"),
    "fused routing": ("sum_kernel", "_gradient_kernel", "gradient_kernel"),
    "convolutions": ("conv", "cudnn", "wgrad", "dgrad", "fprop", "nchw", "nhwc", "winograd", "fft"),
    "products": (
        "gemm",
        "nvjet",
        "gemv",
        "cutlass",
        "cublas",
        "splitk",
        "dot_kernel",
        "bmm",
        "::mm",
        "addmm",
        "matmul",
    ),
    "softmax": ("softmax",),
    "sums and lengths": ("reduce", "norm", "::sum"),
    "gathering and copying": ("copy", "cat", "index", "gather", "pad", "clone"),
    "random numbers": ("random", "distribution", "philox"),
    "compiled": ("triton_",),
    "element by element": ("elementwise", "aten::"),
}


def kind_of(name: str) -> str:
    """Tell what a kernel is for.

    >>> kind_of("void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float>>"), kind_of("mystery")
    ('sums and lengths', 'other')
    >>> kind_of("sm90_xmma_dgrad_implicit_gemm_f32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x128x32")
    'convolutions'
    """
    lower = name.lower()
    return next((kind for kind, parts in KINDS.items() if any(part in lower for part in parts)), "other")


def short_name(name: str) -> str:
    """Leave out what says nothing, and what is too long for a table.

    >>> short_name("void at::native::(anonymous namespace)::CatArrayBatchedCopy<float>")
    'CatArrayBatchedCopy<float>'
    """
    return EMPTY_WORDS.sub("", name)[:NAME_CHARACTERS].replace("|", "\\|")
