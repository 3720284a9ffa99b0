"""How a study may time its runs. Nothing heavy is imported here, so that a command line lists it at once."""

from __future__ import annotations

from enum import StrEnum


class Timing(StrEnum):
    """How a study is to time its runs; ``AUTO`` is one of the others, by the device."""

    MEASURED = "measured"
    CALIBRATED = "calibrated"
    AUTO = "auto"

    def on(self, device_type: str) -> Timing:
        """Give the clock on a device: calibrated on a processor, which is seldom left alone; measured on a GPU."""
        if self is not Timing.AUTO:
            return self
        return Timing.CALIBRATED if device_type == "cpu" else Timing.MEASURED
