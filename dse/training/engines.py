"""The engines by name: what runs the steps. All train the same, one step a batch; they differ in speed.

Nothing heavy is imported here, so that a command line lists them at once.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from dse.errors import DeviceError

if TYPE_CHECKING:
    from dse.recipe.models.capsnet import CapsNetSize
    from dse.recipe.plan import Plan
    from dse.recipe.recipe import Precision
    from dse.training.step_engine import Engine, Setup

AUTO = "auto"
AUTO_DESCRIPTION = "compiled if the run (of a study, the baseline's) is long enough to pay for it, else fast"
FALLBACK = "fast"

# From this many channels on the primary convolution takes most of a step, which the compiler does not make faster.
WIDE_CHANNELS = 128
# Measured with one thread on one machine, and good for a decision only: presets tiny and small.
SECONDS_A_STEP = 0.004
OPERATIONS_A_SECOND = 5e10
SECONDS_TO_COMPILE = 25
# Compiled steps are 1.15 times as fast (small) to 1.6 times (tiny, batch 1).
SHARE_SAVED = 0.2

Obstacle = Callable[[object, "Precision", str], str]
"""Given a network's size, the precision and the type of device: what stands in an engine's way; empty if nothing."""


@dataclass(frozen=True, slots=True)
class EngineKind:
    """An engine that can be asked for.

    Attributes:
        description: What it does and where it runs, for help texts.
        build: Builds it, with torch.
        obstacle: What stands in its way; ``fast`` runs instead.
    """

    description: str
    build: Callable[[Setup], Engine]
    obstacle: Obstacle = lambda size, precision, device_type: ""


def _reference(setup: Setup) -> Engine:
    from dse.training.step_engine import StepEngine

    return StepEngine(setup, "reference")


def _fast(setup: Setup) -> Engine:
    from dse.networks.network import Arithmetic
    from dse.networks.spectral import SPECTRAL_FROM_BATCH, spectral_pays
    from dse.training.allocator import keep_freed_memory
    from dse.training.candidates import build_candidate
    from dse.training.step_engine import StepEngine

    if setup.device.type == "cuda":
        return build_candidate("fast", setup)
    keep_freed_memory()
    # In bfloat16 the transforms of the spectral convolution would be too coarse.
    capsnet = _as_capsnet(setup.network.size)
    spectral = setup.precision == "float32" and capsnet is not None and spectral_pays(capsnet)
    arithmetic = Arithmetic(SPECTRAL_FROM_BATCH if spectral else None, analytic=True)
    return StepEngine(setup, "fast", arithmetic)


def _fused(setup: Setup) -> Engine:
    from dse.training.candidates import build_candidate

    return build_candidate("fused", setup)


def _compiled(setup: Setup) -> Engine:
    from dse.training.allocator import keep_freed_memory
    from dse.training.compiled_engine import CompiledEngine

    keep_freed_memory()
    return CompiledEngine(setup)


def _not_fused(size: object, precision: Precision, device_type: str) -> str:
    if device_type != "cuda":
        return "its kernels run on GPUs only"
    capsnet = _as_capsnet(size)
    if capsnet is None:
        return "only a CapsNet routes"
    if capsnet.sharing.class_capsules != "none":
        return "routing with shared class-capsule matrices has no votes to fuse"
    if find_spec("triton") is None:
        return "Triton, which a CUDA build of torch brings along, is not installed here"
    from dse.networks.triton_routing import MOST_NUMBERS, numbers_held

    held = numbers_held(capsnet.image.classes, capsnet.class_size)
    if held > MOST_NUMBERS:
        return f"its kernels hold the class capsules of an image in registers, {MOST_NUMBERS} numbers and not {held}"
    return ""


def _not_compiled(size: object, precision: Precision, device_type: str) -> str:
    if device_type != "cpu":
        return "on a GPU the steps run as CUDA graphs"
    capsnet = _as_capsnet(size)
    if capsnet is None:
        return "only a CapsNet's steps are compiled"
    if precision != "float32":
        return f"only float32 is compiled, not {precision}"
    if min(capsnet.primary_channels) >= WIDE_CHANNELS:
        return "a network as wide as this one would train slower"
    if _compiler() is None:
        return "there is no C++ compiler here; set CXX to one, or install g++"
    return ""


ENGINES: dict[str, EngineKind] = {
    "reference": EngineKind("the plain step, which all others are tested against", _reference),
    "fast": EngineKind(
        "the same losses up to rounding, by faster arithmetic and, on a GPU, as CUDA graphs", _fast
    ),
    "fused": EngineKind("fast with routing as fused Triton kernels, on GPUs only", _fused, _not_fused),
    "compiled": EngineKind(
        "fast with its losses compiled, on a processor and for narrow networks", _compiled, _not_compiled
    ),
}


def engine_choices() -> dict[str, str]:
    """Give every name that an engine may be chosen by, with its description."""
    return {AUTO: AUTO_DESCRIPTION} | {name: kind.description for name, kind in ENGINES.items()}


def check_engine(name: str) -> None:
    """Refuse a name that is no engine's.

    Raises:
        DeviceError: It is neither ``auto`` nor in ``ENGINES``.
    """
    if name not in engine_choices():
        raise DeviceError(f"engine {name!r} is unknown. Choose one of: {', '.join(engine_choices())}.")


def choose_engine(name: str, plan: Plan, device_type: str) -> tuple[str, str]:
    """Decide which engine is to run a plan.

    Args:
        name: What was asked for; ``auto`` leaves it to the plan's length.
        plan: Of the run, or of a study's baseline: all runs of a study must be as fast as each other.
        device_type: ``cpu`` or ``cuda``.

    Returns:
        The engine, and why it is that one; no reason where nothing was left to decide.

    Raises:
        DeviceError: The engine that was asked for cannot run the plan here, or would make it slower.
    """
    wanted = "compiled" if name == AUTO else name
    obstacle = ENGINES[wanted].obstacle(plan.size, plan.recipe.precision, device_type)
    if name != AUTO:
        if obstacle:
            raise DeviceError(f"engine {name!r}: {obstacle}. Choose {FALLBACK} or {AUTO}.")
        return name, ""
    if obstacle:
        return FALLBACK, f"not compiled: {obstacle}"
    seconds = SECONDS_A_STEP * plan.total_steps + (plan.train_flops or 0) / OPERATIONS_A_SECOND
    cost = SECONDS_TO_COMPILE * len(plan.step_sizes)
    saved = SHARE_SAVED * seconds
    reason = (
        f"a run of about {seconds:.0f} s would save about {saved:.0f} s, "
        f"and compiling takes up to {cost:.0f} s"
    )
    return (wanted, f"compiled: {reason}") if saved > cost else (FALLBACK, f"not compiled: {reason}")


def build_engine(name: str, setup: Setup) -> Engine:
    """Build an engine; where something stands in its way ``fast``, and its ``name`` says so.

    Args:
        name: One of ``ENGINES``.
        setup: What is trained on what.

    Raises:
        DeviceError: The device does not compute in the precision.
    """
    from dse.networks.precision import check_precision

    check_precision([setup.precision], setup.device)
    kind = ENGINES[name]
    if kind.obstacle(setup.network.size, setup.precision, setup.device.type):
        kind = ENGINES[FALLBACK]
    return kind.build(setup)


def _as_capsnet(size: object) -> CapsNetSize | None:
    from dse.recipe.models.capsnet import CapsNetSize

    return size if isinstance(size, CapsNetSize) else None


def _compiler() -> str | None:
    """Find the compiler that torch would call."""
    usual = {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
    return shutil.which(os.environ.get("CXX", usual))
