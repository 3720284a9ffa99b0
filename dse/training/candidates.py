"""Ways to run a step on a GPU: the one that is on, and those that are off until they are measured on one.

All of them are twins of the plain step up to rounding, and that is tested on the processor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dse.networks.network import PLAIN, Arithmetic
from dse.networks.spectral import SPECTRAL_FROM_BATCH
from dse.recipe.recipe import Precision
from dse.training.graph_engine import IMAGES_A_GRAPH, GraphEngine
from dse.training.step_engine import Engine, Setup, StepEngine

# Above this the library's kernels have rows enough.
UNFOLD_UP_TO_BATCH = 16
FAST_ON_GPU = Arithmetic(analytic=True)


@dataclass(frozen=True, slots=True)
class Corner:
    """Where steps are measured.

    Attributes:
        batch_size: Images a step.
        precision: Of the steps' products.
        device_type: ``cuda`` or ``cpu``.
        shared: Whether class-capsule matrices are shared.
    """

    batch_size: int
    precision: Precision
    device_type: str
    shared: bool = False


def _anywhere(corner: Corner) -> bool:
    return True


def _on_gpu(corner: Corner) -> bool:
    return corner.device_type == "cuda"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to run steps.

    Attributes:
        arithmetic: How losses are computed.
        images_a_graph: How many images a graph's steps pass over.
        differs: Whether it is another way than ``fast`` in a corner.
    """

    arithmetic: Arithmetic
    images_a_graph: int = IMAGES_A_GRAPH
    differs: Callable[[Corner], bool] = _anywhere


CANDIDATES: dict[str, Candidate] = {
    "fast": Candidate(FAST_ON_GPU),
    "plain": Candidate(PLAIN),
    "unfold": Candidate(
        replace(FAST_ON_GPU, unfold_up_to_batch=UNFOLD_UP_TO_BATCH),
        differs=lambda corner: corner.batch_size <= UNFOLD_UP_TO_BATCH,
    ),
    "channels_last": Candidate(replace(FAST_ON_GPU, channels_last=True)),
    "kernels_by_trial": Candidate(replace(FAST_ON_GPU, kernels_by_trial=True), differs=_on_gpu),
    "channels_last_by_trial": Candidate(
        replace(FAST_ON_GPU, channels_last=True, kernels_by_trial=True), differs=_on_gpu
    ),
    "spectral": Candidate(
        replace(FAST_ON_GPU, spectral_from_batch=SPECTRAL_FROM_BATCH),
        # In bfloat16 the transforms would be too coarse.
        differs=lambda corner: corner.batch_size >= SPECTRAL_FROM_BATCH and corner.precision == "float32",
    ),
    "graph_of_8_images": Candidate(
        FAST_ON_GPU, 8, lambda corner: _on_gpu(corner) and corner.batch_size <= 16
    ),
    "graph_of_128_images": Candidate(
        FAST_ON_GPU, 128, lambda corner: _on_gpu(corner) and corner.batch_size <= 64
    ),
    "fused": Candidate(
        replace(FAST_ON_GPU, fused_routing=True),
        differs=lambda corner: _on_gpu(corner) and not corner.shared,
    ),
    "fused_dots": Candidate(
        replace(FAST_ON_GPU, fused_routing=True, fused_dots=True),
        differs=lambda corner: _on_gpu(corner) and not corner.shared,
    ),
    # A processor has an engine of its own for it.
    "compiled": Candidate(Arithmetic(compiled=True), differs=_on_gpu),
}


def candidates_in(corner: Corner) -> list[str]:
    """Name the candidates that are worth measuring in a corner, ``fast`` first."""
    return [name for name, candidate in CANDIDATES.items() if candidate.differs(corner)]


def build_candidate(name: str, setup: Setup) -> Engine:
    """Build the engine of a candidate: with graphs on a GPU, step by step elsewhere."""
    candidate = CANDIDATES[name]
    if setup.device.type == "cuda":
        return GraphEngine(setup, name, candidate.arithmetic, images_a_graph=candidate.images_a_graph)
    return StepEngine(setup, name, candidate.arithmetic)
