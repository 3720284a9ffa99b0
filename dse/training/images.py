"""Images where they are trained on: tensors, moved to the device once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from dse.data.images import Images


@dataclass(frozen=True, slots=True, eq=False)
class DeviceImages:
    """Images with their classes, on the device that trains.

    Attributes:
        pixels: 0..255, uint8, shape (B, C, H, W): images, channels, height, width.
        labels: Classes counted from 0, int64, shape (B,).
    """

    pixels: Tensor
    labels: Tensor

    @classmethod
    def of(cls, images: Images, device: torch.device) -> DeviceImages:
        """Move images to a device."""
        return cls(_tensor(images.pixels).to(device), _tensor(images.labels).to(device))

    @property
    def device(self) -> torch.device:
        """The device that holds the images."""
        return self.labels.device

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen_B: Tensor | slice) -> DeviceImages:
        return DeviceImages(self.pixels[chosen_B], self.labels[chosen_B])


def _tensor(array: NDArray[Any]) -> Tensor:
    with warnings.catch_warnings():
        # Workers of one node share the array's memory, which is theirs to read alone; so do tensors.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
