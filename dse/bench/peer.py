"""The authors' public code (Alexei95/FasTrCaps), driven from outside: one training step as its main.py does it.

Dimensions: B images of a batch, C channels, H height, W width, X = C * H * W pixels, K classes.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler

from dse.errors import InputError
from dse.recipe.models.capsnet import CapsNetSize
from dse.training.images import DeviceImages
from dse.training.step import as_floats

# Its defaults: src/main.py, arguments of the parser.
RATE = 0.001
RECONSTRUCTION_WEIGHT = 0.0005
WORKERS = 4
# More images than any benchmark draws.
ENDLESS = 10**12

_FILES = ("src/model/layers.py", "src/utils.py")
_NAMES = {"src.model.layers": ("CapsNet", "loss_func"), "src.utils": ("one_hot_encode", "accuracy")}
_CURE = "Give a checkout of the authors' code: git clone https://github.com/Alexei95/FasTrCaps"


@dataclass(frozen=True, slots=True)
class PeerCode:
    """The modules of a checkout that a training step needs."""

    layers: Any
    utils: Any


def import_peer(folder: Path) -> PeerCode:
    """Import the authors' code from its checkout; other modules stay as they were.

    Raises:
        InputError: The folder is no such checkout, or its code cannot be imported.
    """
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise InputError(f"peer folder {folder}: {', '.join(missing)} is missing. {_CURE}.")
    with _importing_from(folder):
        try:
            modules = {name: importlib.import_module(name) for name in _NAMES}
        except (ImportError, SyntaxError) as error:
            raise InputError(
                f"peer folder {folder}: its code cannot be imported ({error}). {_CURE}."
            ) from error
    for module, names in _NAMES.items():
        absent = [name for name in names if not hasattr(modules[module], name)]
        if absent:
            raise InputError(f"peer folder {folder}: {module} has no {', '.join(absent)}. {_CURE}.")
    return PeerCode(modules["src.model.layers"], modules["src.utils"])


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Put a folder first on the path, and forget afterwards all that came of it."""

    def named_src() -> dict[str, Any]:
        return {name: sys.modules[name] for name in sys.modules if name.split(".")[0] == "src"}

    path, writes_nothing, others = sys.path.copy(), sys.dont_write_bytecode, named_src()
    for name in others:
        del sys.modules[name]
    sys.path.insert(0, str(folder.resolve()))
    sys.dont_write_bytecode = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.path[:] = path  # its modules append to it too
        sys.dont_write_bytecode = writes_nothing
        for name in named_src():
            del sys.modules[name]
        sys.modules.update(others)


class Peer:
    """The authors' newer CapsNet, what their main.py trains by default, with their optimizer and loop.

    Args:
        code: Their modules.
        size: Sizes of the network, given to their constructor; sharing by ``class_capsules`` alone.
        routing_iterations: Iterations of routing.
        images: Square ones, on the device.
        batch_size: DeviceImages of a step.
        device: Where to train.
    """

    def __init__(
        self,
        code: PeerCode,
        size: CapsNetSize,
        routing_iterations: int,
        images: DeviceImages,
        batch_size: int,
        device: torch.device,
    ) -> None:
        shared = size.sharing.class_capsules == "per_type"
        self._code = code
        self._classes = size.image.classes
        self._device = device
        self._cuda = device.type == "cuda"
        self._images, self._batch_size = images, batch_size
        # On CUDA their main.py wraps the model in DataParallel, and their train() takes it out again.
        self.model = code.layers.CapsNet(
            input_wh=size.image.width,
            num_conv_in_channels=size.image.channels,
            num_conv_out_channels=size.filters,
            num_primary_channels=size.types,
            primary_caps_dim=size.primary_size,
            digit_caps_dim=size.class_size,
            num_classes=size.image.classes,
            iter=routing_iterations,
            dec1_dim=size.decoder_hidden[0],
            dec2_dim=size.decoder_hidden[1],
            cuda_enabled=self._cuda,
            device=str(device),
            digit_shared_weights=size.positions if shared else 0,
        ).to(device)
        self.model.train()
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE)
        # The loader's workers start here, on no clock.
        self._batches = iter(endless_loader(images, batch_size, pinned=self._cuda))

    def run(self, steps: int) -> None:
        """Train with their data loader; it continues where the last call stopped."""
        with self._surroundings() as log:
            for _ in range(steps):
                images_BCHW, labels_B = next(self._batches)
                self._step(images_BCHW, labels_B, log)

    def run_without_loader(self, steps: int) -> None:
        """Train on one batch that lies on the device as floats, its labels on the host as theirs."""
        images_BCHW = as_floats(self._images.pixels[: self._batch_size])
        labels_B = self._images.labels[: self._batch_size].cpu()
        with self._surroundings() as log:
            for _ in range(steps):
                self._step(images_BCHW, labels_B, log)

    @contextmanager
    def _surroundings(self) -> Iterator[Any]:
        """Set what their main.py sets, and open a file for what it writes each step."""
        before = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = self._cuda or before
        try:
            with open(os.devnull, "w", encoding="utf-8") as log:
                yield log
        finally:
            torch.backends.cudnn.benchmark = before

    def _step(self, images_BCHW: Tensor, labels_B: Tensor, log: Any) -> None:
        """Train once, in the order of their train()."""
        target_BK = self._code.utils.one_hot_encode(labels_B, length=self._classes)
        if self._cuda:
            images_BCHW = images_BCHW.to(self._device)
            target_BK = target_BK.to(self._device)
            labels_B = labels_B.to(self._device)
        self._optimizer.zero_grad()
        output, reconstruction = self.model(images_BCHW, labels_B, True)
        image_BX = images_BCHW.view(images_BCHW.size(0), -1)
        loss, margin, reconstruction_loss = self._code.layers.loss_func(
            output, target_BK, RECONSTRUCTION_WEIGHT, reconstruction, image_BX, self._device
        )
        loss.backward()
        self._optimizer.step()
        log.write(f"{self._optimizer.param_groups[0]['lr']:.10f}")
        accuracy = self._code.utils.accuracy(output, labels_B, self._cuda)
        # They write these each step, which waits for the device.
        for value in (margin, reconstruction_loss, accuracy):
            log.write(f"{value.item():.6f}")


class _PilImages(Dataset[tuple[Tensor, int]]):
    """Images as torchvision's MNIST gives them: one PIL image at a time, transformed."""

    def __init__(self, images: DeviceImages) -> None:
        from torchvision import transforms  # here alone: it takes a second to import

        self._pixels_BHW = images.pixels[:, 0].cpu()
        self._labels_B = images.labels.cpu()
        # Theirs under today's names; resample=False was nearest, fillcolor is fill.
        self._transform = transforms.Compose(
            [
                transforms.RandomAffine(
                    degrees=0,
                    translate=(2 / 28, 2 / 28),
                    interpolation=transforms.InterpolationMode.NEAREST,
                    fill=0,
                ),
                transforms.ToTensor(),
            ]
        )

    def __len__(self) -> int:
        return len(self._labels_B)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        image = Image.fromarray(self._pixels_BHW[index].numpy())
        return self._transform(image), int(self._labels_B[index])


def endless_loader(images: DeviceImages, batch_size: int, pinned: bool) -> DataLoader[tuple[Tensor, int]]:
    """Build their loader: workers and pinned memory on CUDA alone.

    Pass follows pass without an end, in a new order each, so that a turn holds neither a smaller last batch nor the
    start of new workers, which main.py waits for at every epoch.
    """
    dataset = _PilImages(images)
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=RandomSampler(dataset, num_samples=ENDLESS),
        num_workers=WORKERS if pinned else 0,
        pin_memory=pinned,
    )
