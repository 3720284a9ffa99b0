"""The data sets by name, with the facts that a plan needs before any image is read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dse.errors import DataError


class Protocol(StrEnum):
    """Which images choose the best epoch.

    ``HOLDOUT`` trains on the training images less a stratified validation split, which chooses;
    test accuracy is recorded and only reported. ``PAPER`` trains on all training images and takes the
    best epoch on the test set, as Marchisio et al. 2019 did.
    """

    HOLDOUT = "holdout"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class ImageShape:
    """What a model sees: channels x height x width pixels and the number of classes."""

    channels: int
    height: int
    width: int
    classes: int

    @property
    def pixels(self) -> int:
        """How many numbers an image has, all channels counted."""
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """The published facts of a data set.

    Attributes:
        train_images: Images of the official training part.
        test_images: Images of the official test part.
        validation_images: How many training images ``holdout`` sets aside by default.
        folder: Name that torchvision gives to its folder below the data directory; empty if built in.
    """

    name: str
    shape: ImageShape
    train_images: int
    test_images: int
    validation_images: int
    folder: str
    title: str

    @property
    def built_in(self) -> bool:
        """Whether it needs no files."""
        return not self.folder


MNIST_SHAPE = ImageShape(channels=1, height=28, width=28, classes=10)

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset("digits", MNIST_SHAPE, 1_400, 397, 200, "", "8x8 digits of scikit-learn, upscaled to 28x28"),
        Dataset("mnist", MNIST_SHAPE, 60_000, 10_000, 6_000, "MNIST", "handwritten digits"),
        Dataset("fashion_mnist", MNIST_SHAPE, 60_000, 10_000, 6_000, "FashionMNIST", "clothing"),
        Dataset("kmnist", MNIST_SHAPE, 60_000, 10_000, 6_000, "KMNIST", "cursive Japanese characters"),
        Dataset(
            "cifar10", ImageShape(3, 32, 32, 10), 50_000, 10_000, 5_000, "cifar-10-batches-py", "photographs"
        ),
    )
}


def find_dataset(name: str) -> Dataset:
    """Look a data set up by its name.

    Raises:
        DataError: The name is not one of ``DATASETS``.

    >>> find_dataset("mnist").train_images
    60000
    """
    try:
        return DATASETS[name]
    except KeyError:
        raise DataError(
            f"data set {name!r} is unknown. Choose one of: {', '.join(DATASETS)}; or give the path of your own "
            "images."
        ) from None


@dataclass(frozen=True, slots=True)
class Split:
    """How many images train, choose and test."""

    train_images: int
    validation_images: int
    test_images: int


def split_sizes(
    dataset: Dataset,
    protocol: Protocol,
    images: int | None = None,
    validation_images: int | None = None,
    test_images: int | None = None,
) -> Split:
    """Decide how many images play which part; what is not asked for is all there is.

    Args:
        dataset: The data set's facts.
        protocol: Which images choose the best epoch.
        images: Training images wanted, drawn class by class; all that validation leaves if None.
        validation_images: Images set aside under ``holdout``; the data set's own number if None.
        test_images: Test images wanted; all if None.

    Raises:
        DataError: More images are asked for than there are, or fewer than one a class.

    >>> split_sizes(find_dataset("mnist"), Protocol.HOLDOUT).train_images
    54000
    >>> split_sizes(find_dataset("mnist"), Protocol.PAPER).train_images
    60000
    """
    if protocol is Protocol.PAPER:
        if validation_images:
            raise DataError(
                f"validation_images={validation_images}, but the protocol 'paper' chooses on the test set and "
                "sets none aside. Leave the key out, or use the protocol 'holdout'."
            )
        validation = 0
    else:
        validation = dataset.validation_images if validation_images is None else validation_images
        _check_count(
            "validation_images",
            validation,
            dataset.shape.classes,
            dataset.train_images - dataset.shape.classes,
        )
    left = dataset.train_images - validation
    train = left if images is None else images
    _check_count("images", train, dataset.shape.classes, left)
    test = dataset.test_images if test_images is None else test_images
    _check_count("test_images", test, dataset.shape.classes, dataset.test_images)
    return Split(train, validation, test)


def _check_count(key: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise DataError(
            f"{key}={value}, but it must lie between {low} (one a class) and {high} (all there are)."
        )
