"""An engine whose losses are compiled, forward and backward, for each batch size."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from typing_extensions import override

from dse.errors import DeviceError
from dse.networks.network import Arithmetic
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
        super().__init__(setup, "compiled", Arithmetic(compiled=True))

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
            # The first line names the backend, the next one what it raised.
            reason = " ".join(str(error).splitlines()[:2])
            raise DeviceError(
                f"the training step cannot be compiled: {reason.rstrip('.')}. Use --engine fast."
            ) from error
