"""An engine that runs the steps as CUDA graphs, recorded for each batch size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from dse.errors import DeviceError
from dse.networks.network import Arithmetic
from dse.training.graphs import Capture, CaptureError, GraphCapture, Work, restored
from dse.training.step import add_up
from dse.training.step_engine import Setup, StepEngine

IMAGES_A_GRAPH = 32


@dataclass(frozen=True, slots=True)
class _Recording:
    """Some steps of one batch size, and where they read from. S steps, B images of a batch."""

    chosen_SB: Tensor
    rates_S: Tensor
    shares_S: Tensor
    replay: Work


class GraphEngine(StepEngine):
    """Runs the same steps as CUDA graphs, recorded for each batch size.

    A graph of one step runs whatever a longer one leaves over, an epoch's last, smaller batch too: that takes one
    more capture of a size, and no second way to run a step. A size that was not prepared is recorded when it is met.

    Args:
        setup: What is trained on what; on a GPU.
        name: What the records shall say.
        arithmetic: How losses and predictions are computed.
        capture: Records work; as CUDA graphs if None.
        images_a_graph: See ``steps_a_graph``.
    """

    def __init__(
        self,
        setup: Setup,
        name: str,
        arithmetic: Arithmetic,
        capture: Capture | None = None,
        images_a_graph: int = IMAGES_A_GRAPH,
    ) -> None:
        super().__init__(setup, name, arithmetic)
        optimizers = self._step.update.optimizers
        self._capture = GraphCapture(setup.device, self.generator, optimizers) if capture is None else capture
        self._images_a_graph = images_a_graph
        self._recordings: dict[tuple[int, int], _Recording] = {}
        self._sums = torch.zeros(3, dtype=torch.float64, device=setup.device)

    @override
    def prepare(self, batch_sizes: Iterable[int]) -> None:
        """Record every graph of these batch sizes.

        Raises:
            DeviceError: The steps cannot be recorded.
        """
        # The largest first: the smaller ones then find room in the memory that it reserves.
        for size in sorted(set(batch_sizes), reverse=True):
            for steps in sorted({1, self.steps_at_once(size)}):
                self._recorded(steps, size)

    @override
    def steps_at_once(self, batch_size: int) -> int:
        return steps_a_graph(batch_size, self._images_a_graph)

    @override
    def train(
        self, chosen_N: Tensor, batch_size: int, rates_S: Tensor, shares_S: Tensor | None = None
    ) -> Tensor:
        if len(rates_S) != -(-len(chosen_N) // batch_size):
            raise ValueError(
                f"{len(rates_S)} rates for {len(chosen_N)} images in batches of {batch_size}: "
                "there must be one for each batch."
            )
        self._check_shares(shares_S)
        self._sums.zero_()
        step = 0
        while step < len(rates_S):
            whole_steps = len(chosen_N) // batch_size - step
            steps = self.steps_at_once(batch_size)
            steps = steps if steps <= whole_steps else 1
            chosen = chosen_N[step * batch_size : (step + steps) * batch_size]
            recording = self._recorded(steps, len(chosen) // steps)
            recording.chosen_SB.copy_(chosen.view_as(recording.chosen_SB))
            recording.rates_S.copy_(rates_S[step : step + steps])
            if shares_S is not None:
                recording.shares_S.copy_(shares_S[step : step + steps])
            recording.replay()
            step += steps
        return self._sums.clone()

    def _recorded(self, steps: int, batch_size: int) -> _Recording:
        if (steps, batch_size) not in self._recordings:
            self._recordings[steps, batch_size] = self._record(steps, batch_size)
        return self._recordings[steps, batch_size]

    def _record(self, steps: int, batch_size: int) -> _Recording:
        device = self.generator.device
        chosen_SB = torch.zeros(steps, batch_size, dtype=torch.int64, device=device)
        rates_S = torch.zeros(steps, device=device)
        shares_S = torch.zeros(steps, dtype=torch.float64, device=device)
        network, update = self._network, self._step.update
        lasting = [*network.parameters(), *network.buffers(), *update.lasting, self._sums]

        def work() -> None:
            for chosen, rate, share in zip(chosen_SB, rates_S, shares_S, strict=True):
                add_up(self._sums, self._step(self._images[chosen], rate, share), batch_size)

        try:
            with restored(lasting, self.generator):
                replay = self._capture(work)
        except CaptureError as error:
            raise DeviceError(
                f"a training step of batch size {batch_size} cannot be recorded as a CUDA graph: {error}. "
                "Use --engine reference, which runs the same steps kernel by kernel."
            ) from error
        # Gradients lie in the graphs' memory, where the next graph may want them to be.
        self._network.zero_grad(set_to_none=True)
        return _Recording(chosen_SB, rates_S, shares_S, replay)


def steps_a_graph(batch_size: int, images: int = IMAGES_A_GRAPH) -> int:
    """Decide how many steps one graph holds: as many as it takes to pass over so many images.

    Between two graphs the device copies indices and rates and waits for the launch. The shorter the step, the larger
    the share of that, so short steps are launched together. The 32 is an estimate, not yet measured.

    >>> steps_a_graph(1), steps_a_graph(16), steps_a_graph(128)
    (32, 2, 1)
    """
    return max(1, images // batch_size)
