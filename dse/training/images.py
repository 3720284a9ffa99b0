"""Images where they are trained on: tensors, moved to the device once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
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
        return cls(torch.from_numpy(images.pixels).to(device), torch.from_numpy(images.labels).to(device))

    @property
    def device(self) -> torch.device:
        """The device that holds the images."""
        return self.labels.device

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen_B: Tensor | slice) -> DeviceImages:
        return DeviceImages(self.pixels[chosen_B], self.labels[chosen_B])
