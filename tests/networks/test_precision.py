"""A reduced precision changes products of training steps by its rounding, and nothing else."""

from __future__ import annotations

import pytest
import torch

from dse.data.datasets import MNIST_SHAPE
from dse.errors import DeviceError
from dse.networks.build import build_network
from dse.networks.network import PLAIN, Arithmetic, Network
from dse.networks.precision import check_precision, in_full, inputs_in, products_in
from dse.recipe.batch_size import Constant
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.training.engines import build_engine
from dse.training.evaluation import right_images
from dse.training.images import DeviceImages
from dse.training.step_engine import Setup
from tests.small import trained

TINY = CapsNetModel(preset="tiny")
SHARED = WeightSharing(class_capsules="per_type")
RECIPES = {
    "capsnet": Recipe(model=TINY),
    "shared": Recipe(model=TINY, weight_sharing=SHARED),
    "lenet5": Recipe(model=LeNet5Model()),
}
# Units in the last place of bfloat16 are 2^-8 of a number, of TF32 2^-11; losses are sums over many products.
TOLERANCE = {"bfloat16": 0.02, "tf32": 0.003}


def losses(recipe: Recipe, precision: str, data, device: torch.device, engine: str) -> torch.Tensor:
    """Train three steps on the same 20 images; give each step's sums of losses."""
    network = build_network(recipe, MNIST_SHAPE, 0, device)
    runner = build_engine(engine, Setup(network, DeviceImages.of(data.train, device), 0, precision))
    chosen, rates = torch.arange(20, device=device), torch.tensor([0.001], device=device)
    sums = torch.stack([runner.train(chosen, 20, rates) for _ in range(3)])
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())
    return sums.cpu()


@pytest.mark.parametrize("engine", ["reference", "fast"])
@pytest.mark.parametrize("name", RECIPES)
def test_bfloat16_trains_as_float32_does(name, engine, few_digits, cpu) -> None:
    full, rounded = (losses(RECIPES[name], p, few_digits, cpu, engine) for p in ("float32", "bfloat16"))
    assert not torch.equal(full, rounded)
    torch.testing.assert_close(rounded, full, rtol=TOLERANCE["bfloat16"], atol=0)


@pytest.mark.gpu
@pytest.mark.parametrize("engine", ["reference", "fast"])
@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
@pytest.mark.parametrize("name", RECIPES)
def test_a_gpu_trains_alike_in_every_precision(name, precision, engine, few_digits, gpu) -> None:
    full, rounded = (losses(RECIPES[name], p, few_digits, gpu, engine) for p in ("float32", precision))
    torch.testing.assert_close(rounded, full, rtol=TOLERANCE[precision], atol=0)


@pytest.mark.gpu
def test_products_on_a_gpu_have_the_precision_that_is_asked_for(gpu) -> None:
    left, right = torch.rand(2, 256, 256, generator=torch.Generator().manual_seed(0)).double()
    exact = left @ right
    images, kernels = left.view(1, 16, 64, 64), right.view(256, 16, 4, 4)
    convolved = torch.nn.functional.conv2d(images, kernels)

    def error(precision: str) -> tuple[float, float]:
        with products_in(precision, gpu):
            product = left.float().to(gpu) @ right.float().to(gpu)
            convolution = torch.nn.functional.conv2d(images.float().to(gpu), kernels.float().to(gpu))
        return (
            float((product.cpu() / exact - 1).abs().max()),
            float((convolution.cpu() / convolved - 1).abs().max()),
        )

    assert max(error("float32")) < 1e-5
    rounded_product, rounded_convolution = error("tf32")  # which may use TF32, and need not
    assert 3e-5 < rounded_product < 3e-3
    assert rounded_convolution < 3e-3


def settings() -> tuple[str, str]:
    return torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision


def older_settings() -> tuple[str, bool, bool]:
    """What Inductor and older code read; torch raises where it is at odds with the newer settings."""
    backends = torch.backends
    return (
        torch.get_float32_matmul_precision(),
        backends.cuda.matmul.allow_tf32,
        backends.cudnn.allow_tf32,
    )


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_what_was_set_before_holds_afterwards(precision) -> None:
    rounded = precision == "tf32"

    def fail() -> None:
        with products_in(precision, torch.device("cuda")):
            assert older_settings() == ("high" if rounded else "highest", rounded, rounded)
            assert all((setting == "tf32") == rounded for setting in settings())
            raise ZeroDivisionError

    before, older = settings(), older_settings()
    with pytest.raises(ZeroDivisionError):
        fail()
    assert settings() == before
    assert older_settings() == older


@pytest.mark.parametrize(
    "kind", [torch.backends.cuda.matmul, torch.backends.cudnn.conv], ids=["matmul", "conv"]
)
def test_a_setting_that_older_names_cannot_tell_holds_afterwards(kind) -> None:
    original = kind.fp32_precision
    other = "tf32" if original != "tf32" else "ieee"
    kind.fp32_precision = other
    try:
        with products_in("float32", torch.device("cuda")):
            assert older_settings() == ("highest", False, False)
        assert kind.fp32_precision == other
    finally:
        kind.fp32_precision = original


def test_routing_is_never_rounded(cpu) -> None:
    matrix = torch.rand(4, 4)
    with inputs_in("bfloat16", cpu):
        assert (matrix @ matrix).dtype == torch.bfloat16
        with in_full(cpu):
            assert (matrix @ matrix).dtype == torch.float32
    with inputs_in("float32", cpu):
        assert (matrix @ matrix).dtype == torch.float32


def test_a_processor_refuses_what_it_would_not_do(cpu) -> None:
    recipe = Recipe(model=TINY, precision="tf32", batch_size=Constant(size=50), epochs=1)
    with pytest.raises(DeviceError, match="precision: tf32 has no effect on device 'cpu'.*Use float32 or"):
        trained(recipe)
    check_precision({"float32", "bfloat16"}, cpu)
    check_precision({"tf32"}, torch.device("cuda"))


def test_a_run_in_bfloat16_says_so_in_its_losses() -> None:
    recipe = Recipe(model=LeNet5Model(), batch_size=Constant(size=50), epochs=1)
    full, rounded = (
        trained(recipe.model_copy(update={"precision": precision})).curve[0].loss
        for precision in ("float32", "bfloat16")
    )
    assert rounded == pytest.approx(full, rel=TOLERANCE["bfloat16"])
    assert rounded != full


@pytest.mark.gpu
def test_evaluation_is_in_float32_whatever_was_set(few_digits, gpu) -> None:
    class Watched(Network):
        def predict(self, images_BCHW: torch.Tensor, arithmetic: Arithmetic = PLAIN) -> torch.Tensor:
            assert "tf32" not in settings()
            return torch.zeros(len(images_BCHW), dtype=torch.int64, device=gpu)

    with products_in("tf32", gpu):
        right_images(Watched().predict, DeviceImages.of(few_digits.test, gpu))
