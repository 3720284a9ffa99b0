"""Every optimizer updates as its library does, and a mean of weights is what its formula says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import dse
from dse.data.datasets import MNIST_SHAPE, ImageShape
from dse.errors import RecipeError
from dse.networks.build import build_network
from dse.networks.network import PLAIN, Network
from dse.recipe.averaging import ExponentialAveraging
from dse.recipe.batch_size import Constant
from dse.recipe.models.cnn import CnnModel
from dse.recipe.models.efficient_capsnet import EfficientCapsNetModel
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.optimizer import OPTIMIZERS, Adam, Muon, Optimizer, ScheduleFree, Sgd
from dse.recipe.recipe import Recipe
from dse.training.evaluation import right_images
from dse.training.graph_engine import GraphEngine
from dse.training.images import DeviceImages
from dse.training.muon import MatrixMuon, orthogonal
from dse.training.step_engine import Setup, StepEngine
from dse.training.update import UPDATES, Update, build_update
from tests.small import FEW_DIGITS, state_of, trained
from tests.training.test_graphs import once_more

CPU = torch.device("cpu")
SHAPE = ImageShape(1, 20, 20, 10)
RATES = (0.003, 0.01, 0.002, 0.01)


def small_network(seed: int = 0) -> Network:
    return build_network(Recipe(model=CnnModel(filters=2)), SHAPE, seed, CPU)


def gradients(network: nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for weight in network.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)


def assert_same_steps(update: Update, other: nn.Module, take: Callable[[float], None]) -> None:
    """Give two networks of the same weights the same gradients, and compare their weights after each step."""
    for step, rate in enumerate(RATES):
        gradients(update.network, step)
        gradients(other, step)
        update(torch.tensor(rate, dtype=torch.float64), torch.tensor(0.5))
        take(rate)
        for mine, theirs in zip(update.network.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-7)


def stepping(optimizers: list[torch.optim.Optimizer]) -> Callable[[float], None]:
    def take(rate: float) -> None:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()

    return take


def test_every_registered_optimizer_updates() -> None:
    assert UPDATES.keys() == OPTIMIZERS.keys()


def test_adam_and_sgd_are_torchs() -> None:
    plain = small_network()
    adam = torch.optim.Adam(plain.parameters(), betas=(0.8, 0.99), foreach=False)
    update = build_update(small_network(), Adam(beta1=0.8, beta2=0.99), False, CPU)
    assert_same_steps(update, plain, stepping([adam]))
    plain = small_network()
    sgd = torch.optim.SGD(plain.parameters(), momentum=0.8, nesterov=True, foreach=False)
    assert_same_steps(build_update(small_network(), Sgd(momentum=0.8), False, CPU), plain, stepping([sgd]))


def test_schedule_free_is_its_authors() -> None:
    schedulefree = pytest.importorskip("schedulefree", reason="the authors' package is not installed")
    plain, settings = small_network(), ScheduleFree(beta1=0.8, beta2=0.99)
    authors = schedulefree.AdamWScheduleFree(plain.parameters(), lr=1, betas=(0.8, 0.99), foreach=False)
    authors.train()
    update = build_update(small_network(), settings, True, CPU)
    take, shares = stepping([authors]), settings.average_shares(np.array(RATES))
    for step, (rate, share) in enumerate(zip(RATES, shares, strict=True)):
        gradients(update.network, step)
        gradients(plain, step)
        update(torch.tensor(rate), torch.tensor(share))
        take(rate)
        for mine, theirs in zip(update.network.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
        authors.eval()
        for mine, theirs in zip(update.evaluated.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
        authors.train()


def test_muon_updates_kernels_by_the_nearest_orthogonal_matrix_and_the_rest_by_adam() -> None:
    network = small_network()
    before = state_of(network)
    update = build_update(network, Muon(), False, CPU)
    gradients(network, 0)
    directions = {name: weight.grad.clone() for name, weight in network.named_parameters()}
    update(torch.tensor(0.01), None)
    for name, weight in network.named_parameters():
        moved = (before[name] - weight.detach()) / 0.01
        if weight.ndim == 4:
            # With one gradient so far the momentum points where the gradient does.
            u, _, v = torch.linalg.svd(directions[name].flatten(1).double(), full_matrices=False)
            nearest = 0.2 * max(moved.flatten(1).shape) ** 0.5 * (u @ v)
            cosine = torch.cosine_similarity(moved.flatten().double(), nearest.flatten(), dim=0)
            assert cosine > 0.97
            assert 0.7 < moved.norm() / nearest.norm() < 1.2
        else:
            torch.testing.assert_close(moved, directions[name].sign(), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("shape", [(4, 30), (30, 4), (8, 8)])
def test_the_short_iteration_is_the_long_one(shape: tuple[int, int]) -> None:
    """The same polynomial, computed on X itself as the authors do, in double precision."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    long = matrix if shape[0] <= shape[1] else matrix.T
    long = long / (long.norm() + 1e-7)
    for _ in range(5):
        gram = long @ long.T
        long = 3.4445 * long + (-4.7750 * gram + 2.0315 * gram @ gram) @ long
    expected = long if shape[0] <= shape[1] else long.T
    torch.testing.assert_close(orthogonal(matrix), expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(orthogonal(matrix.float()).double(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
def test_matrices_move_as_with_torchs_muon() -> None:
    """Torch iterates in bfloat16, so only about as far."""
    weights = [nn.Parameter(torch.randn(6, 20, generator=torch.Generator().manual_seed(1))) for _ in range(2)]
    rate = torch.zeros(())
    ours = MatrixMuon(weights[:1], rate, momentum=0.95)
    torchs = torch.optim.Muon(weights[1:], momentum=0.95, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    start = weights[0].detach().clone()
    for step, value in enumerate(RATES):
        for weight in weights:
            weight.grad = torch.randn(6, 20, generator=torch.Generator().manual_seed(step))
        rate.fill_(value)
        torchs.param_groups[0]["lr"] = value
        ours.step()
        torchs.step()
        moved = [weight.detach() - start for weight in weights]
        assert (moved[0] - moved[1]).norm() < 0.03 * moved[1].norm()


def test_the_mean_of_weights_is_the_weighted_sum_of_all_of_them() -> None:
    network = small_network()
    update = build_update(network, Adam(), True, CPU)
    images_seen = np.array([4, 8, 10, 14])
    shares = ExponentialAveraging(half_life=0.25).average_shares(images_seen)
    seen: list[Tensor] = []
    for step, (rate, share) in enumerate(zip(RATES, shares, strict=True)):
        gradients(network, step)
        update(torch.tensor(rate), torch.tensor(share))
        seen.append(torch.cat([weight.detach().flatten() for weight in network.parameters()]))
    # Weights count half as much for each 0.25 x images seen that came after them.
    kept = 0.5 ** (np.diff(images_seen, prepend=0) / (0.25 * images_seen))
    factors = np.array([(1 - kept[i]) * kept[i + 1 :].prod() for i in range(4)])
    expected = sum(float(f) * weights for f, weights in zip(factors / factors.sum(), seen, strict=True))
    mean = torch.cat([weight.detach().flatten() for weight in update.evaluated.parameters()])
    torch.testing.assert_close(mean, expected)


def setups(optimizer: Optimizer, averages: bool) -> list[Setup]:
    generator = torch.Generator().manual_seed(1)
    images = DeviceImages(
        torch.randint(0, 256, (22, 1, 20, 20), dtype=torch.uint8, generator=generator),
        torch.randint(0, 10, (22,), generator=generator),
    )
    return [Setup(small_network(), images, 7, "float32", optimizer, averages) for _ in range(2)]


@pytest.mark.parametrize("averages", [False, True])
@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_graphs_update_as_the_reference_does(kind: type[Optimizer], averages: bool) -> None:
    one, other = setups(kind(), averages or kind is ScheduleFree)
    reference = StepEngine(one, "reference")
    graphs = GraphEngine(other, "fast", PLAIN, once_more)
    graphs.prepare([4])
    rates, shares = torch.full((6,), 0.01, dtype=torch.float64), torch.tensor([1, 0.5, 0.3, 0.3, 0.2, 0.2])
    order = torch.arange(22)
    torch.testing.assert_close(
        graphs.train(order, 4, rates, shares.double()), reference.train(order, 4, rates, shares.double())
    )
    for mine, theirs in zip(graphs.evaluated.parameters(), reference.evaluated.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_mean_without_shares_is_refused() -> None:
    one, other = setups(Adam(), True)
    for engine in (StepEngine(one, "reference"), GraphEngine(other, "fast", PLAIN, once_more)):
        with pytest.raises(ValueError, match="give the plan's average_shares"):
            engine.train(torch.arange(22), 22, torch.tensor([0.01]))


def test_the_mean_is_what_is_evaluated_and_saved() -> None:
    recipe = Recipe(
        model=LeNet5Model(),
        epochs=2,
        batch_size=Constant(size=32),
        averaging=ExponentialAveraging(half_life=0.5),
    )
    trainer = dse.Trainer(dse.Machine(device="cpu"), FEW_DIGITS)
    plan = trainer.plan(recipe)
    network = trainer.network(plan, 0)
    run = trainer.train(plan, 0, None, network)
    assert trained(recipe).curve[-1].test_accuracy == run.curve[-1].test_accuracy
    plain = trained(recipe.model_copy(update={"averaging": Recipe().averaging}))
    assert [row.loss for row in plain.curve] == [row.loss for row in run.curve]
    again = StepEngine(Setup(network, trainer.parts[0], 0), "reference")
    assert right_images(again.predict, trainer.parts[2]).share == run.curve[-1].test_accuracy


def test_running_means_are_averaged_too_and_schedule_free_refuses_them() -> None:
    network = build_network(Recipe(model=EfficientCapsNetModel()), MNIST_SHAPE, 0, CPU)
    update = build_update(network, Adam(), True, CPU)
    network.norms[0].running_mean.fill_(1.0)
    for weight in network.parameters():
        weight.grad = torch.zeros_like(weight)
    update(torch.tensor(0.1), torch.tensor(0.25))
    assert update.evaluated.norms[0].running_mean.eq(0.25).all()
    with pytest.raises(RecipeError, match="this network gathers running means over its batches"):
        build_update(network, ScheduleFree(), True, CPU)


def test_muon_needs_a_convolution() -> None:
    class Line(Network):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(4, 2)

    with pytest.raises(RecipeError, match="muon is for convolutions, and this network has none"):
        build_update(Line(), Muon(), False, CPU)
