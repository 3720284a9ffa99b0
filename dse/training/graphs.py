"""CUDA graphs: work recorded once and launched again as a whole, without the program's part of every kernel."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor

Work = Callable[[], None]
Capture = Callable[[Work], Work]
"""Does the work for its side effects on the libraries, and gives what does it again."""

# Torch's notes on CUDA graphs ask for a few runs before a capture: libraries choose kernels and reserve memory.
WARM_UPS = 3


class CaptureError(RuntimeError):
    """Work that cannot be recorded; the text is the reason."""


class GraphCapture:
    """Records work on tensors that stay where they are. All graphs share one pool of memory.

    Sharing asks that no tensor made inside a work is read after it: what lasts must have been made before.

    Args:
        device: A GPU.
        generator: Source of randomness of the works; a launched graph draws what the work itself would have drawn.
        optimizers: Whose steps the works contain.
    """

    def __init__(
        self,
        device: torch.device,
        generator: torch.Generator,
        optimizers: Sequence[torch.optim.Optimizer],
    ) -> None:
        self._device = device
        self._generator = generator
        self._groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self._stream = capture_stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Work) -> Work:
        """Do the work a few times, then record it; give what launches the record.

        Raises:
            CaptureError: Something in the work cannot be recorded.
        """
        current = torch.cuda.current_stream(self._device)
        # A spoilt capture would leave its own stream behind as the current one.
        with torch.cuda.device(self._device), torch.cuda.stream(current):
            self._stream.wait_stream(current)
            self._warm_up(work)
            # A graph that is dropped while another is recorded would spoil that one.
            gc.collect()
            return self._record(work).replay

    def _warm_up(self, work: Work) -> None:
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UPS):
                work()
        # What fails in the work itself shall fail here, and not as if it could not be recorded.
        self._stream.synchronize()

    def _record(self, work: Work) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._generator)
        spoilt: RuntimeError | None = None
        try:
            with self._capturable(), torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                try:
                    work()
                except RuntimeError as error:
                    spoilt = error
        except RuntimeError as error:
            # The end of a spoilt capture raises too, and tells less.
            spoilt = spoilt or error
        try:
            if isinstance(spoilt, torch.OutOfMemoryError):
                raise spoilt
            if spoilt is not None:
                raise CaptureError(str(spoilt).splitlines()[0]) from spoilt
        finally:
            spoilt = None  # else error and frame would hold each other, and the frame its memory
        return graph

    @contextmanager
    def _capturable(self) -> Iterator[None]:
        # Torch refuses to capture a step without this flag, and warns of a step with it outside a capture.
        for group in self._groups:
            group["capturable"] = True
        try:
            yield
        finally:
            for group in self._groups:
                group["capturable"] = False


@cache
def capture_stream(device: torch.device) -> torch.cuda.Stream:
    """Give a GPU's one stream for warm-up and capture: the libraries keep a workspace for each stream."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


@contextmanager
def restored(tensors: Sequence[Tensor], generator: torch.Generator) -> Iterator[None]:
    """Give tensors and generator back, bit for bit, what they held before."""
    held = [tensor.detach().clone() for tensor in tensors]
    state = generator.get_state()
    try:
        yield
    finally:
        generator.set_state(state)
        with torch.no_grad():
            for tensor, before in zip(tensors, held, strict=True):
                tensor.copy_(before)
