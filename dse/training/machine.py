"""The machine that trains, by name. No torch here, so that a command line can name one at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dse.training.engines import check_engine


@dataclass(frozen=True, slots=True)
class Machine:
    """What trains, and where its data lies.

    Attributes:
        device: ``auto`` (the first GPU, or else the processor), ``cpu``, ``cuda`` or ``cuda:N``.
        engine: What runs the steps: ``auto`` or a name of ``dse.training.engines.ENGINES``.
        threads: Threads of the processor that compute, for the whole process from the first run on; torch's own
            choice if None.
        data_dir: Where data sets are looked for and downloaded to.

    Raises:
        DeviceError: The engine is unknown.

    >>> Machine(device="cpu", threads=1).engine
    'fast'
    """

    device: str = "auto"
    engine: str = "fast"
    threads: int | None = None
    data_dir: Path = Path("data")

    def __post_init__(self) -> None:
        check_engine(self.engine)
