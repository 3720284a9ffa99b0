"""Graphs take the reference's steps.

On a processor the engine is given a capture that keeps the work and does it again, which tests all but CUDA's own
part: what is chosen, copied, left over and restored. The same laws hold on a GPU with graphs.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from unittest.mock import MagicMock

import pytest
import torch
from torch import Tensor

from dse.data.datasets import MNIST_SHAPE, ImageShape
from dse.errors import DeviceError
from dse.networks.build import build_network
from dse.networks.capsnet import CapsNet
from dse.networks.network import PLAIN, Arithmetic, Network
from dse.recipe.batch_size import AdaBatch, Growing
from dse.recipe.models.capsnet import CapsNetModel, CapsNetSize
from dse.recipe.plan import compile_plan
from dse.recipe.recipe import Recipe
from dse.recipe.weight_sharing import WeightSharing
from dse.training.engines import build_engine
from dse.training.graph_engine import GraphEngine, steps_a_graph
from dse.training.graphs import WARM_UPS, CaptureError, GraphCapture, Work, capture_stream, restored
from dse.training.images import DeviceImages
from dse.training.step_engine import Engine, Setup, StepEngine
from dse.training.stretches import epoch_stretches

CPU = torch.device("cpu")
GPU = torch.device("cuda", 0)
SHAPE = ImageShape(1, 20, 20, 10)
SEED = 7


def images(count: int, shape: ImageShape = SHAPE, device: torch.device = CPU) -> DeviceImages:
    generator = torch.Generator().manual_seed(1)
    size = (count, shape.channels, shape.height, shape.width)
    return DeviceImages(
        torch.randint(0, 256, size, dtype=torch.uint8, generator=generator).to(device),
        torch.randint(0, 10, (count,), generator=generator).to(device),
    )


def capsnet(class_capsules: str = "none", device: torch.device = CPU) -> CapsNet:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        sharing = WeightSharing(class_capsules=class_capsules)
        network = CapsNet(CapsNetSize(SHAPE, sharing, filters=16, types=4, decoder_hidden=(16, 16)))
    return network.to(device)


def once_more(work: Work) -> Work:
    """Warm up as a capture does, and give the work itself."""
    work()
    return work


def graph_engine(network: Network, data: DeviceImages) -> GraphEngine:
    capture = None if data.device == GPU else once_more
    return GraphEngine(Setup(network, data, SEED), "fast", Arithmetic(analytic=True), capture)


def stretches(engine: Engine, total: int, plan: list[int]) -> list[Tensor]:
    """Train an epoch of each batch size, shuffled and in stretches as the training loop does it; give the sums."""
    sums = []
    for epoch, batch_size in enumerate(plan):
        order = torch.randperm(total, generator=engine.generator, device=engine.generator.device)
        rates = torch.linspace(1e-3, 2e-3, -(-total // batch_size), dtype=torch.float64) / (1 + epoch)
        for chosen, part in zip(torch.split(order, 40 * batch_size), torch.split(rates, 40), strict=True):
            sums.append(engine.train(chosen, batch_size, part.to(order.device)))
    return [part.cpu() for part in sums]


def lasting(engine: StepEngine) -> list[Tensor]:
    """All that a run leaves behind, the source of chance included."""
    state = engine._step.update.lasting
    kept = [*engine._network.parameters(), *engine._network.buffers(), *state, engine.generator.get_state()]
    return [tensor.detach().cpu().clone() for tensor in kept]


# Batch 1 takes whole graphs of 32 steps and some left over; 16 and 64 leave a smaller batch over; the last
# grows as AdaBatch does.
PLANS = {"1": (75, [1]), "16": (90, [16, 16]), "64": (150, [64, 64]), "adabatch": (70, [1, 16, 32, 64])}


@pytest.mark.parametrize("device", [CPU, pytest.param(GPU, marks=pytest.mark.gpu)], ids=str)
@pytest.mark.parametrize("class_capsules", ["none", "per_type"])
@pytest.mark.parametrize("plan", PLANS)
def test_graphs_take_the_steps_of_the_reference(plan, class_capsules, device, request) -> None:
    if device == GPU:
        request.getfixturevalue("gpu")
    total, sizes = PLANS[plan]
    data = images(total, device=device)
    reference = StepEngine(Setup(capsnet(class_capsules, device), data, SEED), "reference")
    graphed = graph_engine(capsnet(class_capsules, device), data)
    graphed.prepare(sizes + [total % size for size in sizes if total % size])
    prepared = dict(graphed._recordings)
    expected, got = (stretches(engine, total, sizes) for engine in (reference, graphed))
    # A GPU adds the convolution's gradients up in no fixed order, and early steps of Adam magnify that.
    rtol = 2e-4 if device == CPU else 5e-3
    torch.testing.assert_close(got, expected, rtol=rtol, atol=1e-4)
    # The shifts are the same draw for draw.
    assert torch.equal(graphed.generator.get_state(), reference.generator.get_state())
    assert graphed._recordings == prepared, "a size was recorded while the clock ran"


@pytest.mark.parametrize("device", [CPU, pytest.param(GPU, marks=pytest.mark.gpu)], ids=str)
def test_graphs_take_the_steps_of_the_reference_where_a_batch_grows_within_an_epoch(device, request) -> None:
    if device == GPU:
        request.getfixturevalue("gpu")
    schedule = Growing(start=8, growth=2, at=(0.2, 0.6), within_epochs=True)
    plan = compile_plan(Recipe(batch_size=schedule, epochs=2), MNIST_SHAPE, 90)
    assert [len(epoch) for epoch in plan.segments] == [2, 2]
    data = images(90, device=device)
    reference = StepEngine(Setup(capsnet(device=device), data, SEED), "reference")
    graphed = graph_engine(capsnet(device=device), data)
    graphed.prepare(plan.step_sizes)
    prepared = dict(graphed._recordings)
    expected, got = (
        [
            engine.train(chosen, size, rates).cpu()
            for epoch in plan.epochs
            for chosen, size, rates, _ in epoch_stretches(plan, epoch, engine.generator)
        ]
        for engine in (reference, graphed)
    )
    torch.testing.assert_close(got, expected, rtol=2e-4 if device == CPU else 5e-3, atol=1e-4)
    assert graphed._recordings == prepared, "a size was recorded while the clock ran"


@pytest.mark.parametrize("device", [CPU, pytest.param(GPU, marks=pytest.mark.gpu)], ids=str)
def test_preparing_leaves_no_trace(device, request) -> None:
    if device == GPU:
        request.getfixturevalue("gpu")
    data = images(40, device=device)
    engine = graph_engine(capsnet(device=device), data)
    stretches(engine, 40, [16])  # so that there is something to lose
    before = lasting(engine)
    engine.prepare([1, 7, 32])
    assert all(torch.equal(now, then) for now, then in zip(lasting(engine), before, strict=True))
    assert all(parameter.grad is None for parameter in engine._network.parameters())


def test_an_unprepared_size_is_recorded_on_the_way() -> None:
    data = images(40)
    one, other = (graph_engine(capsnet(), data) for _ in range(2))
    one.prepare([16, 8])
    torch.testing.assert_close(stretches(one, 40, [16]), stretches(other, 40, [16]), rtol=0, atol=0)


def test_engines_of_a_device_share_one_stream_of_captures(monkeypatch) -> None:
    made: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: made.append(device) or object())
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
    capture_stream.cache_clear()
    generator, other = torch.Generator(), torch.device("cuda", 1)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(()))])
    first, second, third = (GraphCapture(device, generator, [optimizer]) for device in (GPU, GPU, other))
    capture_stream.cache_clear()
    assert first._stream is second._stream is not third._stream
    assert made == [GPU, other]


def test_garbage_is_collected_between_warm_up_and_record(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: MagicMock())
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
    for name in ("current_stream", "stream", "device"):
        monkeypatch.setattr(torch.cuda, name, lambda _: MagicMock())
    order: list[str] = []
    monkeypatch.setattr(gc, "collect", lambda: order.append("collect"))
    capture_stream.cache_clear()
    capture = GraphCapture(GPU, torch.Generator(), [torch.optim.SGD([torch.nn.Parameter(torch.ones(()))])])
    monkeypatch.setattr(capture, "_record", lambda work: order.append("record") or MagicMock())
    capture(lambda: order.append("work"))
    capture_stream.cache_clear()
    assert order == ["work"] * WARM_UPS + ["collect", "record"]


def test_short_steps_share_a_graph() -> None:
    engine = graph_engine(capsnet(), images(40))
    engine.prepare([1, 16, 33])
    assert set(engine._recordings) == {(1, 1), (32, 1), (1, 16), (2, 16), (1, 33)}
    assert [steps_a_graph(size) for size in (1, 3, 31, 32, 4096)] == [32, 10, 1, 1, 1]


def test_rates_and_batches_must_agree() -> None:
    engine = graph_engine(capsnet(), images(8))
    for rates in (1, 3):
        with pytest.raises(ValueError, match=f"{rates} rates for 8 images in batches of 4: .* one for each"):
            engine.train(torch.arange(8), 4, torch.full((rates,), 0.001))


def test_what_fails_is_restored_too() -> None:
    tensor, generator = torch.ones(2), torch.Generator().manual_seed(3)
    state = generator.get_state()

    def fail() -> None:
        with restored([tensor], generator):
            tensor.zero_()
            torch.rand(1, generator=generator)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert tensor.tolist() == [1, 1]
    assert torch.equal(generator.get_state(), state)


def test_a_step_that_cannot_be_recorded_says_so() -> None:
    def capture(work: Work) -> Work:
        raise CaptureError("operation not permitted when stream is capturing")

    engine = GraphEngine(Setup(capsnet(), images(8), SEED), "fast", PLAIN, capture)
    with pytest.raises(
        DeviceError,
        match="of batch size 4 cannot be recorded .*: operation not permitted .* --engine reference",
    ):
        engine.prepare([4])


# Looks at a number on the device while it trains, which a graph cannot do.
SPOILT = """
import torch
from dse.errors import DeviceError
from dse.networks.network import PLAIN, Losses, Network
from dse.training.engines import build_engine
from dse.training.images import DeviceImages
from dse.training.step_engine import Setup

class Curious(Network):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def losses(self, images_BCHW, labels_B, arithmetic=PLAIN):
        loss = self.weight * images_BCHW.mean().item()
        return Losses(loss, loss, loss)

gpu = torch.device("cuda", 0)
images = DeviceImages(torch.zeros(8, 1, 20, 20, dtype=torch.uint8, device=gpu), torch.zeros(8, dtype=int, device=gpu))
engine = build_engine("fast", Setup(Curious().to(gpu), images, 7))
try:
    engine.prepare([4])
except DeviceError as error:
    print("REFUSED", error)
"""


@pytest.mark.gpu
def test_a_step_that_waits_for_the_device_cannot_be_recorded(gpu: torch.device) -> None:
    # In a process of its own: torch 2.11 believes afterwards that it still records, and later tests would fail.
    done = subprocess.run(
        [sys.executable, "-c", SPOILT], capture_output=True, text=True, check=False, timeout=120
    )
    expected = "REFUSED a training step of batch size 4 cannot be recorded as a CUDA graph: "
    assert expected in done.stdout, done.stderr
    assert "--engine" in done.stdout


def test_the_spoilt_step_is_refused_for_what_it_does() -> None:
    """The same program on a processor, with a capture that refuses as CUDA's would."""
    program = SPOILT.replace('"cuda", 0', '"cpu"').replace(
        'build_engine("fast", Setup(Curious().to(gpu), images, 7))',
        'GraphEngine(Setup(Curious(), images, 7), "fast", PLAIN, capture)',
    )
    names: dict[str, object] = {"capture": _refuse, "GraphEngine": GraphEngine, "__name__": "spoilt"}
    with redirect_stdout(StringIO()) as printed:
        exec(program, names)
    assert (
        "REFUSED a training step of batch size 4 cannot be recorded as a CUDA graph: not so."
        in printed.getvalue()
    )


def _refuse(work: Work) -> Work:
    work()
    raise CaptureError("not so")


@pytest.fixture
def no_waiting(gpu: torch.device) -> Iterator[Callable[[str], None]]:
    yield torch.cuda.set_sync_debug_mode
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
@pytest.mark.parametrize("name", ["fast", "reference"])
@pytest.mark.parametrize("batch_size", [1, 16, 100])
def test_training_does_not_wait_for_the_device(gpu, no_waiting, batch_size, name) -> None:
    data = images(250, device=gpu)
    engine = build_engine(name, Setup(capsnet(device=gpu), data, SEED))
    engine.prepare([batch_size, 250 % batch_size or batch_size])
    chosen = torch.arange(250, device=gpu)
    rates = torch.full((-(-250 // batch_size),), 1e-3, device=gpu)
    engine.train(chosen, batch_size, rates)
    no_waiting("error")
    engine.train(chosen, batch_size, rates)


@pytest.mark.gpu
def test_full_capsnet_and_mnist_take_less_than_8_gb(gpu: torch.device) -> None:
    torch.cuda.reset_peak_memory_stats(gpu)
    recipe = Recipe(model=CapsNetModel(), batch_size=AdaBatch(start=64, period=1), epochs=2)
    plan = compile_plan(recipe, MNIST_SHAPE, 60_000)
    data = images(plan.images, MNIST_SHAPE, gpu)
    engine = build_engine("fast", Setup(build_network(recipe, MNIST_SHAPE, 0, gpu), data, SEED))
    assert engine.name == "fast"
    engine.prepare([128, 64, *(plan.images % size for size in (128, 64))])
    engine.train(torch.arange(1280, device=gpu), 128, torch.full((10,), 1e-3, device=gpu))
    torch.cuda.synchronize(gpu)
    assert torch.cuda.max_memory_allocated(gpu) < 8e9


@pytest.mark.gpu
@pytest.mark.parametrize("class_capsules", ["none", "per_type"])
@pytest.mark.parametrize("batch_size", [1, 16, 128])
def test_the_full_capsnet_takes_the_steps_of_the_reference(gpu, batch_size, class_capsules) -> None:
    recipe = Recipe(weight_sharing=WeightSharing(class_capsules=class_capsules))
    total = 5 * batch_size + batch_size // 2
    data = images(total, MNIST_SHAPE, gpu)
    engines = [
        build_engine(name, Setup(build_network(recipe, MNIST_SHAPE, 0, gpu), data, SEED))
        for name in ("reference", "fast")
    ]
    engines[1].prepare([batch_size, total % batch_size or batch_size])
    expected, got = (stretches(engine, total, [batch_size]) for engine in engines)
    torch.testing.assert_close(got, expected, rtol=5e-3, atol=1e-3)
