"""An engine whose losses are compiled, forward and backward, for each batch size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import torch
from typing_extensions import override

from dse.errors import DeviceError
from dse.training.step_engine import Setup, StepEngine

# Compiled graphs a process may hold, one for each batch size of each network; torch stops at 8.
COMPILED_GRAPHS = 1000


class CompiledEngine(StepEngine):
    """Runs the plain step with its losses compiled by torch, on a processor.

    Torch keeps what it has compiled: another network of the same sizes is trained by it too.

    Args:
        setup: What is trained on what.
    """

    def __init__(self, setup: Setup) -> None:
        # The plain arithmetic: the compiler puts the passes over the votes together itself.
        super().__init__(setup, "compiled")
        # In one graph, or not at all: parts left out would run uncompiled without a word.
        compiled = torch.compile(setup.network.losses, dynamic=False, fullgraph=True)
        self._step = dataclasses.replace(self._step, losses_of=compiled)

    @override
    def prepare(self, batch_sizes: Iterable[int]) -> None:
        """Compile the losses for these batch sizes.

        Raises:
            DeviceError: They cannot be compiled.
        """
        from torch._dynamo.exc import TorchDynamoException  # takes seconds to import

        try:
            with torch._dynamo.config.patch(recompile_limit=COMPILED_GRAPHS):
                super().prepare(batch_sizes)
        except TorchDynamoException as error:
            raise DeviceError(
                f"the training step cannot be compiled: {str(error).splitlines()[0]}. Use --engine fast."
            ) from error
