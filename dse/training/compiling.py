"""Whether a run is long enough to pay for compiling its steps."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Literal

import torch

from dse.errors import DeviceError
from dse.recipe.models.capsnet import CapsNetSize
from dse.recipe.plan import Plan
from dse.training.engine import EngineName, is_wide

Compiling = Literal["auto", "on", "off"]

# Measured with one thread on one machine, and good for a decision only: presets tiny and small.
SECONDS_A_STEP = 0.004
OPERATIONS_A_SECOND = 5e10
SECONDS_TO_COMPILE = 25
# Compiled steps are 1.15 times as fast (small) to 1.6 times (tiny, batch 1).
SHARE_SAVED = 0.2


def choose_engine(
    engine: Literal["fast", "reference"], compiling: Compiling, plan: Plan, device: torch.device
) -> tuple[EngineName, str]:
    """Decide whether the fast engine shall compile its steps.

    Args:
        engine: What was asked for.
        compiling: ``on`` and ``off`` decide; ``auto`` leaves it to the plan's length.
        plan: Of the run, or of a study's baseline: all runs of a study must be as fast as each other.
        device: What trains.

    Returns:
        The engine, and why it is that one; no reason where nothing was left to decide.

    Raises:
        DeviceError: ``on``, but it cannot be done here, or would make the run slower.
    """
    if compiling == "off":
        return engine, ""
    obstacle = _obstacle(engine, plan, device)
    if obstacle and compiling == "on":
        raise DeviceError(f"--compile on: {obstacle}. Use --compile off or auto.")
    if obstacle:
        return engine, f"not compiled: {obstacle}"
    if compiling == "on":
        return "fast_compiled", ""
    seconds = SECONDS_A_STEP * plan.total_steps + plan.train_flops / OPERATIONS_A_SECOND
    cost = SECONDS_TO_COMPILE * len(plan.step_sizes)
    saved = SHARE_SAVED * seconds
    reason = (
        f"a run of about {seconds:.0f} s would save about {saved:.0f} s, "
        f"and compiling takes up to {cost:.0f} s"
    )
    return ("fast_compiled", f"compiled: {reason}") if saved > cost else ("fast", f"not compiled: {reason}")


def _obstacle(engine: str, plan: Plan, device: torch.device) -> str:
    """Say what stands in the way of compiling; nothing if empty."""
    size = plan.recipe.size(plan.image)
    if engine == "reference":
        return "the reference engine runs the plain step"
    if device.type != "cpu":
        return "on a GPU the steps run as CUDA graphs"
    if not isinstance(size, CapsNetSize):
        return "only a CapsNet's steps are compiled"
    if plan.recipe.precision != "float32":
        return f"only float32 is compiled, not {plan.recipe.precision}"
    if is_wide(size.primary_channels):
        return "a network as wide as this one would train slower"
    if _compiler() is None:
        return "there is no C++ compiler here; set CXX to one, or install g++"
    return ""


def _compiler() -> str | None:
    """Find the compiler that torch would call."""
    usual = {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
    return shutil.which(os.environ.get("CXX", usual))
